/**
 * Keys by place, for "did you mean", and keys of later versions, so that a config written from newer docs is told so
 * instead of being asked about a misspelling. Places are option paths without names and numbers.
 */
const LIST_KEYS = [
  "ranges",
  "file",
  "url",
  "crowdsec",
  "column",
  "interval",
  "timeout",
  "maxSize",
  "maxShrink",
];

const CHALLENGE_KEYS = [
  "provider",
  "when",
  "difficulty",
  "clearance",
  "timeLimit",
  "noScript",
  "bind",
];

const CACHE_KEYS = [
  "ttl",
  "key",
  "vary",
  "methods",
  "statuses",
  "ignoreQuery",
  "tags",
  "staleWhileRevalidate",
  "staleIfError",
  "errorStatuses",
  "heuristic",
  "setCookie",
];

const WAF_CONDITION_KEYS = ["variables", "except", "transformations", "operator", "not", "needs"];

const WAF_PLACES: Readonly<Record<string, readonly string[]>> = {
  "": ["mode", "paranoia", "threshold", "exclude", "rules", "maxInspect", "response", "onMatch"],
  ".exclude": ["path", "parameter", "rules", "tags"],
  ".rules": [...WAF_CONDITION_KEYS, "id", "message", "severity", "paranoia", "tags", "chain"],
  ".rules.chain": WAF_CONDITION_KEYS,
  ".rules.needs": ["characters", "literals", "minLength"],
  ".rules.chain.needs": ["characters", "literals", "minLength"],
  ".response": ["maxInspect", "threshold"],
};

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "": [
    "listen",
    "admin",
    "trustedProxies",
    "upstreams",
    "routes",
    "requestContent",
    "responseContent",
    "cache",
    "compression",
    "headers",
    "rateLimits",
    "rateLimitMode",
    "allowlists",
    "blocklists",
    "limits",
    "timeouts",
    "upgrades",
    "trace",
    "paths",
    "forwarded",
    "log",
    "challenge",
    "waf",
    "plugins",
    "dataDir",
    "retireAfter",
    "closeStreamsAfter",
    "drainTimeout",
    "onRequest",
    "onUpstreamResponse",
    "onResponse",
    "onUpgrade",
    "onError",
    "onComplete",
    "transforms",
  ],
  listen: ["port", "host", "h2c", "tls", "redirectToHttps", "proxyProtocol"],
  "listen.proxyProtocol": ["from"],
  "listen.tls": [
    "certificates",
    "onServerName",
    "acme",
    "unknownName",
    "minVersion",
    "clientCertificates",
    "hosts",
    "handshakeTimeout",
  ],
  "listen.tls.certificates": ["cert", "key", "passphrase", "folder"],
  "listen.tls.acme": [
    "agreeTos",
    "email",
    "directory",
    "directoryCa",
    "externalAccount",
    "challenges",
    "hosts",
    "onDemand",
    "ordersPerHour",
  ],
  "listen.tls.acme.externalAccount": ["kid", "hmacKey"],
  "listen.tls.clientCertificates": ["mode", "ca"],
  "listen.tls.hosts.*": ["minVersion", "clientCertificates"],
  "listen.tls.hosts.*.clientCertificates": ["mode", "ca"],
  admin: ["port", "host", "token", "hosts"],
  "upstreams.*": [
    "targets",
    "balance",
    "pick",
    "spillBelow",
    "panicThreshold",
    "retry",
    "hedge",
    "resolve",
    "tls",
    "mirror",
    "healthCheck",
    "outliers",
    "breaker",
    "slowStart",
    "split",
    "by",
    "maxConnections",
    "maxQueue",
    "queueTimeout",
    "idleTimeout",
    "maxConnectionAge",
    "maxRequestsPerConnection",
    "http2",
    "maxStreams",
    "proxyProtocol",
    "host",
    "headers",
    "timeouts",
    "fetch",
  ],
  "upstreams.*.targets": ["url", "weight", "priority", "maxConnections"],
  "upstreams.*.resolve": ["by", "servers", "interval"],
  "upstreams.*.tls": ["ca", "serverName", "cert", "key", "passphrase", "verify"],
  "upstreams.*.healthCheck": [
    "type",
    "interval",
    "downInterval",
    "timeout",
    "jitter",
    "healthyThreshold",
    "unhealthyThreshold",
    "path",
    "method",
    "host",
    "headers",
    "expectedStatus",
    "expectedBody",
    "maxBody",
    "check",
  ],
  "upstreams.*.outliers": [
    "consecutiveErrors",
    "errorRate",
    "latency",
    "errorStatus",
    "baseTime",
    "maxTime",
    "maxEjected",
  ],
  "upstreams.*.outliers.errorRate": ["above", "minRequests", "window"],
  "upstreams.*.outliers.latency": ["factor", "minimum"],
  "upstreams.*.breaker": [
    "consecutiveErrors",
    "errorRate",
    "errorStatus",
    "openFor",
    "trials",
    "successes",
  ],
  "upstreams.*.breaker.errorRate": ["above", "minRequests", "window"],
  "upstreams.*.balance": ["type", "by", "boundedLoad", "cookie", "secret", "otherwise"],
  "upstreams.*.balance.by": ["header", "cookie"],
  "upstreams.*.balance.cookie": [
    "name",
    "path",
    "domain",
    "maxAge",
    "sameSite",
    "secure",
    "httpOnly",
  ],
  "upstreams.*.by": ["header", "cookie"],
  "upstreams.*.retry": [
    "attempts",
    "methods",
    "statuses",
    "perTryTimeout",
    "backoff",
    "retryAfter",
    "when",
    "budget",
  ],
  "upstreams.*.retry.backoff": ["base", "max"],
  "upstreams.*.retry.budget": ["share", "minPerSecond"],
  "upstreams.*.hedge": ["after", "max"],
  "routes.retry": [
    "attempts",
    "methods",
    "statuses",
    "perTryTimeout",
    "backoff",
    "retryAfter",
    "when",
  ],
  "routes.retry.backoff": ["base", "max"],
  "routes.hedge": ["after", "max"],
  "upstreams.*.mirror": ["upstream", "share", "maxRequests", "timeout"],
  routes: [
    "challenge",
    "waf",
    "rateLimits",
    "rateLimitMode",
    "name",
    "match",
    "upstream",
    "rewrite",
    "redirect",
    "respond",
    "headers",
    "host",
    "timeouts",
    "upgrades",
    "requestContent",
    "cache",
    "compression",
    "retry",
    "hedge",
    "mirror",
  ],
  "allowlists.*": LIST_KEYS,
  "blocklists.*": [...LIST_KEYS, "mode", "points"],
  "allowlists.*.crowdsec": ["url", "key", "types"],
  "blocklists.*.crowdsec": ["url", "key", "types"],
  "rateLimits.*": [
    "key",
    "limit",
    "window",
    "burst",
    "concurrent",
    "cost",
    "scope",
    "action",
    "mode",
    "points",
    "maxDelay",
    "maxKeys",
    "ipv6Prefix",
    "fields",
  ],
  "routes.mirror": ["upstream", "share", "maxRequests", "timeout"],
  "routes.requestContent": ["buffer", "memory", "max", "minRate", "minRateAfter"],
  "routes.match": ["host", "path", "method", "headers", "query", "when"],
  "routes.rewrite": ["stripPrefix", "addPrefix", "replace"],
  "routes.rewrite.replace": ["pattern", "with"],
  "routes.redirect": ["to", "status"],
  "routes.respond": ["status", "headers", "body"],
  requestContent: ["buffer", "memory", "max", "minRate", "minRateAfter", "budget"],
  "requestContent.budget": ["memory", "disk", "clientShare"],
  responseContent: ["memory", "ahead", "budget", "clientShare"],
  cache: [...CACHE_KEYS, "maxSize", "maxEntry"],
  "routes.cache": CACHE_KEYS,
  challenge: [...CHALLENGE_KEYS, "path", "cookie", "secrets", "policies", "bots"],
  "challenge.policies.*": CHALLENGE_KEYS,
  "challenge.bots": ["userAgent", "domains"],
  "challenge.provider": ["type", "siteKey", "secretKey", "verifyUrl", "scriptUrl"],
  "challenge.bind": ["ipv4", "ipv6", "userAgent"],
  "challenge.policies.*.provider": ["type", "siteKey", "secretKey", "verifyUrl", "scriptUrl"],
  "challenge.policies.*.bind": ["ipv4", "ipv6", "userAgent"],
  "routes.challenge": CHALLENGE_KEYS,
  "routes.challenge.provider": ["type", "siteKey", "secretKey", "verifyUrl", "scriptUrl"],
  "routes.challenge.bind": ["ipv4", "ipv6", "userAgent"],
  compression: ["encodings", "minSize", "types", "levels", "upstream"],
  "compression.levels": ["gzip", "br", "zstd"],
  "routes.compression": ["encodings", "minSize", "types", "levels", "upstream"],
  "routes.compression.levels": ["gzip", "br", "zstd"],
  limits: [
    "head",
    "target",
    "headTime",
    "contentIdle",
    "sendIdle",
    "sendRate",
    "keepAlive",
    "connections",
    "connectionsPerAddress",
    "pipelined",
    "http2",
  ],
  "limits.http2": ["concurrentStreams", "resets", "controlFrames"],
  timeouts: ["connect", "responseHead", "idle", "total", "hook"],
  paths: ["encodedSlash"],
  forwarded: ["forwarded", "xForwarded", "via"],
  log: ["level", "access", "format", "redact"],
};

