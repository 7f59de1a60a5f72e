import { brotliDecompressSync, gunzipSync, gzipSync, brotliCompressSync } from "node:zlib";

import type { BodyInput, GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxyOptions } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

type OnResponse = NonNullable<GatewrightConfig<string>["onResponse"]>;

const TEXT = "Hello, <b>content</b>. ".repeat(5000);

const upper: OnResponse = (response) =>
  response.transform(async function* (chunks) {
    const decoder = new TextDecoder();
    for await (const chunk of chunks) {
      expect(chunk.length).toBeLessThanOrEqual(64 * 1024);
      yield decoder.decode(chunk, { stream: true }).toUpperCase();
    }
    yield "!";
  });

function coded(bytes: Buffer, ...lines: string[]): ThroughProxyOptions["onRequest"] {
  return (request) => {
    const head = Buffer.from(
      `${["HTTP/1.1 200 OK", `Content-Length: ${bytes.length}`, ...lines].join("\r\n")}\r\n\r\n`,
    );
    return request.method === "HEAD" ? head : Buffer.concat([head, bytes]);
  };
}

describe("response.transform", () => {
  it.each([
    ["gzip", gzipSync(TEXT), gunzipSync],
    ["br", brotliCompressSync(TEXT), brotliDecompressSync],
    ["x-gzip", gzipSync(TEXT), gunzipSync],
  ] as const)(
    "over content in %s gets it decoded, and what it gives is coded again",
    async (coding, bytes, decode) => {
      const { get } = await throughProxy({
        onRequest: coded(
          bytes,
          `Content-Encoding: ${coding}`,
          'ETag: "v1"',
          "Accept-Ranges: bytes",
          "Digest: sha-256=x",
        ),
        config: { onResponse: upper },
      });
      const response = await get("/", "Accept-Encoding: gzip, br");
      expect(decode(response.content).toString()).toBe(`${TEXT.toUpperCase()}!`);
      expect(fieldOf(response, "content-encoding")).toBe(coding);
      expect(fieldOf(response, "content-length")).toBeUndefined();
      expect(fieldOf(response, "etag")).toBe('W/"v1"');
      expect(fieldOf(response, "accept-ranges")).toBeUndefined();
      expect(fieldOf(response, "digest")).toBeUndefined();
    },
  );

  it("runs in the order in which edits were declared, onUpstreamResponse first", async () => {
    const add =
      (text: string): OnResponse =>
      (response) =>
        response.transform(async function* (chunks) {
          yield* chunks;
          yield text;
        });
    const { get } = await throughProxy({
      config: {
        onUpstreamResponse: (response, ctx) => void add("1")(response, ctx),
        onResponse: (response, ctx) => {
          void add("2")(response, ctx);
          void add("3")(response, ctx);
        },
      },
    });
    expect((await get("/")).content.toString()).toBe("ok123");
  });

  it("may give less, more or nothing, and read only a part", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: () => toyResponse(200, TEXT),
      config: {
        onResponse: (response) =>
          response.transform(async function* (chunks) {
            for await (const chunk of chunks) {
              yield chunk.subarray(0, 5);
              return;
            }
          }),
      },
    });
    expect((await get("/")).content.toString()).toBe("Hello");
    expect(upstream.requests).toHaveLength(1);
  });

  it("edits answers of hooks and routes too", async () => {
    const { get } = await throughProxy({
      config: { onRequest: (_request, ctx) => ctx.respond(200, "own"), onResponse: upper },
    });
    expect((await get("/")).content.toString()).toBe("OWN!");
  });

  it("gives HEAD the fields of GET (RFC 9110 §9.3.2)", async () => {
    const { ask } = await throughProxy({
      onRequest: coded(Buffer.from("plain"), 'ETag: "v1"'),
      config: { onResponse: upper },
    });
    const response = await ask("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", { head: true });
    expect([fieldOf(response, "content-length"), fieldOf(response, "etag")]).toEqual([
      undefined,
      'W/"v1"',
    ]);
  });

  it("answers an unknown coding with 502 before the head is out", async () => {
    const { get, proxy } = await throughProxy({
      onRequest: () => toyResponse(200, "x", "Content-Encoding: lzma"),
      config: {
        onResponse: (response, ctx) =>
          response.source === "upstream" ? upper(response, ctx) : undefined,
      },
    });
    expect((await get("/")).status).toBe(502);
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_UPSTREAM_CONTENT_CODING" }]);
  });

  it("leaves a 206 alone, with a warning; with `transforms: true` Range is withheld", async () => {
    const partial =
      "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-1/5\r\nContent-Length: 2\r\n\r\nab";
    const through = await throughProxy({
      onRequest: ({ field }) =>
        field("range") === undefined ? toyResponse(200, "abcde") : partial,
      config: { onResponse: upper },
    });
    const part = await through.get("/", "Range: bytes=0-1");
    expect([part.status, part.content.toString()]).toEqual([206, "ab"]);
    await through.proxy.log.line(
      ({ level, msg }) => level === "warn" && String(msg).includes("transforms"),
    );
    await through.proxy.update({
      upstreams: { api: { targets: [through.upstream.url] } },
      transforms: true,
      onResponse: upper,
    });
    const whole = await through.get("/", "Range: bytes=0-1", 'If-Range: "x"');
    expect([whole.status, whole.content.toString()]).toEqual([200, "ABCDE!"]);
    expect((await through.upstream.request(2)).field("if-range")).toBeUndefined();
  });
});

