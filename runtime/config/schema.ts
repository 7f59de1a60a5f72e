import { z } from "zod";

import { balance, mirror, pickTarget, spillBelow, splitUpstream } from "./schema-balance.ts";
import {
  adminTokenIssue,
  listenHostIssue,
  rangeIssue,
  upgradeIssue,
  upstreamHostIssue,
} from "./schema-addresses.ts";
import { cache, routeCache } from "./schema-cache.ts";
import { compression } from "./schema-compression.ts";
import { rate, requestContent, responseContent, routeRequestContent } from "./schema-content.ts";
import { challenge, routeChallenge } from "./schema-challenge.ts";
import { fieldValueIssue, headerRules } from "./schema-fields.ts";
import { breaker, healthCheck, outliers } from "./schema-health.ts";
import { isAsyncFunction } from "./schema-functions.ts";
import {
  boolean,
  duration,
  functionOf,
  isToken,
  leaf,
  nonEmptyList,
  oneOf,
  oneOrMany,
  pick,
  plainText,
  size,
  type,
  wholeNumber,
} from "./schema-leaf.ts";
import {
  hostPatternIssue,
  methodIssue,
  pathPatternIssue,
  regExpIssue,
  valueMatchIssue,
} from "./schema-patterns.ts";
import { allowlists, blocklists } from "./schema-ip-list.ts";
import { rateLimitMode, rateLimits, routeRateLimits } from "./schema-rate-limit.ts";
import { hedge, retry, routeHedge, routeRetry } from "./schema-retry.ts";
import { panicThreshold, resolve, targets, upstreamTls } from "./schema-targets.ts";
import { redirectToHttps, tls } from "./schema-tls.ts";
import { routeWaf, waf } from "./schema-waf.ts";

/*
 * What each key may hold, key by key as in sdk/config.ts. Strict everywhere: a key that is not known is an issue, since
 * a misspelt limit is a limit that is not there. What one key says about another is in validate.ts.
 */

const listen = z.strictObject({
  port: wholeNumber(0, 65_535),
  host: leaf(listenHostIssue).optional(),
  h2c: z.boolean().optional(),
  tls: tls.optional(),
  redirectToHttps: redirectToHttps.optional(),
  proxyProtocol: z.strictObject({ from: nonEmptyList(leaf(rangeIssue)) }).optional(),
});

const admin = z.strictObject({
  port: wholeNumber(0, 65_535).optional(),
  host: leaf(listenHostIssue).optional(),
  token: leaf(adminTokenIssue).optional(),
  hosts: z.array(leaf(listenHostIssue)).optional(),
});

const upstreamTimeouts = {
  connect: duration.optional(),
  responseHead: duration.optional(),
  idle: duration.optional(),
  total: pick((value) => (value === false ? z.unknown() : duration)).optional(),
};

const networkUpstream = z.strictObject({
  targets,
  resolve: resolve.optional(),
  tls: upstreamTls.optional(),
  panicThreshold: panicThreshold.optional(),
  retry: retry.optional(),
  hedge: hedge.optional(),
  balance: balance.optional(),
  pick: pickTarget.optional(),
  spillBelow: spillBelow.optional(),
  mirror: mirror.optional(),
  healthCheck: healthCheck.optional(),
  outliers: outliers.optional(),
  breaker: breaker.optional(),
  slowStart: duration.optional(),
  maxConnections: wholeNumber(1).optional(),
  maxQueue: wholeNumber(0).optional(),
  queueTimeout: duration.optional(),
  idleTimeout: duration.optional(),
  maxConnectionAge: duration.optional(),
  maxRequestsPerConnection: wholeNumber(1).optional(),
  http2: boolean.optional(),
  maxStreams: wholeNumber(1, 1_000_000).optional(),
  proxyProtocol: oneOf("v1", "v2").optional(),
  host: leaf(upstreamHostIssue).optional(),
  headers: headerRules.optional(),
  timeouts: z.strictObject(upstreamTimeouts).optional(),
});

/** What can be said of an app beside its `fetch`; its other keys are none of our business. */
const appUpstream = z.looseObject({
  host: leaf(upstreamHostIssue).optional(),
  headers: headerRules.optional(),
  timeouts: z.strictObject(upstreamTimeouts).optional(),
});

