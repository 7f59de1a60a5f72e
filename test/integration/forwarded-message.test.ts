import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const ODD_LINES = ["x-B: 1", "X-a: 2", "x-b: 3", "ACCEPT: */*", "x-Empty:", "X-Bytes: \xe4\xff"];

describe("fields that no hook touches", () => {
  it("reach the upstream in order, case and number (RFC 9110 §5.3)", async () => {
    const { get, upstream } = await throughProxy();
    await get("/p?q=1", ...ODD_LINES);
    const request = await upstream.request(1);
    const lines = request.head.split("\r\n").slice(1);
    expect(
      lines
        .filter((line) => /^(x-(a|b|empty|bytes)|accept):/i.test(line))
        .map((line) => line.trimEnd()),
    ).toEqual(ODD_LINES);
    expect(request.target).toBe("/p?q=1");
  });

  it("reach the client in order, case and number", async () => {
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, "ok", ...ODD_LINES, "Date: Wed, 01 Jan 2031 00:00:00 GMT"),
    });
    const response = await get("/");
    const lines = response.head.split("\r\n").slice(1);
    expect(lines.slice(0, ODD_LINES.length).map((line) => line.trimEnd())).toEqual(ODD_LINES);
    expect(fieldsOf(response, "Date")).toEqual(["Wed, 01 Jan 2031 00:00:00 GMT"]);
  });

  it("keep their place when a hook edits others", async () => {
    const { get, upstream } = await throughProxy({
      config: {
        onRequest(request) {
          request.headers.set("x-a", "new");
          request.headers.delete("accept");
          request.headers.append("x-b", "4");
        },
      },
    });
    await get("/", ...ODD_LINES);
    const { fields } = await upstream.request(1);
    const own = [];
    for (let i = 0; i < fields.length; i += 2) {
      if (/^(x-(a|b|empty|bytes)|accept)$/i.test(fields[i] ?? ""))
        own.push(`${fields[i]}: ${fields[i + 1]}`);
    }
    expect(own).toEqual([
      "x-B: 1",
      "x-a: new",
      "x-b: 3",
      "x-Empty: ",
      "X-Bytes: \xe4\xff",
      "x-b: 4",
    ]);
  });

  it("get no ‘Server’ or other name of ours", async () => {
    const { get } = await throughProxy();
    const response = await get("/");
    expect(fieldsOf(response, "Server")).toEqual([]);
    expect(fieldsOf(response, "X-Powered-By")).toEqual([]);
  });
});

describe("trailers", () => {
  const CHUNKED =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Expires\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nx-more: 2\r\nSet-Cookie: a=1\r\n\r\n";

  it("of a response are passed on, but for those that may not be trailers (RFC 9110 §6.5.1)", async () => {
    const { get } = await throughProxy({ onRequest: () => CHUNKED });
    const response = await get("/", "TE: trailers");
    expect(fieldOf(response, "Trailer")).toBe("X-Sum, Expires");
    expect(response.trailers).toEqual(["X-Sum", "1", "x-more", "2"]);
  });

  it("of a response pass an edit and a hook that reads", async () => {
    const { get } = await throughProxy({
      onRequest: () => CHUNKED,
      config: {
        async onUpstreamResponse(response) {
          await response.text();
        },
        onResponse(response) {
          response.transform(async function* (chunks) {
            yield* chunks;
          });
        },
      },
    });
    const response = await get("/");
    expect(response.content.toString()).toBe("ok");
    expect(response.trailers).toEqual(["X-Sum", "1", "x-more", "2"]);
  });

  it("of a request are dropped together with Trailer: the upstream's connection cannot send them", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(
      "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
    );
    const request = await upstream.request(1);
    expect(request.content.toString()).toBe("ok");
    expect(request.field("Trailer")).toBeUndefined();
    expect(request.trailers).toEqual([]);
  });
});

