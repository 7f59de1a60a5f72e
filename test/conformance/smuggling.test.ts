/**
 * Requests that two parsers could read differently. Each is refused and its connection closed, and what it tries to
 * hide behind itself is never served: RFC 9112 §11.2.
 */
import { describe, expect, it } from "vitest";

import type { Exchange } from "../../runtime/downstream/exchange.ts";
import { connectRaw, type RawClient } from "../helpers/raw-client.ts";
import { echo, listen } from "../helpers/listening.ts";
import { scaled } from "../helpers/scale.ts";

const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";

/** A POST to /seen with these field lines, then what follows its head. */
function post(lines: string, rest: string): string {
  return `POST /seen HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n\r\n${rest}`;
}

function get(head: string): string {
  return `${head}\r\n\r\n`;
}

const CHUNKED_ABC = "3\r\nabc\r\n0\r\n\r\n";

/** Refused at head time: never served at all. */
const REFUSED: Record<string, string> = {};

// PUB-03: look-alikes next to Content-Length, in both orders.
for (const coding of [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked,",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunkedx",
  "Transfer-Encoding: Chunked\t",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding: ,chunked",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding:\tchunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  " Transfer-Encoding: chunked",
  "X: y\r\n Transfer-Encoding: chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding: chunked\0",
  "Transfer_Encoding: x\r\nTransfer-Encoding: chunked",
]) {
  REFUSED[`Content-Length, then ${JSON.stringify(coding)}`] = post(
    `Content-Length: 5\r\n${coding}`,
    `0\r\n\r\n${HIDDEN}`,
  );
  REFUSED[`${JSON.stringify(coding)}, then Content-Length`] = post(
    `${coding}\r\nContent-Length: 5`,
    `0\r\n\r\n${HIDDEN}`,
  );
}

// A coding alone that is not exactly one `chunked`.
for (const coding of [
  "chunked, chunked",
  "gzip",
  "gzip, chunked",
  "identity",
  "identity, chunked",
  "chunked;a=b",
  "chunked ;",
  "xchunked",
  "chunked,",
  ",chunked",
  '"chunked"',
  "",
  "\x0bchunked",
  "chun ked",
  "chunked identity",
]) {
  REFUSED[`Transfer-Encoding: ${JSON.stringify(coding)}`] = post(
    `Transfer-Encoding: ${coding}`,
    `${CHUNKED_ABC}${HIDDEN}`,
  );
}
REFUSED["chunked in HTTP/1.0"] =
  `POST /seen HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED_ABC}${HIDDEN}`;

// Lengths that are not one plain number.
for (const length of [
  "+5",
  "-5",
  "5, 6",
  "5,5",
  "5 5",
  "5;",
  "0x5",
  "5.0",
  "5e0",
  "",
  "five",
  "99999999999999999999",
  "18446744073709551621",
  "\x0b5",
  "5\0",
]) {
  REFUSED[`Content-Length: ${JSON.stringify(length)}`] = post(
    `Content-Length: ${length}`,
    `abcde${HIDDEN}`,
  );
}
for (const lines of [
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 5\r\nContent-Length: 5",
  "Content-Length: 5\r\ncontent-length: 0",
  "Content-Length : 5",
  "Content-Length\0: 5",
  "Content-Length: 5\r\n Content-Length: 6",
  "Content-Length:\r\n 5",
]) {
  REFUSED[JSON.stringify(lines)] = post(lines, `abcde${HIDDEN}`);
}

