import { describe, expect, it } from "vitest";

import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { getRequest, throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { toyResponse, type ToyRequest } from "../helpers/toy-upstream.ts";

const text = (response: RawResponse): string => response.content.toString();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const cached = { routes: [{ upstream: "api", cache: true }] } as const;
const FRESH = "Cache-Control: max-age=60";

async function requests(proxy: ThroughProxy["proxy"], count: number): Promise<void> {
  while ((await proxy.running.status()).traffic.requests < count) await turn();
}

/** An upstream whose answers the test sends itself. */
function held(config: object = cached): Promise<ThroughProxy> {
  return throughProxy({ onRequest: () => undefined, config });
}

describe("who shares a fetch", () => {
  it("is not who asks after a POST that changed what is being fetched (RFC 9111 §4.4)", async () => {
    const { get, ask, upstream, proxy } = await held();
    const before = [get("/a"), get("/a")];
    await upstream.request(1);
    await requests(proxy, 2);
    const post = ask("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
    await upstream.request(2);
    (await upstream.connection(2)).send(toyResponse(204, ""));
    expect((await post).status).toBe(204);
    const after = [get("/a"), get("/a")];
    await upstream.request(3);
    await requests(proxy, 4);
    for (const connection of upstream.connections) {
      const isPost = connection.requests.length === 2 || connection.requests[0]?.method === "POST";
      connection.send(toyResponse(200, isPost ? "new" : "old", FRESH));
    }
    expect((await Promise.all(before)).map(text)).toEqual(["old", "old"]);
    expect((await Promise.all(after)).map(text)).toEqual(["new", "new"]);
    expect(text(await get("/a"))).toBe("new");
    expect(upstream.requests).toHaveLength(3);
  });

  it("is who wants the same variant, once Vary is known (RFC 9111 §4.1)", async () => {
    const each = 10;
    const { get, upstream, proxy } = await held();
    const ask = (language: string): Promise<RawResponse>[] =>
      Array.from({ length: each }, () => get("/a", `Accept-Language: ${language}`));
    const answers = [...ask("en"), ...ask("de"), ...ask("fr")];
    const languageOf = (request: ToyRequest): string => request.field("accept-language") ?? "";
    const send = (at: number): void => {
      const connection = upstream.connections[at];
      const request = connection?.requests[0];
      if (request === undefined) throw new Error("no request");
      connection?.send(toyResponse(200, languageOf(request), FRESH, "Vary: Accept-Language"));
    };
    await upstream.request(1);
    await requests(proxy, 3 * each);
    send(0);
    await upstream.request(3);
    send(1);
    send(2);
    const texts = (await Promise.all(answers)).map(text);
    expect(texts).toEqual(["en", "de", "fr"].flatMap((one) => Array<string>(each).fill(one)));
    expect(upstream.requests).toHaveLength(3);
  });

  it("learns of a hook's failure for itself, and all at the same time", async () => {
    const clients = 5;
    let fails = true;
    const { get, upstream, proxy } = await held({
      ...cached,
      onUpstreamResponse: () => {
        if (fails) throw new Error("no");
      },
    });
    const answers = Array.from({ length: clients }, () => get("/a"));
    await upstream.request(1);
    await requests(proxy, clients);
    (await upstream.connection(1)).send(toyResponse(200, "x", FRESH));
    await upstream.request(clients);
    fails = false;
    for (const connection of upstream.connections.slice(1))
      connection.send(toyResponse(200, "x", FRESH));
    if (upstream.connections[0]?.requests.length === 2)
      upstream.connections[0].send(toyResponse(200, "x", FRESH));
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 500]);
    proxy.takeErrors();
  });

  it("goes on with the next one where its client leaves while a hook looks at the head", async () => {
    const clients = 5;
    const { promise, resolve } = Promise.withResolvers<void>();
    let seen = 0;
    const { get, connect, upstream, proxy } = await held({
      ...cached,
      onUpstreamResponse: async () => {
        seen += 1;
        if (seen === 1) await promise;
      },
    });
    const leaver = await connect();
    void leaver.send(getRequest("/a"));
    await upstream.request(1);
    const answers = Array.from({ length: clients }, () => get("/a"));
    await requests(proxy, clients + 1);
    (await upstream.connection(1)).send(toyResponse(200, "x", FRESH));
    while (seen === 0) await turn();
    leaver.destroy();
    await proxy.accessed((record) => record.outcome === "aborted");
    await upstream.request(2);
    resolve();
    upstream.connections.at(-1)?.send(toyResponse(200, "y", FRESH));
    expect((await Promise.all(answers)).map(text)).toEqual(Array<string>(clients).fill("y"));
    expect(upstream.requests).toHaveLength(2);
  });

  it("goes on where an onResponse hook answers in its place, for one of several", async () => {
    const size = 600_000;
    const { get, upstream, proxy } = await held({
      ...cached,
      cache: { maxEntry: "64kb" },
      onResponse: (
        _response: unknown,
        ctx: {
          client: { port: number };
          respond(status: number, body: string): unknown;
          state: { own?: true };
        },
      ) => (ctx.state.own === true ? ctx.respond(200, "own") : undefined),
      onRequest: (
        request: { headers: { get(name: string): string | null } },
        ctx: { state: { own?: true } },
      ) => {
        if (request.headers.get("x-own") !== null) ctx.state.own = true;
      },
    });
    const answers = [get("/a", "X-Own: 1"), get("/a"), get("/a", "X-Own: 1")];
    await upstream.request(1);
    await requests(proxy, 3);
    const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
    (await upstream.connection(1)).send(
      `HTTP/1.1 200 x\r\n${FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`,
    );
    const [first, second, third] = (await Promise.all(answers)).map(text);
    expect([first, second?.length, third]).toEqual(["own", size, "own"]);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("what is shared", () => {
  it.each(["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Request-ID"])(
    "is nothing that varies by %s, whatever a client claims in it",
    async (name) => {
      let count = 0;
      const { get } = await throughProxy({
        onRequest: () => toyResponse(200, `${(count += 1)}`, FRESH, `Vary: ${name}`),
        config: cached,
      });
      expect(text(await get("/a", `${name}: 192.0.2.1`))).toBe("1");
      const second = await get("/a", `${name}: 192.0.2.1`);
      expect([text(second), fieldOf(second, "cache-status")]).toEqual([
        "2",
        "gatewright; fwd=uri-miss; detail=vary",
      ]);
    },
  );

  it("is as fresh as the 304 that says so, also where that has no Date (RFC 9110 §6.6.1)", async () => {
    let count = 0;
    const old = new Date(Date.now() - 3_600_000).toUTCString();
    const { get, upstream } = await throughProxy({
      onRequest: () => {
        count += 1;
        return count === 1
          ? toyResponse(200, "x", "Cache-Control: max-age=60", 'ETag: "1"', `Date: ${old}`)
          : 'HTTP/1.1 304 x\r\nETag: "1"\r\n\r\n';
      },
      config: cached,
    });
    for (let i = 0; i < 4; i++) expect(text(await get("/a"))).toBe("x");
    expect(upstream.requests).toHaveLength(2);
  });

  it("is no stream of events, whatever the route's lifetime", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: () => toyResponse(200, "data: 1\n\n", "Content-Type: text/event-stream"),
      config: { routes: [{ upstream: "api", cache: { ttl: "60s" } }] },
    });
    await get("/a");
    expect(fieldOf(await get("/a"), "cache-status")).toBe(
      "gatewright; fwd=uri-miss; detail=event-stream",
    );
    expect(upstream.requests).toHaveLength(2);
  });

  it("is fetched whole in the background, whatever part the client asked for (RFC 5861 §3)", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: () =>
        toyResponse(200, "abcdef", "Cache-Control: max-age=0, stale-while-revalidate=60"),
      config: cached,
    });
    await get("/a");
    expect(text(await get("/a", "Range: bytes=0-1"))).toBe("ab");
    const second = await upstream.request(2);
    expect(second.field("range")).toBeUndefined();
  });

  it("is one stored content for all codings where the upstream is asked for plain content", async () => {
    const content = "stored once, sent in each coding ".repeat(100);
    const { get, upstream } = await throughProxy({
      onRequest: () =>
        toyResponse(200, content, FRESH, "Content-Type: text/plain", "Vary: Accept-Encoding"),
      config: { ...cached, compression: { upstream: "identity" } },
    });
    for (const coding of ["gzip", "br", "zstd", "identity", "gzip, br"]) {
      const response = await get("/a", `Accept-Encoding: ${coding}`);
      const own = fieldOf(response, "content-encoding");
      expect(own ?? "identity").toBe(coding === "gzip, br" ? "br" : coding);
      expect(fieldOf(response, "vary")).toBe("Accept-Encoding");
    }
    expect(upstream.requests).toHaveLength(1);
  });
});
