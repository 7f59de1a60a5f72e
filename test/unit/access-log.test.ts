import type { AccessRecord, WafMatch } from "@gatewright/sdk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createAccessLog } from "../../runtime/access-log.ts";
import { createLog } from "../../runtime/log.ts";

const base: AccessRecord = {
  id: "r-1",
  generation: 3,
  client: "203.0.113.7",
  method: "GET",
  scheme: "http",
  host: "a.test",
  path: "/x?token=[redacted]",
  protocol: "HTTP/1.1",
  route: "api",
  upstream: "api",
  target: "127.0.0.1:9000",
  attempts: 1,
  status: 200,
  outcome: "complete",
  error: undefined,
  reason: undefined,
  requestBytes: 0,
  responseBytes: 5,
  score: 0,
  scoredBy: undefined,
  waf: undefined,
  cache: undefined,
  times: { total: 1.234, hooks: 0.05, upstream: 12 },
  userAgent: "test/1",
  referer: undefined,
};

function write(
  record: AccessRecord,
  options: Parameters<typeof createLog>[0] = { format: "json" },
): string[] {
  const lines: string[] = [];
  createAccessLog(createLog({ ...options, destination: { write: (text) => lines.push(text) } }))(
    record,
  );
  return lines;
}

describe("createAccessLog", () => {
  it("writes one JSON line with every field of the record", () => {
    const lines = write(base);
    expect(lines).toHaveLength(1);
    const { time, ...fields } = JSON.parse(lines[0]!) as Record<string, unknown>;
    const {
      error: _error,
      reason: _reason,
      referer: _referer,
      cache: _cache,
      waf: _waf,
      ...rest
    } = base;
    expect(fields).toEqual({ ...rest, cache: null, level: "info", msg: "request" });
    expect(String(time)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Math.abs(Date.parse(String(time)) - Date.now())).toBeLessThan(60_000);
  });

  it("says what the WAF found, without what it means", () => {
    const match: WafMatch = {
      rule: "sqli-structure",
      message: "SQL injection",
      severity: "critical",
      tags: ["sqli"],
      points: 5,
      place: 'ARGS_GET:"\u0085',
      text: "' OR 1=1\u2028--",
      phase: "head",
    };
    const [line = ""] = write({ ...base, waf: [match, { ...match, rule: "own-rule" }] });
    expect(line).toContain(String.raw`"place":"ARGS_GET:\"\u0085"`);
    const { rule, points, phase, place, text } = match;
    const told = { rule, points, phase, place, text };
    expect((JSON.parse(line) as AccessRecord).waf).toEqual([told, { ...told, rule: "own-rule" }]);
  });

  it("is valid JSON on one line for any text in the record", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      fc.constant("a\u001B[2J\r\n\u009B\uD800\u2028"),
    );
    fc.assert(
      fc.property(text, text, text, (path, userAgent, host) => {
        const [line] = write({ ...base, path, userAgent, host, reason: path });
        expect(line!.indexOf("\n")).toBe(line!.length - 1);
        // oxlint-disable-next-line no-control-regex -- these must be absent
        expect(line!.slice(0, -1)).not.toMatch(/[\u0000-\u001F\u007F-\u009F]/);
        expect(JSON.parse(line!)).toMatchObject({ path, userAgent, host, reason: path });
      }),
    );
  });

  it.each([
    [0, 0],
    [-1, 0],
    [Number.NaN, 0],
    [0.0004, 0],
    [0.001, 0.001],
    [0.0126, 0.013],
    [1.1, 1.1],
    [999.9996, 1000],
    [123_456.789, 123_456.789],
  ])("prints %d ms as %d", (total, expected) => {
    const [line] = write({ ...base, times: { total, hooks: 0, upstream: 0 } });
    expect(JSON.parse(line!)).toMatchObject({ times: { total: expected, hooks: 0, upstream: 0 } });
  });

  it("prints a compact line in pretty form", () => {
    const [line] = write(
      { ...base, status: 502, error: "PROXY_UPSTREAM_RESET", outcome: "cut" },
      { format: "pretty", color: false },
    );
    expect(line).toMatch(
      /^\S+ 502 GET a\.test\/x\?token=\[redacted\] 1\.2ms 5B → api cut PROXY_UPSTREAM_RESET\n$/,
    );
  });

  it("is silent above level info", () => {
    expect(write(base, { format: "json", level: "warn" })).toEqual([]);
  });
});