const HEADER_KEYS = ["request", "response"];
const FIELD_RULE_KEYS = ["set", "append", "default", "remove"];
const UPSTREAM_TIMEOUT_KEYS = ["connect", "responseHead", "idle", "total"];

const LATER: Readonly<Record<string, readonly string[]>> = {
  "": ["store", "secrets", "tls", "metrics", "telemetry", "inspector", "workers"],
  routes: ["allowlists", "blocklists", "responseContent"],
  responseContent: ["buffer", "max"],
};

/** What may stand at a place (`path` as zod gives it). */
export function knownKeysAt(path: readonly PropertyKey[]): readonly string[] {
  const place = placeOf(path);
  if (
    /(?:^|\.)headers$/.test(place) &&
    !place.endsWith("match.headers") &&
    !place.endsWith("healthCheck.headers")
  )
    return HEADER_KEYS;
  if (/(?:^|\.)headers\.(?:request|response)$/.test(place)) return FIELD_RULE_KEYS;
  if (place.endsWith(".timeouts")) return UPSTREAM_TIMEOUT_KEYS;
  const waf = /^(?:routes\.)?waf(.*)$/.exec(place)?.[1];
  if (waf !== undefined) return WAF_PLACES[waf] ?? [];
  return KNOWN[place] ?? [];
}

/** Whether the key at this place belongs to a part that this version does not have. */
export function isLaterKey(path: readonly PropertyKey[], key: string): boolean {
  return LATER[placeOf(path)]?.includes(key) === true;
}

function placeOf(path: readonly PropertyKey[]): string {
  const words = path.filter((part) => typeof part === "string");
  return words.map((word, index) => (isName(words, index) ? "*" : word)).join(".");
}

/** Whether the word is a name that the user gave. */
function isName(words: readonly PropertyKey[], index: number): boolean {
  return (
    (index === 1 &&
      ["upstreams", "rateLimits", "allowlists", "blocklists"].includes(String(words[0]))) ||
    (index === 2 && words[0] === "challenge" && words[1] === "policies") ||
    (index === 3 && words[1] === "tls" && words[2] === "hosts")
  );
}
