import { describe, expect, it } from "vitest";

import { createLog, type LogOptions, type RootLog } from "../../runtime/log.ts";

function record(options: LogOptions = {}): {
  log: RootLog;
  lines: string[];
  parsed: () => Record<string, unknown>[];
} {
  const lines: string[] = [];
  const log = createLog({
    format: "json",
    ...options,
    destination: { write: (text) => lines.push(text) },
  });
  return {
    log,
    lines,
    parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe("createLog", () => {
  it("writes one JSON line with level, time and message", () => {
    const { log, lines, parsed } = record();
    log.info({ url: "http://127.0.0.1:8080" }, "listening");
    log.warn("careful");
    expect(lines).toHaveLength(2);
    expect(lines.every((line) => line.endsWith("\n"))).toBe(true);
    expect(parsed()[0]).toMatchObject({
      level: "info",
      url: "http://127.0.0.1:8080",
      msg: "listening",
    });
    expect(Date.parse(String(parsed()[0]!["time"]))).not.toBeNaN();
    expect(parsed()[1]).toMatchObject({ level: "warn", msg: "careful" });
  });

  it("leaves out lines below its level, also after a reload and in children that exist", () => {
    const { log, parsed } = record({ level: "warn" });
    const child = log.child({ plugin: "p" });
    child.info("no");
    log.configure({ level: "debug", format: "json" });
    child.debug("yes");
    log.configure({ level: "silent", format: "json" });
    child.error("never");
    expect(parsed()).toMatchObject([{ plugin: "p", msg: "yes" }]);
  });

  it("hides secrets in fields, bindings, arrays, errors and messages (PUB-51)", () => {
    const { log, lines } = record({ redact: ["x-tenant"] });
    const secret = "SECRET123";
    const error = Object.assign(new Error(`GET http://u:${secret}@h/?token=${secret}`), {
      password: secret,
    });
    log.child({ authorization: secret }).error(
      {
        err: error,
        cause: new Error("outer", { cause: new Error(`?code=${secret}`) }),
        headers: {
          Authorization: secret,
          "proxy-authorization": secret,
          COOKIE: [secret],
          "x-tenant": secret,
          accept: "kept",
        },
        raw: ["Set-Cookie", secret, "Accept", "kept", "X-Api-Key", secret],
        pairs: [["cookie", secret]],
        web: new Headers({ authorization: secret }),
        map: new Map([["token", secret]]),
        location: `https://a.test/?signature=${secret}&page=2`,
        url: new URL(`https://a.test/?api_key=${secret}`),
      },
      `failed for /x?access_token=${secret}`,
    );
    expect(lines[0]).not.toContain(secret);
    expect(lines[0]).toContain("[redacted]");
    expect(lines[0]).toContain("page=2");
    expect(lines[0]!.match(/kept/g)).toHaveLength(2);
  });

  it("escapes CR, LF, ESC, DEL and C1 controls in JSON", () => {
    const { log, lines } = record();
    log.info({ agent: "a\r\nb\u001B[31m\u007F\u009B2J" }, "x\ny");
    expect(lines).toHaveLength(1);
    // oxlint-disable-next-line no-control-regex -- these must be absent
    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\u0000-\u001F\u007F-\u009F]/);
    expect(JSON.parse(lines[0]!)).toMatchObject({ agent: "a\r\nb\u001B[31m\u007F\u009B2J" });
  });

  it("escapes control characters in pretty lines, so that a request cannot forge one", () => {
    const { log, lines } = record({ format: "pretty", color: false });
    log.warn({ agent: "a\r\nb\u001B[31m\u009B" }, "odd");
    expect(lines[0]).toMatch(/^\S+ warn  odd agent=a\\u000d\\u000ab\\u001b\[31m\\u009b\n$/);
  });

  it("never throws, whatever it is given", () => {
    const { log, lines } = record();
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const bad = {
      get boom(): string {
        throw new Error("no");
      },
    };
    log.info(cycle, "cycle");
    log.info(bad, "getter");
    log.info(
      { big: 1n, fn() {}, sym: Symbol("s"), buffer: new Uint8Array(3), date: new Date(Number.NaN) },
      "odd",
    );
    log.info(
      { many: Array.from({ length: 10_000 }, (_, i) => i), long: "x".repeat(1_000_000) },
      "large",
    );
    log.info(JSON.parse('{"__proto__":{"polluted":true},"a":1}') as object, "proto");
    log.error(new Error("bare"));
    expect(lines).toHaveLength(6);
    expect(lines.every((line) => line.length < 40_000)).toBe(true);
    expect(JSON.parse(lines[5]!)).toMatchObject({
      msg: "bare",
      err: { type: "Error", message: "bare" },
    });
  });

  it("prints a listener as `listening URL` in pretty form", () => {
    const { log, lines } = record({ format: "pretty", color: false });
    log.info({ url: "http://127.0.0.1:8080" }, "listening");
    expect(lines).toEqual(["listening http://127.0.0.1:8080\n"]);
  });

  it("prints what is live after a reload on one line in pretty form", () => {
    const { log, lines } = record({ format: "pretty", color: false });
    const fields = { generation: 2, durationMs: 34.4, listeners: 1, routes: 3 };
    log.info(
      { ...fields, upstreams: ["api", "web"], hooks: ["onRequest"], plugins: [] },
      "reloaded",
    );
    expect(lines[0]).toMatch(
      /^[\d:.]+ reloaded in 34 ms: generation 2; routes 3; upstreams api, web; hooks onRequest; plugins none\n$/,
    );
  });

  it("has a format that no config changes, if it is told to", () => {
    const { log, lines } = record({ format: "json", keepFormat: true });
    log.configure({ format: "pretty" });
    log.info("still JSON");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "still JSON" });
  });

  it("prints code frames and stacks on lines of their own in pretty form", () => {
    const { log, lines } = record({ format: "pretty", color: false });
    log.error(
      { frame: "1 | a\n2 | b", err: new TypeError("odd", { cause: new Error("inner") }) },
      "reload failed",
    );
    expect(lines[0]).toContain("error reload failed\n");
    expect(lines[0]).toContain("  1 | a\n  2 | b\n");
    expect(lines[0]).toContain("  TypeError: odd\n");
    expect(lines[0]).toContain("caused by:\n  Error: inner\n");
  });
});