describe("informational responses (RFC 9110 §15.2)", () => {
  it("102 and 103 are passed on, 100 is not", async () => {
    const { connect } = await throughProxy({
      onRequest: () =>
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n${toyResponse(200, "ok")}`,
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const first = await client.response();
    expect([first.status, fieldOf(first, "X-A")]).toEqual([102, "1"]);
    const second = await client.response();
    expect(second.status).toBe(103);
    expect(second.fields).toEqual([
      "Link",
      "</a.css>; rel=preload",
      "Link",
      "</b.js>; rel=preload",
    ]);
    expect((await client.response()).content.toString()).toBe("ok");
    client.destroy();
  });

  it("are not sent to a client of HTTP/1.0", async () => {
    const { connect } = await throughProxy({
      onRequest: () =>
        `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${toyResponse(200, "ok")}`,
      config: { onRequest: (_request, ctx) => ctx.earlyHints("</c.css>") },
    });
    const client = await connect();
    await client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it("ctx.earlyHints sends a 103 before the upstream has answered (RFC 8297)", async () => {
    const { connect, upstream } = await throughProxy({
      config: {
        onRequest(_request, ctx) {
          ctx.earlyHints(["</a.css>; rel=preload; as=style", "</b.js>; rel=preload"]);
        },
        onResponse(_response, ctx) {
          ctx.earlyHints("</c.css>");
        },
      },
      onRequest: () => undefined,
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const hints = await client.response();
    expect(hints.status).toBe(103);
    expect(fieldsOf(hints, "Link")).toEqual([
      "</a.css>; rel=preload; as=style",
      "</b.js>; rel=preload",
    ]);
    await upstream.request(1);
    upstream.connections[0]?.send(toyResponse(200, "ok"));
    expect(fieldsOf(await client.response(), "Link")).toEqual(["</c.css>"]);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it("a hint with a line break fails the hook, not the message", async () => {
    const { get, proxy } = await throughProxy({
      config: { onRequest: (_request, ctx) => ctx.earlyHints("</a>\r\nSet-Cookie: a=1") },
    });
    const response = await get("/");
    expect(response.status).toBe(500);
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_HOOK_FIELD" }]);
  });
});

describe("Via (RFC 9110 §7.6.3)", () => {
  it("is added to the request after those of the hops before", async () => {
    const { ask, upstream } = await throughProxy({ config: { forwarded: { via: "edge" } } });
    await ask("GET / HTTP/1.0\r\nHost: a.test\r\nVia: 1.1 first, 1.1 second (edge)\r\n\r\n");
    expect(
      (await upstream.request(1)).fields.filter(
        (_, at, all) => all[at - 1]?.toLowerCase() === "via",
      ),
    ).toEqual(["1.1 first, 1.1 second (edge)", "1.0 edge"]);
  });

  it("that names us is a loop: 508, and the upstream is left alone", async () => {
    const { get, upstream, proxy } = await throughProxy({ config: { forwarded: { via: "edge" } } });
    const response = await get("/", "Via: 1.1 first, 1.1 EDGE");
    expect(response.status).toBe(508);
    expect(upstream.connections).toHaveLength(0);
    expect(proxy.takeErrors().every(({ code }) => code === "PROXY_LOOP")).toBe(true);
  });

  it("ends a real loop after one round, with a pseudonym that nobody chose", async () => {
    const { proxy } = await throughProxy();
    await proxy.update({ upstreams: { self: { targets: [proxy.url] } } });
    const response = await fetch(proxy.url);
    expect(response.status).toBe(508);
    expect(proxy.access.map(({ status }) => status)).toEqual([508, 508]);
    proxy.takeErrors();
  });

  it("can be switched off", async () => {
    const { get, upstream } = await throughProxy({ config: { forwarded: { via: false } } });
    await get("/");
    expect((await upstream.request(1)).field("Via")).toBeUndefined();
  });
});

describe("X-Request-ID", () => {
  const ids = async (
    trusted: string[],
    ...lines: string[]
  ): Promise<[upstream: string, log: string]> => {
    const { get, upstream, proxy } = await throughProxy({ config: { trustedProxies: trusted } });
    await get("/", ...lines);
    const request = await upstream.request(1);
    const values = request.fields.filter(
      (_, at, all) => all[at - 1]?.toLowerCase() === "x-request-id",
    );
    expect(values).toHaveLength(1);
    return [values[0] ?? "", (await proxy.accessed()).id];
  };

  it("is kept from a trusted hop", async () => {
    expect(await ids(["127.0.0.1"], "X-Request-ID: abc-DEF_1.2")).toEqual([
      "abc-DEF_1.2",
      "abc-DEF_1.2",
    ]);
  });

  it.each(["", "a b", "a".repeat(129), "a/b", "<x>", "\xe4"])(
    "is new where a trusted hop's is %j",
    async (id) => {
      const [sent, logged] = await ids(["127.0.0.1"], `X-Request-ID: ${id}`);
      expect(sent).toBe(logged);
      expect(sent).toMatch(/^[A-Za-z0-9._-]{16,128}$/);
    },
  );

  it("is new where the client is not trusted, and another for each request", async () => {
    const [first] = await ids([], "X-Request-ID: mine");
    const [second, logged] = await ids([], "X-Request-ID: mine");
    expect(first).not.toBe("mine");
    expect(second).not.toBe(first);
    expect(second).toBe(logged);
  });
});

describe("content", () => {
  it.each(["GET", "DELETE", "POST", "PATCH", "OPTIONS"])(
    "with %s arrives byte for byte",
    async (method) => {
      const content = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256));
      const { connect, upstream } = await throughProxy({
        onRequest: (request) =>
          Buffer.concat([
            Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${request.content.length}\r\n\r\n`),
            request.content,
          ]),
      });
      const client = await connect();
      void client.send(
        `${method} /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${content.length}\r\n\r\n`,
      );
      void client.send(content);
      const response = await client.finalResponse();
      expect(response.content.equals(content)).toBe(true);
      expect((await upstream.request(1)).content.equals(content)).toBe(true);
      client.destroy();
    },
  );
});
