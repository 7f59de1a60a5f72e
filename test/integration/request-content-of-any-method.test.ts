import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

const INNER = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

describe.each(["DELETE", "GET", "OPTIONS", "HEAD"])("content with %s (PUB-02)", (method) => {
  const read = { head: method === "HEAD" };

  it.each([
    ["in chunks where it streams", false],
    ["with its length where it was whole before", true],
  ])("arrives %s, if it came in chunks (RFC 9112 §6.1)", async (_name, buffer) => {
    const { ask, upstream } = await throughProxy({ config: { requestContent: { buffer } } });
    const size = INNER.length.toString(16);
    const chunked = `${method} /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${INNER}\r\n0\r\n\r\n`;
    const response = await ask(chunked, read);
    expect(response.status).toBe(200);
    // A second request shows that nothing is left on the upstream's connection.
    await ask(`GET /after HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    expect(upstream.violations).toEqual([]);
    expect(upstream.requests.map(({ target }) => target)).toEqual(["/x", "/after"]);
    const request = await upstream.request(1);
    expect(request.content.toString()).toBe(INNER);
    expect(request.field("Transfer-Encoding")).toBe(buffer ? undefined : "chunked");
    expect(request.field("Content-Length")).toBe(buffer ? String(INNER.length) : undefined);
  });

  it("arrives with its length where it came with one", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(
      `${method} /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}`,
      read,
    );
    const request = await upstream.request(1);
    expect(request.content.toString()).toBe(INNER);
    expect(request.field("Content-Length")).toBe(String(INNER.length));
    expect(request.field("Transfer-Encoding")).toBeUndefined();
    expect(upstream.violations).toEqual([]);
    expect(upstream.requests).toHaveLength(1);
  });

  it("is not invented where there is none", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(`${method} /x HTTP/1.1\r\nHost: a.test\r\n\r\n`, read);
    const request = await upstream.request(1);
    expect(request.field("Transfer-Encoding")).toBeUndefined();
    expect(request.field("Content-Length")).toBeUndefined();
    expect(upstream.violations).toEqual([]);
    expect(upstream.requests).toHaveLength(1);
  });
});
