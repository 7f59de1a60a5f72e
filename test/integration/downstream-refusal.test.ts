import { describe, expect, it } from "vitest";

import { connectRaw, exchangeRaw, fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { answer, listen } from "../helpers/listening.ts";

const HOST = "Host: a.test\r\n";
const CASES: readonly (readonly [rule: string, status: number, request: string])[] = [
  [
    "two transfer codings in a line (RFC 9112 §6.1)",
    501,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    "two Transfer-Encoding lines",
    501,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    "chunked twice",
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    "a transfer coding that looks like chunked",
    501,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    "chunked with a parameter",
    501,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n`,
  ],
  ["identity alone", 501, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: identity\r\n\r\n`],
  ["an empty Transfer-Encoding", 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \r\n\r\n`],
  ["no Host (RFC 9112 §3.2)", 400, "GET / HTTP/1.1\r\n\r\n"],
  ["two Hosts", 400, `GET / HTTP/1.1\r\n${HOST}Host: b.test\r\n\r\n`],
  ["the same Host twice", 400, `GET / HTTP/1.1\r\n${HOST}host: a.test\r\n\r\n`],
  [
    "two Hosts beyond the thousandth field",
    400,
    `GET / HTTP/1.1\r\n${HOST}${"a:\r\n".repeat(1100)}Host: b.test\r\n\r\n`,
  ],
  ["an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
  ["a list as Host", 400, "GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n"],
  ["a userinfo in Host", 400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"],
  ["a path in Host", 400, "GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n"],
  ["a port that is none", 400, "GET / HTTP/1.1\r\nHost: a.test:x\r\n\r\n"],
  ["a space in Host", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a malformed Host of HTTP/1.0", 400, "GET / HTTP/1.0\r\nHost: a@b\r\n\r\n"],
  ["HTTP/2.0 in the request line (RFC 9112 §2.3)", 505, `GET / HTTP/2.0\r\n${HOST}\r\n`],
  ["the HTTP/2 preface", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["HTTP/0.9", 400, "GET /\r\n\r\n"],
  ["an unknown version", 400, `GET / HTTP/9.9\r\n${HOST}\r\n`],
  ["* with GET (RFC 9112 §3.2.4)", 400, `GET * HTTP/1.1\r\n${HOST}\r\n`],
  ["a scheme that is not http", 400, `GET ftp://a.test/ HTTP/1.1\r\n${HOST}\r\n`],
  ["a userinfo in absolute-form", 400, `GET http://u:p@a.test/ HTTP/1.1\r\n${HOST}\r\n`],
  ["an absolute-form without a host", 400, `GET http:///x HTTP/1.1\r\n${HOST}\r\n`],
  ["a fragment (RFC 9112 §3.2)", 400, `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
  ["a fragment in absolute-form", 400, `GET http://a.test/a#b HTTP/1.1\r\n${HOST}\r\n`],
  [
    "an unknown expectation (RFC 9110 §10.1.1)",
    417,
    `PUT / HTTP/1.1\r\n${HOST}Expect: banana\r\nContent-Length: 3\r\n\r\nabc`,
  ],
  [
    "a target over its limit (RFC 9110 §15.5.15)",
    414,
    `GET /${"a".repeat(8192)} HTTP/1.1\r\n${HOST}\r\n`,
  ],
  ["a target longer than a whole head may be", 414, `GET /${"a".repeat(20_000)}`],
  [
    "fields over the head's limit (RFC 6585 §5)",
    431,
    `GET / HTTP/1.1\r\n${HOST}X: ${"a".repeat(17_000)}\r\n\r\n`,
  ],
  ["an unknown method", 400, `FOO / HTTP/1.1\r\n${HOST}\r\n`],
  ["bytes that are no HTTP", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["CONNECT (RFC 9110 §9.3.6)", 405, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nX"],
];

describe("a request that no one may see", () => {
  it.each(CASES)("%s is answered with %i and closed", async (_rule, status, request) => {
    const { port, exchanges, refusals } = await listen((exchange) => answer(exchange));
    const client = await connectRaw(port);
    // What follows must never be read as a request.
    client.send(`${request}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const response = await client.response();
    expect(response.status).toBe(status);
    expect(response.framing).toBe("length");
    expect(fieldOf(response, "connection")).toBe("close");
    expect(fieldsOf(response, "date")).toHaveLength(1);
    expect(fieldOf(response, "content-type")).toBe("application/problem+json");
    expect(JSON.parse(response.content.toString())).toMatchObject({ status });
    expect(await client.readUntilClose()).toEqual({ bytes: Buffer.alloc(0), reset: false });
    expect(exchanges).toHaveLength(0);
    expect(refusals).toHaveLength(1);
    expect(refusals[0]?.peerAddress).toBe("127.0.0.1");
  });

  it("has no content in the answer to HEAD", async () => {
    const { port } = await listen((exchange) => answer(exchange));
    const { bytes } = await exchangeRaw(port, "HEAD / HTTP/1.1\r\n\r\n");
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 400 [^]*\r\n\r\n$/);
  });

  it("is answered with Allow where it is CONNECT (RFC 9110 §15.5.6)", async () => {
    const { port } = await listen((exchange) => answer(exchange));
    const { bytes } = await exchangeRaw(port, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nX");
    expect(bytes.toString()).toMatch(/\r\nAllow: GET, HEAD,/);
  });

  it("waits for the responses before it", async () => {
    const { port, exchanges } = await listen((exchange) => {
      setTimeout(() => answer(exchange, exchange.target), 20);
    });
    for (const broken of [
      "GET / HTTP/1.1\r\n\r\n",
      "noise\r\n\r\n",
      "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
    ]) {
      const client = await connectRaw(port);
      client.send(`GET /1 HTTP/1.1\r\n${HOST}\r\nGET /2 HTTP/1.1\r\n${HOST}\r\n${broken}`);
      expect((await client.response()).content.toString()).toBe("/1");
      expect((await client.response()).content.toString()).toBe("/2");
      expect((await client.response()).status).toBeGreaterThanOrEqual(400);
      expect((await client.readUntilClose()).bytes).toHaveLength(0);
    }
    expect(exchanges).toHaveLength(6);
  });
});

describe("a request that only looks odd", () => {
  it.each([
    ["GET / HTTP/1.1\r\nhoSt:\ta.test:8080 \r\nempty:\r\n\r\n", "/", "a.test:8080"],
    ["GET http://b.test:81/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n", "/x?y", "b.test:81"],
    ["GET HTTP://b.test HTTP/1.1\r\nHost: a.test\r\n\r\n", "/", "b.test"],
    ["GET http://b.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n", "/?q", "b.test"],
    ["OPTIONS http://b.test HTTP/1.1\r\nHost: a.test\r\n\r\n", "*", "b.test"],
    ["OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "*", "a.test"],
    ["GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "/", "[::1]:80"],
    ["GET //a/%2e%2e?b=/../ HTTP/1.1\r\nHost: a.test\r\n\r\n", "//a/%2e%2e?b=/../", "a.test"],
    ["GET / HTTP/1.0\r\n\r\n", "/", ""],
  ])("%j is served as %s of %s", async (request, target, authority) => {
    const { port, exchanges } = await listen((exchange) => answer(exchange));
    const client = await connectRaw(port);
    client.send(request);
    expect((await client.response()).status).toBe(200);
    expect(exchanges[0]).toMatchObject({ target, authority, scheme: "http" });
    expect(exchanges[0]?.content).toBeUndefined();
    client.destroy();
  });

  it("keeps its fields in order, case and number, as bytes", async () => {
    const { port, exchanges } = await listen((exchange) => answer(exchange));
    const client = await connectRaw(port);
    client.send("GET / HTTP/1.1\r\nX-b: 1\r\nHost: a.test\r\nx-B: \xe4\r\nX-b: \r\n\r\n");
    await client.response();
    expect(exchanges[0]?.fields).toEqual(["X-b", "1", "Host", "a.test", "x-B", "\xe4", "X-b", ""]);
    expect(exchanges[0]?.connection).toMatchObject({
      peerAddress: "127.0.0.1",
      peerPort: client.socket.localPort,
      localAddress: "127.0.0.1",
      localPort: port,
      servername: undefined,
    });
    client.destroy();
  });
});