const upstream = pick((value) => {
  if (isApp(value)) return hasUpstreamOptions(value) ? appUpstream : z.unknown();
  if (typeof value === "function") {
    return leaf(() => ({
      message: "A function is no upstream.",
      expected: "{ targets: [ … ] } or { fetch }",
      fix: "Wrap it: { fetch: (request) => … }.",
    }));
  }
  const isSplit = typeof value === "object" && value !== null && "split" in value;
  return isSplit ? splitUpstream : networkUpstream;
});

const valueMatches = z.record(z.string(), leaf(valueMatchIssue));

const fieldMatches = valueMatches.superRefine((fields, context) => {
  for (const name of Object.keys(fields)) {
    if (isToken(name)) continue;
    context.addIssue({ code: "custom", message: "Not a field name.", path: [name], input: name });
  }
});

const match = z.strictObject({
  host: oneOrMany(leaf(hostPatternIssue)).optional(),
  path: oneOrMany(leaf(pathPatternIssue)).optional(),
  method: oneOrMany(leaf(methodIssue)).optional(),
  headers: fieldMatches.optional(),
  query: valueMatches.optional(),
  when: leaf((value) => {
    if (typeof value !== "function")
      return { message: "Wrong type.", expected: "(request) => boolean" };
    // A promise is truthy: such a condition would hold for every request.
    return isAsyncFunction(value)
      ? {
          message: "A condition must not be async.",
          expected: "(request) => boolean",
          fix: "Decide in onRequest.",
        }
      : undefined;
  }).optional(),
});

const prefix = leaf((value) => {
  const issue = pathPatternIssue(value);
  if (issue !== undefined) return { ...issue, expected: 'a path such as "/api"' };
  return /[*:]/.test(value as string)
    ? { message: "A prefix has no parameters and no wildcards.", expected: 'a path such as "/api"' }
    : undefined;
});

const rewrite = z.strictObject({
  stripPrefix: prefix.optional(),
  addPrefix: prefix.optional(),
  replace: z
    .strictObject({
      pattern: leaf((value) =>
        Object.prototype.toString.call(value) === "[object RegExp]"
          ? regExpIssue(value as RegExp, "y")
          : { message: "Wrong type.", expected: "a regular expression" },
      ),
      with: leaf((value) => fieldValueIssue(value)),
    })
    .optional(),
});

const redirectTarget = leaf((value) => {
  const issue = fieldValueIssue(value);
  if (issue !== undefined) return issue;
  return /^\/(?!\/)|^https?:\/\/[^/]/i.test(value as string)
    ? undefined
    : {
        message: "Not a place to redirect to.",
        expected: 'a path ("/new/*") or an address ("https://a.test/")',
      };
});

const redirect = pick((value) =>
  typeof value === "string"
    ? redirectTarget
    : z.strictObject({ to: redirectTarget, status: oneOf(301, 302, 303, 307, 308).optional() }),
);

const respond = z.strictObject({
  status: wholeNumber(200, 599).optional(),
  headers: pick((value) => {
    if (value instanceof Headers) return z.unknown();
    if (Array.isArray(value))
      return z.array(z.tuple([fieldName, leaf((text) => fieldValueIssue(text))]));
    return responseFields;
  }).optional(),
  body: type("a text", (value) => typeof value === "string").optional(),
});

const fieldName = leaf((name) =>
  typeof name === "string" && isToken(name) ? undefined : { message: "Not a field name." },
);

const responseFields = z
  .record(
    z.string(),
    pick((value) =>
      Array.isArray(value)
        ? z.array(leaf((text) => fieldValueIssue(text)))
        : leaf((text) => fieldValueIssue(typeof text === "number" ? String(text) : text)),
    ),
  )
  .superRefine((fields, context) => {
    for (const name of Object.keys(fields)) {
      if (isToken(name)) continue;
      context.addIssue({ code: "custom", message: "Not a field name.", path: [name], input: name });
    }
  });

const route = z.strictObject({
  name: plainText.optional(),
  match: match.optional(),
  upstream: plainText.optional(),
  rewrite: rewrite.optional(),
  redirect: redirect.optional(),
  respond: respond.optional(),
  headers: headerRules.optional(),
  host: leaf(upstreamHostIssue).optional(),
  timeouts: z.strictObject(upstreamTimeouts).optional(),
  upgrades: z.array(leaf(upgradeIssue)).optional(),
  requestContent: routeRequestContent.optional(),
  cache: routeCache.optional(),
  compression: compression.optional(),
  retry: routeRetry.optional(),
  hedge: routeHedge.optional(),
  mirror: mirror.optional(),
  rateLimits: routeRateLimits.optional(),
  rateLimitMode: rateLimitMode.optional(),
  challenge: routeChallenge.optional(),
  waf: routeWaf.optional(),
});

