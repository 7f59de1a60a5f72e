import { brotliCompressSync, brotliDecompressSync, gzipSync } from "node:zlib";

import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf, type RawResponse } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

const TEXT = "hello, content that was compressed ".repeat(200);
const BYTES = { gzip: gzipSync(TEXT), br: brotliCompressSync(TEXT) };

function coded(coding: "gzip" | "br"): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: ${coding}\r\nContent-Length: ${BYTES[coding].length}\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT\r\nSet-Cookie: c=3\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), BYTES[coding]]);
}

type Hook = NonNullable<GatewrightConfig<"api">["onRequest"]>;

/** What hooks do with a response that they fetched. `ORIGIN` is the upstream's URL. */
const HOOKS: readonly (readonly [
  name: string,
  text: string,
  hook: (origin: () => string) => Hook,
])[] = [
  [
    "a global fetch, returned untouched",
    TEXT,
    (origin) => (request) => fetch(origin() + request.path),
  ],
  [
    "a global fetch, read and rewritten",
    TEXT.toUpperCase(),
    (origin) => async (request) => {
      const fetched = await fetch(origin() + request.path);
      return new Response((await fetched.text()).toUpperCase(), fetched);
    },
  ],
  [
    "a global fetch whose body goes into a new Response with the old fields",
    TEXT,
    (origin) => async (request) => {
      const fetched = await fetch(origin() + request.path);
      return new Response(fetched.body, fetched);
    },
  ],
  [
    "ctx.fetch by name, returned untouched",
    TEXT,
    () => (request, ctx) =>
      ctx.fetch("api", { path: request.path, headers: { "accept-encoding": "gzip, br" } }),
  ],
  [
    "ctx.fetch by URL, read and rewritten",
    TEXT.toUpperCase(),
    (origin) => async (request, ctx) => {
      const fetched = await ctx.fetch(new URL(origin() + request.path));
      return new Response((await fetched.text()).toUpperCase(), fetched);
    },
  ],
];

/** `own`: the coding that the proxy applies for this client, if any. */
function expectWhole(response: RawResponse, text: string, own?: "br"): void {
  expect(response.status).toBe(200);
  expect(fieldsOf(response, "Content-Encoding")).toEqual(own === undefined ? [] : [own]);
  const { content } = response;
  expect((own === undefined ? content : brotliDecompressSync(content)).toString()).toBe(text);
  const length = fieldOf(response, "Content-Length");
  if (length !== undefined) expect(length).toBe(String(content.length));
  expect(fieldsOf(response, "Set-Cookie")).toEqual([
    "a=1",
    "b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT",
    "c=3",
  ]);
}

describe.each(["gzip", "br"] as const)("content in %s (PUB-20)", (coding) => {
  it.each(HOOKS)("by %s, reaches the client readable", async (_name, text, hook) => {
    let origin = "";
    const through: ThroughProxy = await throughProxy({
      onRequest: () => coded(coding),
      config: { onRequest: hook(() => origin) as never },
    });
    origin = through.upstream.url;
    expectWhole(await through.get("/a"), text);
    expectWhole(await through.get("/a", "Accept-Encoding: gzip, br"), text, "br");
    // What fetch itself makes of the answer.
    const response = await fetch(`${through.proxy.url}/a`);
    expect(await response.text()).toBe(text);
  });

  it("that no hook touches passes as it came", async () => {
    const { get } = await throughProxy({ onRequest: () => coded(coding) });
    const response = await get("/", "Accept-Encoding: gzip, br");
    expect(fieldOf(response, "Content-Encoding")).toBe(coding);
    expect(response.content.equals(BYTES[coding])).toBe(true);
    expect(fieldsOf(response, "Set-Cookie")).toHaveLength(3);
  });

  it("can be read by onResponse as text and is sent as it came", async () => {
    const seen: string[] = [];
    const { get } = await throughProxy({
      onRequest: () => coded(coding),
      config: {
        async onResponse(response) {
          seen.push(await response.text());
        },
      },
    });
    const response = await get("/", "Accept-Encoding: gzip, br");
    expect(seen).toEqual([TEXT]);
    expect(fieldOf(response, "Content-Encoding")).toBe(coding);
    expect(response.content.equals(BYTES[coding])).toBe(true);
  });

  it("can be read and replaced by onResponse", async () => {
    const { get } = await throughProxy({
      onRequest: () => coded(coding),
      config: {
        async onResponse(response) {
          response.setBody((await response.text()).toUpperCase());
        },
      },
    });
    expectWhole(await get("/", "Accept-Encoding: gzip, br"), TEXT.toUpperCase(), "br");
  });
});
