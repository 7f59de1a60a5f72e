import { gzipSync } from "node:zlib";

import type { GatewrightConfig, WafConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

type Config = GatewrightConfig<string>;

const SQL_ERROR = "<h1>Oops</h1> You have an error in your SQL syntax; check the manual";
const TRACE = "Traceback (most recent call last):\n  File 'x.py', line 1";
const FINE = "<h1>Hello</h1> nothing to see";

function answering(
  answer: string | Buffer,
  type: string,
  waf: WafConfig = { response: true },
  { lines = [], ...config }: Config & { lines?: readonly string[] } = {},
): Promise<ThroughProxy> {
  const bytes = Buffer.from(answer as string);
  return throughProxy({
    onRequest: () =>
      Buffer.concat([
        Buffer.from(
          `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${lines.map((line) => `${line}\r\n`).join("")}Content-Length: ${bytes.byteLength}\r\n\r\n`,
        ),
        bytes,
      ]),
    config: { waf, ...config },
  });
}

describe("the WAF, on answers", () => {
  it.each([
    ["an SQL error", SQL_ERROR, "text/html", "leak-sql-error"],
    ["a stack trace", TRACE, "text/plain; charset=utf-8", "leak-stack-trace"],
    [
      "a private key",
      "-----BEGIN RSA PRIVATE KEY-----\nabc",
      "application/json",
      "leak-private-key",
    ],
  ])("withholds %s with 502 and says in the log why", async (_name, text, type, rule) => {
    const { get, proxy } = await answering(text, type);
    const answer = await get("/");
    expect(answer.status).toBe(502);
    expect(answer.content.toString()).not.toContain(text.slice(0, 20));
    const record = await proxy.accessed();
    expect(record).toMatchObject({ error: "PROXY_WAF_RESPONSE_BLOCKED", reason: `waf ${rule}` });
    expect(record.waf).toMatchObject([{ rule, phase: "response", place: "RESPONSE_BODY" }]);
    expect(proxy.takeErrors()).toHaveLength(1);
  });

  it("lets honest answers through, byte for byte", async () => {
    for (const text of [FINE, "x".repeat(300_000), ""]) {
      const { get } = await answering(text, "text/html");
      const answer = await get("/");
      expect(answer.status).toBe(200);
      expect(answer.content.toString()).toBe(text);
    }
  });

  it("looks at nothing without the option, and only notes in mode flag", async () => {
    expect((await (await answering(SQL_ERROR, "text/html", {})).get("/")).status).toBe(200);
    const { get, proxy } = await answering(SQL_ERROR, "text/html", {
      mode: "flag",
      response: true,
    });
    expect((await get("/")).content.toString()).toBe(SQL_ERROR);
    expect((await proxy.accessed()).waf).toMatchObject([{ rule: "leak-sql-error" }]);
  });

  it("looks into compressed answers", async () => {
    const lines = ["Content-Encoding: gzip"];
    const fields = ["Accept-Encoding: gzip"];
    const leak = await answering(gzipSync(SQL_ERROR), "text/html", undefined, { lines });
    expect((await leak.get("/", ...fields)).status).toBe(502);
    leak.proxy.takeErrors();
    // More than is held back, and what follows it is as it was.
    const noise = gzipSync(Array.from({ length: 60_000 }, (_, at) => `${at * 7919}`).join(" "));
    const long = await answering(noise, "text/html", undefined, { lines });
    const answer = await long.get("/", ...fields);
    expect(answer.content).toEqual(noise);
  });

  it("looks at the beginning of long ones", async () => {
    const waf = { response: { maxInspect: "4kb" } } as const;
    const early = await answering(SQL_ERROR + "x".repeat(100_000), "text/html", waf);
    expect((await early.get("/")).status).toBe(502);
    early.proxy.takeErrors();
    const late = await answering("x".repeat(100_000) + SQL_ERROR, "text/html", waf);
    expect((await late.get("/")).status).toBe(200);
  });

  it("keeps its hands off pictures", async () => {
    expect((await (await answering(SQL_ERROR, "image/png")).get("/")).status).toBe(200);
  });

  it("has a threshold of its own, and exclusions", async () => {
    const lax = await answering(TRACE, "text/plain", { response: { threshold: 5 } });
    expect((await lax.get("/")).status).toBe(200);
    const excluded = await answering(SQL_ERROR, "text/html", {
      response: true,
      exclude: [{ path: "/debug/*", rules: ["leak-*"] }],
    });
    expect((await excluded.get("/debug/x")).status).toBe(200);
    expect((await excluded.get("/")).status).toBe(502);
    excluded.proxy.takeErrors();
  });

  it("lets events pass as they come, and holds no other answer for long", async () => {
    for (const type of ["text/event-stream", "text/plain"]) {
      const through = await throughProxy({
        config: { waf: { response: true } },
        onRequest(_request, connection) {
          void connection.send(
            `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
          );
        },
      });
      const response = await fetch(through.proxy.url);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const first = await reader.read();
      expect(Buffer.from(first.value as Uint8Array).toString()).toBe("hello");
      await reader.cancel();
    }
  });

  it("stores nothing of what it withholds", async () => {
    const lines = ["Cache-Control: max-age=60"];
    const config: Config = { routes: [{ upstream: "api", cache: true }] };
    const leak = await answering(SQL_ERROR, "text/html", undefined, { lines, ...config });
    for (let at = 0; at < 2; at++) expect((await leak.get("/")).status).toBe(502);
    expect(leak.upstream.requests).toHaveLength(2);
    leak.proxy.takeErrors();
    const fine = await answering(FINE, "text/html", undefined, { lines, ...config });
    for (let at = 0; at < 2; at++) expect((await fine.get("/")).content.toString()).toBe(FINE);
    expect(fine.upstream.requests).toHaveLength(1);
  });

  it("runs rules of the config's author on heads, also of answers without content", async () => {
    const { get, proxy } = await throughProxy({
      onRequest: () => toyResponse(204, "", "X-Debug: on"),
      config: {
        waf: {
          response: true,
          rules: [
            {
              id: "own-debug",
              message: "Debugging is on",
              variables: ["RESPONSE_HEADERS:x-debug"],
              operator: { streq: "on" },
            },
          ],
        },
      },
    });
    expect((await get("/")).status).toBe(502);
    expect((await proxy.accessed()).reason).toBe("waf own-debug");
    proxy.takeErrors();
  });

  it("survives an upstream that breaks off, and a client that leaves", async () => {
    const broken = await throughProxy({
      config: { waf: { response: true } },
      onRequest(_request, connection) {
        void connection.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nabc",
        );
        setImmediate(() => connection.socket.destroy());
      },
    });
    expect((await broken.get("/")).status).toBe(502);
    expect((await broken.proxy.accessed()).error).toMatch(/^PROXY_UPSTREAM/);
    broken.proxy.takeErrors();
    const left = new AbortController();
    const silent = await throughProxy({
      config: { waf: { response: true } },
      onRequest(_request, connection) {
        void connection.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n",
        );
        setImmediate(() => left.abort());
      },
    });
    await expect(fetch(silent.proxy.url, { signal: left.signal })).rejects.toThrow();
    expect((await silent.proxy.accessed()).outcome).toBe("aborted");
  });
});