const limits = z.strictObject({
  head: size.optional(),
  target: size.optional(),
  headTime: duration.optional(),
  contentIdle: duration.optional(),
  sendIdle: duration.optional(),
  sendRate: rate.optional(),
  keepAlive: duration.optional(),
  connections: wholeNumber(1).optional(),
  connectionsPerAddress: wholeNumber(1).optional(),
  pipelined: wholeNumber(0, 10_000).optional(),
  http2: z
    .strictObject({
      concurrentStreams: wholeNumber(1, 10_000).optional(),
      resets: wholeNumber(1).optional(),
      controlFrames: wholeNumber(10).optional(),
    })
    .optional(),
});

const hook = functionOf("a function");

export const HOOK_NAMES = [
  "onRequest",
  "onUpstreamResponse",
  "onResponse",
  "onUpgrade",
  "onError",
  "onComplete",
] as const;

/** `onComplete` runs after everything: nobody waits for a promise of it. */
const syncHook = leaf((value) => {
  if (typeof value !== "function") return { message: "Wrong type.", expected: "a function" };
  return isAsyncFunction(value)
    ? {
        message: "onComplete must not be async.",
        expected: "a function without promise",
        fix: "Use ctx.waitUntil(promise).",
      }
    : undefined;
});

export const configSchema = z.strictObject({
  listen: oneOrMany(listen).optional(),
  admin: pick((value) => (value === false ? z.unknown() : admin)).optional(),
  trustedProxies: pick((value) =>
    typeof value === "number" ? wholeNumber(0, 100) : z.array(leaf(rangeIssue)),
  ).optional(),
  upstreams: z.record(z.string(), upstream).optional(),
  routes: z.array(route).optional(),
  requestContent: requestContent.optional(),
  responseContent: responseContent.optional(),
  cache: cache.optional(),
  compression: compression.optional(),
  headers: headerRules.optional(),
  rateLimits: rateLimits.optional(),
  rateLimitMode: rateLimitMode.optional(),
  challenge: challenge.optional(),
  waf: waf.optional(),
  allowlists: allowlists.optional(),
  blocklists: blocklists.optional(),
  limits: limits.optional(),
  timeouts: z.strictObject({ ...upstreamTimeouts, hook: duration.optional() }).optional(),
  upgrades: z.array(leaf(upgradeIssue)).optional(),
  trace: boolean.optional(),
  paths: z.strictObject({ encodedSlash: oneOf("refuse", "keep").optional() }).optional(),
  forwarded: z
    .strictObject({
      forwarded: boolean.optional(),
      xForwarded: boolean.optional(),
      via: leaf((value) =>
        typeof value === "boolean" || (typeof value === "string" && isToken(value))
          ? undefined
          : {
              message: "Not a pseudonym for Via.",
              expected: 'true, false or a name such as "edge-1"',
            },
      ).optional(),
    })
    .optional(),
  log: z
    .strictObject({
      level: oneOf("debug", "info", "warn", "error", "silent").optional(),
      access: boolean.optional(),
      format: oneOf("json", "pretty", "auto").optional(),
      redact: z.array(plainText).optional(),
    })
    .optional(),
  // Checked by validate-plugins.ts: what is wrong there is rarely a wrong type.
  plugins: z.array(z.unknown()).optional(),
  dataDir: plainText.optional(),
  retireAfter: duration.optional(),
  closeStreamsAfter: duration.optional(),
  drainTimeout: duration.optional(),
  onRequest: hook.optional(),
  onUpstreamResponse: hook.optional(),
  onResponse: hook.optional(),
  onUpgrade: hook.optional(),
  onError: hook.optional(),
  onComplete: syncHook.optional(),
  transforms: boolean.optional(),
});

/** Whether a value is taken as a `{ fetch }` upstream: a Hono app, a Workers module, any object of that shape. */
export function isApp(value: unknown): value is { fetch: (...args: never[]) => unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "fetch" in value &&
    typeof value.fetch === "function"
  );
}

/** Only a plain object can carry options of ours: an instance's properties belong to its framework. */
export function hasUpstreamOptions(app: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(app);
  return prototype === Object.prototype || prototype === null;
}
