import type { RawIssue } from "./issue.ts";
import type { UserConfig } from "./resolved-config.ts";

/** What the keys of one upstream say about each other. Values that are no such thing are the schema's to report. */
export function upstreamIssues(config: UserConfig): RawIssue[] {
  const { upstreams } = config as { upstreams?: unknown };
  if (typeof upstreams !== "object" || upstreams === null) return [];
  return Object.entries(upstreams).flatMap(([name, upstream]: [string, unknown]): RawIssue[] => {
    if (typeof upstream !== "object" || upstream === null || "fetch" in upstream) return [];
    if ("split" in upstream) return [];
    const options = upstream as Record<string, unknown>;
    const { http2, maxStreams, proxyProtocol } = options;
    const issues: RawIssue[] = [...targetIssues(name, options), ...tlsIssues(name, options)];
    if (http2 === true && proxyProtocol !== undefined) {
      issues.push({
        path: ["upstreams", name, "proxyProtocol"],
        message:
          "HTTP/2 connections carry requests of many clients: a PROXY header would name one.",
        fix: "Remove proxyProtocol, or http2.",
      });
    }
    if (http2 !== true && maxStreams !== undefined) {
      issues.push({
        path: ["upstreams", name, "maxStreams"],
        message: "Only HTTP/2 has more than one request on a connection.",
        fix: "Add `http2: true`, or remove maxStreams.",
      });
    }
    return issues;
  });
}

function targetIssues(name: string, options: Record<string, unknown>): RawIssue[] {
  const { targets, resolve } = options;
  const by: unknown =
    typeof resolve === "object" && resolve !== null && "by" in resolve ? resolve.by : resolve;
  const issues: RawIssue[] = [];
  if (Array.isArray(targets) && targets.length === 0 && typeof by !== "function") {
    issues.push({
      path: ["upstreams", name, "targets"],
      message: "The list is empty.",
      expected: "at least one target, or a `resolve` function that finds some",
    });
  }
  const asksServers = by === "dns" || by === "srv";
  if (typeof resolve === "object" && resolve !== null && "servers" in resolve && !asksServers) {
    issues.push({
      path: ["upstreams", name, "resolve", "servers"],
      message: 'Name servers are asked only by "dns" and "srv".',
      fix: 'Write `by: "dns"`, or remove servers.',
    });
  }
  return issues;
}

function tlsIssues(name: string, options: Record<string, unknown>): RawIssue[] {
  const { tls, targets } = options;
  if (typeof tls !== "object" || tls === null) return [];
  const { cert, key } = tls as Record<string, unknown>;
  const issues: RawIssue[] = [];
  if ((cert === undefined) !== (key === undefined)) {
    issues.push({
      path: ["upstreams", name, "tls", cert === undefined ? "cert" : "key"],
      message: "A certificate and its private key belong together.",
      fix: cert === undefined ? "Add cert." : "Add key.",
    });
  }
  const isPlain = (target: unknown): boolean => {
    const url: unknown =
      typeof target === "object" && target !== null && "url" in target ? target.url : target;
    return typeof url === "string" && !/^https:/i.test(url);
  };
  if (Array.isArray(targets) && targets.length > 0 && targets.every(isPlain)) {
    issues.push({
      path: ["upstreams", name, "tls"],
      message: "No target of this upstream speaks TLS.",
      fix: "Write `https://` in the targets, or remove tls.",
    });
  }
  return issues;
}
