import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const HOP_LINES = [
  "Connection: close, X-Hop , te",
  "Connection: X-Hop2",
  "X-Hop: 1",
  "X-Hop2: 1",
  "X-End: 1",
  "TE: trailers",
  "Keep-Alive: x",
  "Proxy-Connection: x",
];
const GONE = ["X-Hop", "X-Hop2", "Keep-Alive", "Proxy-Connection", "TE"];

describe("hop-by-hop fields (PUB-01)", () => {
  it("are not passed to the upstream, nor is what Connection names (RFC 9110 §7.6.1)", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(`GET / HTTP/1.1\r\nHost: a.test\r\n${HOP_LINES.join("\r\n")}\r\n\r\n`);
    const request = await upstream.request(1);
    for (const name of GONE) expect(request.field(name), name).toBeUndefined();
    expect(request.field("X-End")).toBe("1");
    // The connection to the upstream is ours: the client's close says nothing about it.
    expect(request.field("Connection")).toBe("keep-alive");
  });

  it("are not passed to the client, nor is what the upstream's Connection names", async () => {
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, "ok", ...HOP_LINES),
    });
    const response = await get("/");
    for (const name of [...GONE, "Connection"])
      expect(fieldOf(response, name), name).toBeUndefined();
    expect(fieldOf(response, "X-End")).toBe("1");
    expect(response.content.toString()).toBe("ok");
  });

  it("cannot name Host or the fields that we add ourselves", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-Forwarded-For, Host, Cookie, Via, X-Request-ID, Forwarded\r\n" +
        "X-Forwarded-For: 198.51.100.9\r\nCookie: a=1\r\n\r\n",
    );
    const request = await upstream.request(1);
    expect(request.field("Host")).toBe("a.test");
    expect(request.field("X-Forwarded-For")).toBe("127.0.0.1");
    expect(request.field("Forwarded")).toContain("for=127.0.0.1");
    expect(request.field("Via")).toMatch(/^1\.1 /);
    expect(request.field("X-Request-ID")).toBeDefined();
    expect(request.field("Cookie")).toBeUndefined();
  });

  it("does not let a client name a trusted proxy's records of the way away", async () => {
    const { ask, upstream } = await throughProxy({ config: { trustedProxies: ["127.0.0.1"] } });
    await ask(
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: X-Forwarded-For\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n",
    );
    expect((await upstream.request(1)).field("X-Forwarded-For")).toBe("198.51.100.9, 127.0.0.1");
  });

  it("of a response cannot name Content-Length away", async () => {
    const { get } = await throughProxy({
      onRequest: () =>
        toyResponse(200, "ok", "Connection: Content-Length, Set-Cookie", "Set-Cookie: a=1"),
    });
    const response = await get("/");
    expect(response.framing).toBe("length");
    expect(fieldsOf(response, "Set-Cookie")).toEqual([]);
  });
});
