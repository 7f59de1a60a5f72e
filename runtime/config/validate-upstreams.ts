import type { RawIssue } from "./issue.ts";
import type { UserConfig } from "./resolved-config.ts";

/** What the keys of one upstream say about each other. Values that are no such thing are the schema's to report. */
export function upstreamIssues(config: UserConfig): RawIssue[] {
  const { upstreams } = config as { upstreams?: unknown };
  if (typeof upstreams !== "object" || upstreams === null) return [];
  return Object.entries(upstreams).flatMap(([name, upstream]: [string, unknown]): RawIssue[] => {
    if (typeof upstream !== "object" || upstream === null || "fetch" in upstream) return [];
    const { http2, maxStreams, proxyProtocol } = upstream as Record<string, unknown>;
    const issues: RawIssue[] = [];
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
