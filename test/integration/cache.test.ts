import { describe, expect, it } from "vitest";

import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { toyResponse, type ToyRequest } from "../helpers/toy-upstream.ts";

type Answer = (request: ToyRequest, count: number) => string;

function cached(
  answer: Answer,
  config: object = {},
  cache: object | true = true,
): Promise<ThroughProxy> {
  let count = 0;
  return throughProxy({
    onRequest: (request) => {
      count += 1;
      return answer(request, count);
    },
    config: { routes: [{ upstream: "api", cache }], ...config },
  });
}

const fresh: Answer = (_request, count) =>
  toyResponse(200, `n${count}`, "Cache-Control: max-age=60");
const text = (response: RawResponse): string => response.content.toString();

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a route with a cache", () => {
  it("answers from the store, with Age and Cache-Status", async () => {
    const { get, upstream } = await cached(fresh);
    const first = await get("/a");
    const second = await get("/a");
    expect([text(first), text(second)]).toEqual(["n1", "n1"]);
    expect(fieldOf(second, "age")).toBe("0");
    expect(fieldOf(first, "cache-status")).toMatch(/^gatewright; fwd=uri-miss.*stored/);
    expect(fieldOf(second, "cache-status")).toMatch(/^gatewright; hit; ttl=/);
    expect(upstream.requests).toHaveLength(1);
  });

  it("stores nothing where it is not asked for", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: () => toyResponse(200, "x", "Cache-Control: max-age=60"),
    });
    await get("/a");
    const second = await get("/a");
    expect(fieldOf(second, "cache-status")).toBeUndefined();
    expect(upstream.requests).toHaveLength(2);
  });

  it("PUB-21: does not replay Set-Cookie", async () => {
    const { get } = await cached((_request, count) =>
      toyResponse(
        200,
        `n${count}`,
        "Cache-Control: public, max-age=60",
        `Set-Cookie: sid=${count}`,
      ),
    );
    const answers = [await get("/a"), await get("/a")];
    expect(answers.map((one) => fieldOf(one, "set-cookie"))).toEqual(["sid=1", "sid=2"]);
  });

  it("does not keep the Set-Cookie of a 304", async () => {
    const { get } = await cached((request, count) =>
      request.field("if-none-match") === undefined
        ? toyResponse(200, `n${count}`, "Cache-Control: max-age=0", 'ETag: "1"')
        : `HTTP/1.1 304 x\r\nETag: "1"\r\nCache-Control: max-age=60\r\nSet-Cookie: sid=${count}\r\n\r\n`,
    );
    const answers = [await get("/a"), await get("/a"), await get("/a")];
    expect(answers.map((one) => [one.status, text(one), fieldOf(one, "set-cookie")])).toEqual([
      [200, "n1", undefined],
      [200, "n1", undefined],
      [200, "n1", undefined],
    ]);
  });

  it("PUB-23: a POST that succeeds removes its own URL and no other", async () => {
    const { get, ask } = await cached((request, count) =>
      request.method === "POST"
        ? toyResponse(request.content.toString() === "fail" ? 500 : 200, "done")
        : toyResponse(200, `n${count}`, "Cache-Control: max-age=60"),
    );
    const post = (content: string) =>
      ask(
        `POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${content.length}\r\n\r\n${content}`,
      );
    expect([text(await get("/a")), text(await get("/b"))]).toEqual(["n1", "n2"]);
    await post("fail");
    expect(text(await get("/a"))).toBe("n1");
    await post("well");
    expect([text(await get("/a")), text(await get("/b"))]).toEqual(["n5", "n2"]);
  });

  it("PUB-24: hosts, queries in their order and contents are told apart; spoofed fields reach nobody", async () => {
    const { get, ask } = await cached((request) =>
      toyResponse(
        200,
        `${request.field("host")} ${request.field("x-forwarded-host")} ${request.target}`,
        "Cache-Control: max-age=60",
      ),
    );
    expect(text(await get("/?a=1&a=2", "X-Forwarded-Host: evil.test"))).toBe(
      "a.test a.test /?a=1&a=2",
    );
    expect(text(await get("/?a=1&a=2"))).toBe("a.test a.test /?a=1&a=2");
    expect(text(await get("/?a=2&a=1"))).toBe("a.test a.test /?a=2&a=1");
    expect(text(await ask("GET /?a=1&a=2 HTTP/1.1\r\nHost: b.test\r\n\r\n"))).toBe(
      "b.test b.test /?a=1&a=2",
    );
    const withContent = await ask(
      "GET /?a=1&a=2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx",
    );
    expect(fieldOf(withContent, "cache-status")).toBeUndefined();
  });

  it("PUB-25: parts come from a whole stored content, and a part is never taken for it", async () => {
    const { get, upstream } = await cached((request) =>
      request.field("range") === undefined
        ? toyResponse(200, "0123456789", "Cache-Control: max-age=60", 'ETag: "1"')
        : toyResponse(
            206,
            "01",
            "Cache-Control: max-age=60",
            "Content-Range: bytes 0-1/10",
            'ETag: "1"',
          ),
    );
    expect(text(await get("/a", "Range: bytes=0-1"))).toBe("01");
    expect(text(await get("/a"))).toBe("0123456789");
    const part = await get("/a", "Range: bytes=-3");
    expect([part.status, text(part), fieldOf(part, "content-range")]).toEqual([
      206,
      "789",
      "bytes 7-9/10",
    ]);
    expect((await get("/a", "Range: bytes=99-")).status).toBe(416);
    expect((await get("/a", "Range: bytes=0-1", 'If-Range: "0"')).status).toBe(200);
    expect(upstream.requests).toHaveLength(2);
  });

  it("PUB-26: an answer to Authorization is reused only where the response allows it", async () => {
    const { get } = await cached((request, count) =>
      toyResponse(200, `n${count}`, `Cache-Control: ${request.target.slice(1).replace("+", ", ")}`),
    );
    for (const [control, reused] of [
      ["max-age=60", false],
      ["public,max-age=60", true],
      ["s-maxage=60", true],
      ["private", false],
    ] as const) {
      const first = await get(`/${control}`, "Authorization: Bearer t1");
      const second = await get(`/${control}`, "Authorization: Bearer t2");
      expect(text(first) === text(second), control).toBe(reused);
    }
  });

  it("answers conditional requests from the store, and HEAD", async () => {
    const { get, ask, upstream } = await cached(() =>
      toyResponse(200, "x", "Cache-Control: max-age=60", 'ETag: "1"'),
    );
    await get("/a");
    expect((await get("/a", 'If-None-Match: W/"1"')).status).toBe(304);
    const head = await ask("HEAD /a HTTP/1.1\r\nHost: a.test\r\n\r\n", { head: true });
    expect([head.status, fieldOf(head, "content-length")]).toEqual([200, "1"]);
    expect(upstream.requests).toHaveLength(1);
  });

  it("asks once for many who come at the same time", async () => {
    const clients = scaled(100, 1000);
    const { get, upstream, proxy } = await throughProxy({
      onRequest: () => undefined,
      config: { routes: [{ upstream: "api", cache: true }] },
    });
    const answers = Array.from({ length: clients }, () => get("/a"));
    const connection = await upstream.connection(1);
    await upstream.request(1);
    while ((await proxy.running.status()).traffic.requests < clients) await turn();
    connection.send(toyResponse(200, "shared", "Cache-Control: max-age=60"));
    expect(new Set((await Promise.all(answers)).map(text))).toEqual(new Set(["shared"]));
    expect(upstream.requests).toHaveLength(1);
  });

  it("lets all who wait ask at once where the answer is not for sharing", async () => {
    const clients = 50;
    const { get, upstream, proxy } = await throughProxy({
      onRequest: () => undefined,
      config: { routes: [{ upstream: "api", cache: true }] },
    });
    const answers = Array.from({ length: clients }, () => get("/me"));
    const first = await upstream.connection(1);
    await upstream.request(1);
    while ((await proxy.running.status()).traffic.requests < clients) await turn();
    first.send(toyResponse(200, "0", "Cache-Control: private"));
    // None is answered before all are under way: they do not wait for each other.
    await upstream.request(clients);
    for (const [at, connection] of upstream.connections.entries()) {
      const waiting = connection.requests.length - (connection === first ? 1 : 0);
      if (waiting === 1) connection.send(toyResponse(200, `${at + 1}`, "Cache-Control: private"));
    }
    expect(new Set((await Promise.all(answers)).map(text)).size).toBe(clients);
    expect(upstream.requests).toHaveLength(clients);
  });

  it("hooks set tags and lifetimes before it is stored, purge by them, and see hits", async () => {
    const seen: unknown[] = [];
    const { get } = await cached((_request, count) => toyResponse(200, `n${count}`), {
      onRequest: (
        request: { path: string },
        ctx: { cache: { purge(of: object): number }; json(value: unknown): unknown },
      ) => (request.path === "/purge" ? ctx.json(ctx.cache.purge({ tag: "t" })) : undefined),
      onUpstreamResponse: (
        _response: unknown,
        ctx: { cache: { tag(tag: string): void; ttl(time: string): void } },
      ) => {
        ctx.cache.tag("t");
        ctx.cache.ttl("60s");
      },
      onResponse: (_response: unknown, ctx: { cache: { status: unknown } }) =>
        void seen.push(ctx.cache.status),
    });
    expect([text(await get("/a")), text(await get("/a"))]).toEqual(["n1", "n1"]);
    expect(text(await get("/purge"))).toBe("1");
    expect(text(await get("/a"))).toBe("n2");
    expect(seen).toEqual(["miss", "hit", undefined, "miss"]);
  });
});