describe("response.setBody", () => {
  it.each<[name: string, body: () => BodyInput, text: string, framing: string]>([
    ["text", () => "neu ä", "neu ä", "length"],
    ["bytes", () => new TextEncoder().encode("bytes"), "bytes", "length"],
    ["a stream", () => new Response("stream").body, "stream", "chunked"],
    ["null", () => null, "", "length"],
  ])("with %s gets the right length or chunks", async (_name, body, text, framing) => {
    const { get } = await throughProxy({
      onRequest: coded(gzipSync(TEXT), "Content-Encoding: gzip", 'ETag: "v1"', "Content-MD5: x"),
      config: { onResponse: (response) => response.setBody(body()) },
    });
    const response = await get("/", "Accept-Encoding: gzip");
    expect([response.content.toString(), response.framing]).toEqual([text, framing]);
    if (framing === "length")
      expect(fieldOf(response, "content-length")).toBe(String(Buffer.byteLength(text)));
    expect(fieldOf(response, "content-encoding")).toBeUndefined();
    expect(fieldOf(response, "content-md5")).toBeUndefined();
    expect(fieldOf(response, "etag")).toBe('W/"v1"');
  });

  it("is not sent to HEAD, which gets its length", async () => {
    const { ask } = await throughProxy({
      config: { onResponse: (response) => response.setBody("four") },
    });
    const response = await ask("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", { head: true });
    expect(fieldOf(response, "content-length")).toBe("4");
  });

  it("makes a 200 of a 206", async () => {
    const { get } = await throughProxy({
      onRequest: () =>
        "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-1/5\r\nContent-Length: 2\r\n\r\nab",
      config: { onResponse: (response) => response.setBody("whole") },
    });
    const response = await get("/", "Range: bytes=0-1");
    expect([
      response.status,
      fieldOf(response, "content-range"),
      response.content.toString(),
    ]).toEqual([200, undefined, "whole"]);
  });

  it("can be read by the next hook", async () => {
    const seen: string[] = [];
    const { get } = await throughProxy({
      config: {
        plugins: [
          {
            name: "reads",
            api: 1,
            onResponse: async (response) => void seen.push(await response.text()),
          },
        ],
        onResponse: (response) => response.setBody("from the config"),
      },
    });
    await get("/");
    expect(seen).toEqual(["from the config"]);
  });
});

describe("response content in hooks", () => {
  it("above the memory is 502", async () => {
    const { get, proxy } = await throughProxy({
      onRequest: () => toyResponse(200, "x".repeat(2000)),
      config: {
        responseContent: { memory: 1000 },
        async onResponse(response) {
          if (response.source === "upstream") await response.text();
        },
      },
    });
    expect((await get("/")).status).toBe(502);
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_UPSTREAM_CONTENT_TOO_LARGE" }]);
  });

  it("that is a bomb when decoded is 502 too", async () => {
    const { get, proxy } = await throughProxy({
      onRequest: coded(gzipSync(Buffer.alloc(10_000_000)), "Content-Encoding: gzip"),
      config: {
        async onResponse(response) {
          if (response.source === "upstream") await response.text();
        },
      },
    });
    expect((await get("/")).status).toBe(502);
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_UPSTREAM_CONTENT_TOO_LARGE" }]);
  });

  it("is read by several hooks, also as a Response, and sent as it came", async () => {
    const seen: unknown[] = [];
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, '{"a":1}', "X-A: 1"),
      config: {
        async onUpstreamResponse(response) {
          seen.push(await response.json());
        },
        async onResponse(response) {
          const web = await response.toWeb();
          seen.push(web.headers.get("x-a"), await web.text(), (await response.bytes()).length);
          response.status = 203;
        },
      },
    });
    const response = await get("/");
    expect(seen).toEqual([{ a: 1 }, "1", '{"a":1}', 7]);
    expect([response.status, response.content.toString(), response.framing]).toEqual([
      203,
      '{"a":1}',
      "length",
    ]);
  });
});