// Line structure.
for (const [name, request] of Object.entries({
  "a folded field": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n`,
  "a field folded with a tab": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX: a\r\n\tb\r\n\r\n`,
  "a space before the first field": `GET /seen HTTP/1.1\r\n Host: a.test\r\n\r\n`,
  "a space before the colon": `GET /seen HTTP/1.1\r\nHost : a.test\r\n\r\n`,
  "bare LF after the request line": `GET /seen HTTP/1.1\nHost: a.test\r\n\r\n`,
  "bare LF after a field": `GET /seen HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n`,
  "bare LF at the end of the head": `GET /seen HTTP/1.1\r\nHost: a.test\r\n\n`,
  "only bare LF": `GET /seen HTTP/1.1\nHost: a.test\n\n`,
  "bare CR in a field": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n`,
  "bare CR between fields": `GET /seen HTTP/1.1\r\nHost: a.test\r\rX: y\r\n\r\n`,
  "CR at the end of the head": `GET /seen HTTP/1.1\r\nHost: a.test\r\n\rX: y\r\n\r\n`,
  "NUL in a value": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n`,
  "a control byte in a value": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX: a\x07b\r\n\r\n`,
  "a field without a colon": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX\r\n\r\n`,
  "a field without a name": `GET /seen HTTP/1.1\r\nHost: a.test\r\n: x\r\n\r\n`,
  "a bracket in a name": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX[]: y\r\n\r\n`,
  "a byte above ASCII in a name": `GET /seen HTTP/1.1\r\nHost: a.test\r\nX\xe4: y\r\n\r\n`,
  "a space in the target": `GET /seen /x HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  "a tab in the request line": `GET\t/seen\tHTTP/1.1\r\nHost: a.test\r\n\r\n`,
  "a space before the method": ` GET /seen HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  "a byte above ASCII in the target": `GET /se\xe4n HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  "a lower-case method": `get /seen HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  "a lower-case version": `GET /seen http/1.1\r\nHost: a.test\r\n\r\n`,
  "a version with a leading zero": `GET /seen HTTP/01.1\r\nHost: a.test\r\n\r\n`,
  "a version beyond one digit": `GET /seen HTTP/1.10\r\nHost: a.test\r\n\r\n`,
  "a comma in the version": `GET /seen HTTP/1,1\r\nHost: a.test\r\n\r\n`,
  "a space after the version": `GET /seen HTTP/1.1 \r\nHost: a.test\r\n\r\n`,
  "HTTP/1.2": `GET /seen HTTP/1.2\r\nHost: a.test\r\n\r\n`,
  "HTTP/0.9": `GET /seen\r\n\r\n`,
  "no method": `/seen HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  "an empty target": `GET  HTTP/1.1\r\nHost: a.test\r\n\r\n`,
})) {
  REFUSED[name] = request + HIDDEN;
}

// Hosts.
for (const host of [
  "",
  "a.test, b.test",
  "a.test b.test",
  "a@b.test",
  "a.test/../b",
  "a.test:80:80",
  "a.test:-1",
  "a.test:99999",
  "http://a.test",
  "a.test#",
  "a.test?",
  "[::1",
  "::1",
  "[::1]x",
  "[a.test]",
  "a.test\\b",
  "a%2etest",
  "a..test",
  "a.test;b",
]) {
  REFUSED[`Host: ${JSON.stringify(host)}`] = get(`GET /seen HTTP/1.1\r\nHost: ${host}`) + HIDDEN;
}
for (const lines of [
  "Host: a.test\r\nHost: b.test",
  "Host: a.test\r\nhost: a.test",
  "Host: a.test\r\nX: y\r\nHOST: a.test",
  "X-Host: a.test",
  "Host\0: a.test",
]) {
  REFUSED[`Hosts ${JSON.stringify(lines)}`] = get(`GET /seen HTTP/1.1\r\n${lines}`) + HIDDEN;
}

/** Broken after the head: may be served once, but its content fails, and nothing after it is read. */
const BROKEN_CONTENT: Record<string, string> = {};
for (const [name, chunks] of Object.entries({
  "a chunk size that is no number": "x\r\nabc\r\n0\r\n\r\n",
  "a signed chunk size": "+3\r\nabc\r\n0\r\n\r\n",
  "a negative chunk size": "-3\r\nabc\r\n0\r\n\r\n",
  "a chunk size with 0x": "0x3\r\nabc\r\n0\r\n\r\n",
  "a chunk size with an underscore": "0_3\r\nabc\r\n0\r\n\r\n",
  "a chunk size that overflows": "10000000000000003\r\nabc\r\n0\r\n\r\n",
  "an empty chunk size": "\r\nabc\r\n0\r\n\r\n",
  "a space before the chunk size": " 3\r\nabc\r\n0\r\n\r\n",
  "a space after the chunk size": "3 \r\nabc\r\n0\r\n\r\n",
  "a chunk size ended by LF": "3\nabc\r\n0\r\n\r\n",
  "a chunk size ended by CR": "3\rabc\r\n0\r\n\r\n",
  "a chunk longer than its size": "3\r\nabcd\r\n0\r\n\r\n",
  "a chunk ended by LF": "3\r\nabc\n0\r\n\r\n",
  "a chunk without an end": "3\r\nabc0\r\n\r\n",
  "an extension with a bare LF": "3;a\nb\r\nabc\r\n0\r\n\r\n",
  "an extension with a bare CR": "3;a\rb\r\nabc\r\n0\r\n\r\n",
  "an extension with NUL": "3;a\0\r\nabc\r\n0\r\n\r\n",
  "an extension before its semicolon": "3 a\r\nabc\r\n0\r\n\r\n",
  "an endless extension": `3;${"a".repeat(20_000)}\r\nabc\r\n0\r\n\r\n`,
  "a last chunk ended by LF": "3\r\nabc\r\n0\n\r\n",
  "trailers ended by LF": "3\r\nabc\r\n0\r\nX: y\n\r\n",
  "a folded trailer": "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n",
  "a trailer with a space before its colon": "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
  "a length in trailers": "3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n",
  "a coding in trailers": "3\r\nabc\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n",
  "a trailer without a colon": "3\r\nabc\r\n0\r\nX\r\n\r\n",
  "endless trailers": `3\r\nabc\r\n0\r\n${"X: y\r\n".repeat(10_000)}\r\n`,
})) {
  BROKEN_CONTENT[name] = post("Transfer-Encoding: chunked", chunks + HIDDEN);
}

