import zlib from "node:zlib";

import { describe, expect, it } from "vitest";

import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const TEXT = JSON.stringify(
  Array.from({ length: 3000 }, (_, id) => ({ id, name: `user ${(id * 7919) % 1000}` })),
);
const DECODE: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes),
  br: (bytes) => zlib.brotliDecompressSync(bytes),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes),
};

function decoded(response: RawResponse): string {
  const coding = fieldOf(response, "content-encoding");
  return (coding === undefined ? response.content : DECODE[coding]!(response.content)).toString();
}

function stored(...lines: string[]): Promise<ThroughProxy> {
  return throughProxy({
    onRequest: () =>
      toyResponse(
        200,
        TEXT,
        "Cache-Control: max-age=60",
        "Content-Type: application/json",
        'ETag: "v1"',
        ...lines,
      ),
    config: { routes: [{ upstream: "api", cache: true }] },
  });
}

/** Asks until the store has the variant, which is then sent with its length. */
async function variant({ get }: ThroughProxy, coding: string): Promise<RawResponse> {
  for (;;) {
    const response = await get("/a", `Accept-Encoding: ${coding}`);
    expect(decoded(response)).toBe(TEXT);
    if (fieldOf(response, "content-length") !== undefined) return response;
  }
}

describe("a stored content that shrinks", () => {
  it("serves every coding and none, with more effort than a live stream", async () => {
    const proxied = await stored();
    const live = await proxied.get("/a", "Accept-Encoding: br");
    expect(decoded(live)).toBe(TEXT);
    for (const coding of ["br", "gzip", "zstd"]) {
      const response = await variant(proxied, coding);
      expect(fieldOf(response, "content-encoding")).toBe(coding);
      expect(fieldOf(response, "content-length")).toBe(String(response.content.length));
      expect(fieldOf(response, "etag")).toBe('W/"v1-coded"');
      expect(fieldOf(response, "vary")).toBe("Accept-Encoding");
      if (coding === "br") expect(response.content.length).toBeLessThan(live.content.length);
    }
    const plain = await proxied.get("/a");
    expect([decoded(plain), fieldOf(plain, "etag"), fieldOf(plain, "vary")]).toEqual([
      TEXT,
      '"v1"',
      "Accept-Encoding",
    ]);
    expect(proxied.upstream.requests).toHaveLength(1);
  });

  it("answers each client's own tag with 304, and HEAD with the fields of GET (RFC 9110 §15.4.5)", async () => {
    const proxied = await stored();
    const { get, ask } = proxied;
    await variant(proxied, "gzip");
    for (const tag of ['W/"v1-coded"', '"v1"', 'W/"x", W/"v1-coded"']) {
      const response = await get("/a", "Accept-Encoding: gzip", `If-None-Match: ${tag}`);
      expect([response.status, fieldOf(response, "vary")]).toEqual([304, "Accept-Encoding"]);
      expect(fieldOf(response, "etag")).toBe(tag.includes("coded") ? 'W/"v1-coded"' : '"v1"');
      expect(fieldOf(response, "content-encoding")).toBeUndefined();
    }
    const other = await get("/a", "Accept-Encoding: gzip", 'If-None-Match: W/"v2-coded"');
    expect(other.status).toBe(200);
    const head = await ask("HEAD /a HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n", {
      head: true,
    });
    expect(fieldOf(head, "content-encoding")).toBe("gzip");
    expect(fieldOf(head, "etag")).toBe('W/"v1-coded"');
    expect(proxied.upstream.requests).toHaveLength(1);
  });

  it("gives out parts of the plain content only, never to continue coded bytes (RFC 9110 §13.1.5, §14.4)", async () => {
    const proxied = await stored();
    const { get } = proxied;
    await variant(proxied, "gzip");
    const part = await get("/a", "Accept-Encoding: gzip", "Range: bytes=10-19");
    expect([part.status, part.content.toString()]).toEqual([206, TEXT.slice(10, 20)]);
    expect([fieldOf(part, "content-encoding"), fieldOf(part, "vary")]).toEqual([
      undefined,
      "Accept-Encoding",
    ]);
    const whole = await get(
      "/a",
      "Accept-Encoding: gzip",
      "Range: bytes=10-19",
      'If-Range: W/"v1-coded"',
    );
    expect([whole.status, decoded(whole)]).toEqual([200, TEXT]);
    expect(proxied.upstream.requests).toHaveLength(1);
  });

  it("is left alone where its origin forbids transforming (RFC 9111 §5.2.2.6)", async () => {
    const { get } = await stored("Cache-Control: no-transform");
    for (let i = 0; i < 2; i++) {
      const response = await get("/a", "Accept-Encoding: gzip");
      expect(fieldOf(response, "content-encoding")).toBeUndefined();
      expect(fieldOf(response, "etag")).toBe('"v1"');
      expect(response.content.toString()).toBe(TEXT);
    }
  });
});

