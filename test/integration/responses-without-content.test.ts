import { describe, expect, it } from "vitest";

import { testProtocol } from "../helpers/protocol-matrix.ts";
import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const CASES: readonly {
  readonly name: string;
  readonly method: "GET" | "HEAD";
  readonly head: string;
  readonly status: number;
  readonly length: string | undefined;
  /** The upstream's connection is used again. Default true. */
  readonly kept?: boolean;
}[] = [
  {
    name: "HEAD with the length of the content that GET would get",
    method: "HEAD",
    head: "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
    status: 200,
    length: "1234",
  },
  {
    name: "HEAD without a length",
    method: "HEAD",
    head: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
    status: 200,
    length: undefined,
  },
  {
    name: "HEAD with Transfer-Encoding",
    method: "HEAD",
    head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    status: 200,
    length: undefined,
  },
  { name: "204", method: "GET", head: "HTTP/1.1 204 No\r\n\r\n", status: 204, length: undefined },
  {
    name: "204 with a length of 0",
    method: "GET",
    head: "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
    status: 204,
    length: undefined,
  },
  {
    name: "304 with the length of the stored content",
    method: "GET",
    head: 'HTTP/1.1 304 Same\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n',
    status: 304,
    length: "1234",
    kept: false,
  },
  {
    name: "304 without either",
    method: "GET",
    head: "HTTP/1.1 304 Same\r\n\r\n",
    status: 304,
    length: undefined,
  },
  {
    name: "304 with Transfer-Encoding",
    method: "GET",
    head: "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n",
    status: 304,
    length: undefined,
    kept: false,
  },
];

describe("responses that never have content (PUB-04)", () => {
  it.each(CASES)(
    "$name: passes at once, and both connections go on (RFC 9112 §6.3, RFC 9110 §8.6)",
    async ({ method, head, status, length, kept = true }) => {
      const { connect, upstream } = await throughProxy({ onRequest: () => head });
      const client = await connect();
      const request = `${method} / HTTP/1.1\r\nHost: a.test\r\n\r\n`;
      await client.send(request + request);
      for (let round = 0; round < 2; round++) {
        const response = await client.response({ head: method === "HEAD", timeoutMs: 2000 });
        expect(response.status).toBe(status);
        expect(fieldOf(response, "Content-Length")).toBe(length);
        expect(fieldOf(response, "Transfer-Encoding")).toBeUndefined();
        expect(fieldOf(response, "Connection")).toBeUndefined();
      }
      await client.send(request);
      expect((await client.response({ head: method === "HEAD" })).status).toBe(status);
      expect(upstream.requests).toHaveLength(3);
      // A 304 that promises content may be followed by it: by its connection alone nobody could tell.
      // Streams do not wait for each other.
      const atOnce = testProtocol() === "HTTP/2" ? 2 : 1;
      expect(upstream.connections).toHaveLength(kept ? atOnce : 3);
      client.destroy();
    },
  );

  it("content sent after a 304 never becomes the answer to somebody else's request", async () => {
    const evil = "HTTP/1.1 200 Evil\r\nContent-Length: 4\r\n\r\nevil";
    const { get, upstream } = await throughProxy({
      onRequest: ({ target }) =>
        target === "/304"
          ? `HTTP/1.1 304 Same\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`
          : toyResponse(200, "good"),
    });
    expect((await get("/304")).status).toBe(304);
    expect((await get("/next")).content.toString()).toBe("good");
    expect(upstream.requests).toHaveLength(2);
  });
});