/** Odd, but every parser that keeps to the RFC reads them in one way. */
const SERVED: Record<string, string> = {
  "a chunk extension": post("Transfer-Encoding: chunked", `3;a=b;c="d"\r\nabc\r\n0;x\r\n\r\n`),
  "leading zeros in a chunk size": post("Transfer-Encoding: chunked", "0003\r\nabc\r\n000\r\n\r\n"),
  "a chunk size in capitals": post("Transfer-Encoding: chunked", `A\r\nabcdefghij\r\n0\r\n\r\n`),
  trailers: post("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
  "chunked in capitals": post("TRANSFER-ENCODING: CHUNKED", CHUNKED_ABC),
  "whitespace around values": post("Content-Length: \t 3 \t", "abc"),
  "a length with leading zeros": post("Content-Length: 003", "abc"),
  "a request as content": post(`Content-Length: ${HIDDEN.length}`, HIDDEN),
  // RFC 9112 §3 lets a server split at any whitespace; what is passed on has one space.
  "two spaces in the request line": post("Content-Length: 3", "abc").replace(" /", "  /"),
  "empty lines before a request": `\r\n\r\n${post("Content-Length: 3", "abc")}`,
};

/** Sends it in one piece or byte by byte; reads until the close. */
async function send(client: RawClient, request: string, inPieces: boolean): Promise<void> {
  if (!inPieces) {
    await client.send(request);
    return;
  }
  // Long runs of one kind need not come byte by byte.
  const step = request.length > 1000 ? 97 : 1;
  for (let at = 0; at < request.length && !client.ended; at += step) {
    await client.send(request.slice(at, at + step));
  }
}

const WAYS = scaled([false], [false, true]);

describe("a smuggling attempt", () => {
  it.each(Object.entries(REFUSED))(
    "by %s is refused, closed and never served",
    async (_name, request) => {
      const { port, exchanges } = await listen(echo);
      for (const inPieces of WAYS) {
        const client = await connectRaw(port);
        await send(client, request, inPieces);
        const response = await client.response();
        expect(response.status).toBeOneOf([400, 501, 505]);
        expect((await client.readUntilClose()).bytes).toHaveLength(0);
        expect(exchanges.map((exchange) => exchange.target)).toEqual([]);
      }
    },
  );

  it.each(Object.entries(BROKEN_CONTENT))(
    "by %s ends with its own request",
    async (_name, request) => {
      for (const inPieces of WAYS) {
        const { port, exchanges } = await listen(echo);
        const client = await connectRaw(port);
        await send(client, request, inPieces);
        const response = await client.response();
        expect(response.status).toBeOneOf([400, 413, 431]);
        expect((await client.readUntilClose()).bytes).toHaveLength(0);
        expect(exchanges.length).toBeLessThanOrEqual(1);
      }
    },
  );

  it.each(Object.entries(SERVED))("is not seen in %s", async (_name, request) => {
    const { port, exchanges } = await listen(echo);
    for (const inPieces of WAYS) {
      exchanges.length = 0;
      const client = await connectRaw(port);
      await send(
        client,
        `${request}GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`,
        inPieces,
      );
      expect((await client.response()).status).toBe(200);
      expect((await client.response()).status).toBe(200);
      expect((await client.readUntilClose()).bytes).toHaveLength(0);
      expect(exchanges.map((exchange) => exchange.target)).toEqual(["/seen", "/next"]);
    }
  });

  it("by 20,000 pipelined requests gets at most one of them served at a time", async () => {
    const served: Exchange[] = [];
    const { port } = await listen((exchange) => void served.push(exchange));
    for (let round = 1; round <= scaled(2, 10); round++) {
      const client = await connectRaw(port);
      client.send(HIDDEN.repeat(20_000));
      expect(await client.closes()).toBe(true);
      expect(served).toHaveLength(round);
    }
  });
});