describe("a content that is stored with a coding", () => {
  it("is made plain, or put into another coding, for who does not read it", async () => {
    const bytes = zlib.gzipSync(TEXT);
    const { get, upstream } = await throughProxy({
      onRequest: () =>
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nETag: "g"\r\nContent-Length: ${bytes.length}\r\n\r\n`,
          ),
          bytes,
        ]),
      config: { routes: [{ upstream: "api", cache: true }] },
    });
    for (const [accept, coding] of [
      ["gzip", "gzip"],
      ["br", "br"],
      ["identity", undefined],
      ["identity", undefined],
    ] as const) {
      const response = await get("/a", `Accept-Encoding: ${accept}`);
      expect(fieldOf(response, "content-encoding")).toBe(coding);
      expect(decoded(response)).toBe(TEXT);
      expect(fieldOf(response, "etag")).toBe(coding === "gzip" ? '"g"' : 'W/"g-coded"');
    }
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("a content on its way into the store (PUB-16)", () => {
  it("reaches everyone who waits for it piece by piece, each in a coding of their own", async () => {
    const { connect, get, upstream, proxy } = await throughProxy({
      onRequest: () => undefined,
      config: { routes: [{ upstream: "api", cache: true }] },
    });
    const clients = [await connect(), await connect()];
    const codings = ["gzip", "br"] as const;
    for (const [at, client] of clients.entries()) {
      void client.send(
        `GET /a HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: ${codings[at]}\r\n\r\n`,
      );
    }
    await upstream.request(1);
    while ((await proxy.running.status()).traffic.requests < 2)
      await new Promise((resolve) => setImmediate(resolve));
    const origin = await upstream.connection(1);
    origin.send(
      "HTTP/1.1 200 x\r\nCache-Control: max-age=60\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const decoders = [zlib.createGunzip(), zlib.createBrotliDecompress()];
    const texts = ["", ""];
    for (const [at, decoder] of decoders.entries())
      decoder.on("data", (chunk: Buffer) => (texts[at] += chunk.toString()));
    for (const client of clients) await client.readThrough("\r\n\r\n");
    for (const line of ["first line\n", "second line\n"]) {
      origin.send(`${line.length.toString(16)}\r\n${line}\r\n`);
      for (const [at, client] of clients.entries()) {
        while (texts[at]?.endsWith(line) !== true) {
          const size = Number.parseInt(await client.readThrough("\r\n"), 16);
          decoders[at]?.write(await client.read(size));
          await client.read(2);
          await new Promise<void>((resolve) => decoders[at]?.flush(resolve));
        }
      }
    }
    origin.send("0\r\n\r\n");
    for (const client of clients) await client.readThrough("\r\n0\r\n\r\n");
    expect((await get("/a")).content.toString()).toBe("first line\nsecond line\n");
    expect(upstream.requests).toHaveLength(1);
    for (const client of clients) client.destroy();
    for (const decoder of decoders) decoder.close();
  });
});
