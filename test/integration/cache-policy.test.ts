import type { GatewrightConfig, RouteCacheConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import {
  simulateProxy,
  type SimulatedAnswer,
  type SimulatedProxy,
  type SimulatedRequest,
} from "../helpers/simulated-proxy.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

interface Site {
  readonly proxy: SimulatedProxy;
  /** What reached the app, in order. */
  readonly asked: Request[];
  /** Text of the answer to a GET with these fields. */
  get(target: string, ...fields: string[]): Promise<string>;
  ask(target: string, request?: SimulatedRequest): Promise<SimulatedAnswer>;
}

type App = (request: Request, count: number) => Response | Promise<Response>;

/** An app behind one caching route. By default its texts count its answers: `n1`, `n2`, … */
async function site(
  app: App,
  cache: RouteCacheConfig | true = true,
  config: GatewrightConfig<string> = {},
): Promise<Site> {
  const asked: Request[] = [];
  const proxy = await simulateProxy({
    upstreams: {
      app: {
        fetch: (request) => {
          asked.push(request);
          return app(request, asked.length);
        },
      },
    },
    routes: [{ upstream: "app", cache }],
    ...config,
  });
  const ask = proxy.ask.bind(proxy);
  return {
    proxy,
    asked,
    ask,
    get: async (target, ...fields) => (await ask(target, { fields })).text,
  };
}

/** Answers with these fields. */
const saying =
  (fields: Record<string, string>, status = 200) =>
  (_request: Request, count: number): Response =>
    new Response(`n${count}`, { status, headers: fields });

const control = (value: string) => saying({ "cache-control": value });

describe("freshness", () => {
  it("is measured in Age, and ends with it (RFC 9111 §4.2.3, §5.1)", async () => {
    const { proxy, ask } = await site(saying({ "cache-control": "max-age=60", age: "10" }));
    await ask("/");
    proxy.advance(49 * SECOND);
    const hit = await ask("/");
    expect([hit.text, hit.field("age"), hit.field("cache-status")]).toEqual([
      "n1",
      "59",
      "gatewright; hit; ttl=1",
    ]);
    proxy.advance(SECOND);
    const miss = await ask("/");
    expect([miss.text, miss.field("cache-status")]).toEqual([
      "n2",
      "gatewright; fwd=stale; ttl=50; stored",
    ]);
  });

  it.each([
    ["CDN-Cache-Control", { "cdn-cache-control": "max-age=60", "cache-control": "no-store" }, 60],
    ["s-maxage", { "cache-control": "max-age=10, s-maxage=60" }, 60],
    ["Surrogate-Control", { "surrogate-control": "max-age=60", "cache-control": "max-age=10" }, 60],
    ["a targeted no-store", { "cdn-cache-control": "no-store", "cache-control": "max-age=9" }, 0],
    [
      "CDN-Cache-Control before Surrogate-Control",
      { "cdn-cache-control": "max-age=60", "surrogate-control": "max-age=5" },
      60,
    ],
  ])("follows %s (RFC 9213 §2.2)", async (_name, fields, lifetime) => {
    const { proxy, ask, get } = await site(saying(fields));
    const first = await ask("/");
    expect(first.field("surrogate-control")).toBeUndefined();
    expect(first.field("cdn-cache-control")).toBe(
      (fields as Record<string, string>)["cdn-cache-control"],
    );
    if (lifetime > 0) proxy.advance((lifetime - 1) * SECOND);
    expect(await get("/")).toBe(lifetime === 0 ? "n2" : "n1");
    proxy.advance(SECOND);
    expect(await get("/")).toBe(lifetime === 0 ? "n3" : "n2");
  });

  it("is a tenth of the age of Last-Modified where nothing is said, and Cache-Status tells (RFC 9111 §4.2.2)", async () => {
    const modified = new Date(Date.UTC(2030, 0, 1) - 10 * HOUR).toUTCString();
    const { proxy, ask } = await site(saying({ "last-modified": modified }));
    expect((await ask("/")).field("cache-status")).toBe(
      "gatewright; fwd=uri-miss; ttl=3600; stored; detail=heuristic",
    );
    proxy.advance(HOUR - SECOND);
    expect((await ask("/")).field("cache-status")).toBe("gatewright; hit; ttl=1; detail=heuristic");
    proxy.advance(SECOND);
    expect((await ask("/")).text).toBe("n2");
  });

  it("is a day at most by heuristics, and none at all with `heuristic: false`", async () => {
    const old = saying({ "last-modified": "Mon, 01 Jan 2001 00:00:00 GMT" });
    const long = await site(old);
    await long.get("/");
    long.proxy.advance(DAY - SECOND);
    expect(await long.get("/")).toBe("n1");
    long.proxy.advance(SECOND);
    expect(await long.get("/")).toBe("n2");
    const off = await site(old, { heuristic: false });
    expect([await off.get("/"), await off.get("/")]).toEqual(["n1", "n2"]);
  });

  it("is the route's `ttl` where nothing is said, and a hook's word before all", async () => {
    const ttl = await site(saying({}), { ttl: "1m" });
    await ttl.get("/");
    ttl.proxy.advance(59 * SECOND);
    expect(await ttl.get("/")).toBe("n1");
    ttl.proxy.advance(SECOND);
    expect(await ttl.get("/")).toBe("n2");
    const hook = await site(control("max-age=5"), true, {
      onUpstreamResponse: (_response, ctx) => ctx.cache.ttl("1m"),
    });
    await hook.get("/");
    hook.proxy.advance(59 * SECOND);
    expect(await hook.get("/")).toBe("n1");
  });

  it("holds for failures too: 404 and 410 are stored, 500 and 403 only where they say so", async () => {
    const { get } = await site(
      (request, count) => {
        const status = Number(new URL(request.url).pathname.slice(1));
        const said = new URL(request.url).search === "?said";
        const headers: Record<string, string> = said ? { "cache-control": "max-age=9" } : {};
        return new Response(`n${count}`, { status, headers });
      },
      { ttl: "10s" },
    );
    for (const [target, reused] of [
      ["/404", true],
      ["/410", true],
      ["/501", true],
      ["/500", false],
      ["/403", false],
      ["/500?said", true],
      ["/403?said", true],
    ] as const) {
      expect((await get(target)) === (await get(target)), target).toBe(reused);
    }
  });
});

describe("a stale response", () => {
  it.each(["must-revalidate", "proxy-revalidate", "s-maxage=1", "no-cache"])(
    "PUB-22: is never used with %s, whatever the client says and however the upstream fails (RFC 9111 §4.2.4)",
    async (word) => {
      let down: "no" | "gone" | "failing" = "no";
      const { proxy, ask, asked } = await site(() => {
        if (down === "gone") throw new Error("down");
        if (down === "failing") return new Response("failing", { status: 500 });
        return new Response("x", {
          headers: { "cache-control": `max-age=1, ${word}`, etag: '"1"' },
        });
      });
      await ask("/");
      proxy.advance(2 * SECOND);
      const patient = { fields: ["Cache-Control", "max-stale=600"] };
      expect((await ask("/", patient)).status).toBe(200);
      expect(asked).toHaveLength(2);
      proxy.advance(2 * SECOND);
      down = "failing";
      expect((await ask("/", patient)).status).toBe(500);
      down = "gone";
      expect((await ask("/", patient)).status).toBe(502);
      expect(asked).toHaveLength(4);
      proxy.log.errors.splice(0);
    },
  );

  it("bridges chosen statuses for as long as the route says (RFC 5861 §4)", async () => {
    let status = 200;
    const { proxy, get, ask } = await site(
      (_request, count) =>
        status === 503
          ? new Response("down", { status })
          : new Response(`n${count}`, { status, headers: { "cache-control": "max-age=1" } }),
      { staleIfError: "1m", errorStatuses: [404] },
    );
    await get("/");
    proxy.advance(31 * SECOND);
    status = 404;
    const bridged = await ask("/");
    expect([bridged.text, bridged.field("cache-status"), bridged.field("age")]).toEqual([
      "n1",
      "gatewright; hit; ttl=-30",
      "31",
    ]);
    status = 503;
    expect((await ask("/")).status).toBe(503);
    status = 404;
    proxy.advance(31 * SECOND);
    expect((await ask("/")).status).toBe(404);
  });

  it("is answered for a day where the upstream cannot be reached and nothing forbids it (RFC 9111 §4.2.4)", async () => {
    let down = false;
    const { proxy, ask } = await site((request, count) => {
      if (down) throw new Error("down");
      return control("max-age=1")(request, count);
    });
    await ask("/");
    down = true;
    proxy.advance(DAY);
    expect((await ask("/")).record.cache).toBe("stale");
    proxy.advance(2 * SECOND);
    expect((await ask("/")).status).toBe(502);
    proxy.log.errors.splice(0);
  });

  it("is renewed in the background within the route's window, with what onRequest has kept", async () => {
    const seen: unknown[] = [];
    const left: unknown[] = [];
    const { proxy, get, asked } = await site(
      control("max-age=1"),
      { staleWhileRevalidate: "1m" },
      {
        onRequest: (request, ctx) => {
          ctx.state["who"] = request.headers.get("x-who");
          ctx.cache.tag("early");
        },
        onUpstreamResponse: (_response, ctx) => {
          seen.push([ctx.state["who"], ctx.cache.status]);
          ctx.cache.tag(`of-${String(ctx.state["who"])}`);
          ctx.state["who"] = "nobody";
        },
        onComplete: (_record, ctx) => void left.push(ctx.state["who"]),
      },
    );
    await get("/", "X-Who", "ann");
    proxy.advance(30 * SECOND);
    expect(await get("/", "X-Who", "bob")).toBe("n1");
    await proxy.settled();
    expect(await get("/", "X-Who", "eve")).toBe("n2");
    // The background's hooks start with what bob's have kept, and he does not notice what they change.
    expect(seen).toEqual([
      ["ann", "miss"],
      ["bob", "miss"],
    ]);
    expect(left).toEqual(["nobody", "bob", "eve"]);
    expect(asked).toHaveLength(2);
    expect(proxy.purge({ tag: "of-bob" })).toBe(1);
  });

  it("keeps the tags and the lifetime that hooks gave it where a 304 renews it (RFC 9111 §4.3.4)", async () => {
    const { proxy, get, asked } = await site(
      (request, count) =>
        request.headers.get("if-none-match") === null
          ? new Response(`n${count}`, { headers: { etag: '"1"' } })
          : new Response(null, { status: 304 }),
      true,
      {
        onUpstreamResponse: (_response, ctx) => {
          ctx.cache.ttl("1m");
          ctx.cache.tag("t");
        },
      },
    );
    await get("/");
    proxy.advance(60 * SECOND);
    expect(await get("/")).toBe("n1");
    proxy.advance(59 * SECOND);
    expect(await get("/")).toBe("n1");
    expect(asked).toHaveLength(2);
    expect(proxy.purge({ tag: "t" })).toBe(1);
  });
});

describe("what a client says", () => {
  it.each([
    ["no-cache", "n2"],
    ["max-age=9", "n2"],
    ["max-age=10", "n1"],
    ["min-fresh=51", "n2"],
    ["min-fresh=50", "n1"],
    ["max-stale", "n1"],
    ["only-if-cached", "n1"],
  ])(
    "Cache-Control: %s ten seconds after a fetch for sixty gives %s (RFC 9111 §5.2.1)",
    async (said, text) => {
      const { proxy, get } = await site(control("max-age=60"));
      await get("/");
      proxy.advance(10 * SECOND);
      expect(await get("/", "Cache-Control", said)).toBe(text);
    },
  );

  it("only-if-cached is 504 where nothing is stored, and nobody is asked (RFC 9111 §5.2.1.7)", async () => {
    const { ask, asked } = await site(control("max-age=60"));
    const answer = await ask("/", { fields: ["Cache-Control", "only-if-cached"] });
    expect([answer.status, answer.record.error]).toEqual([504, "PROXY_CACHE_ONLY"]);
    expect(asked).toHaveLength(0);
  });

  it("no-store keeps its answer out, and the log says why (RFC 9111 §5.2.1.5)", async () => {
    const { ask } = await site(control("max-age=60"));
    const answer = await ask("/", { fields: ["Cache-Control", "no-store"] });
    expect(answer.record).toMatchObject({ cache: "miss", notStored: "request-no-store" });
    expect((await ask("/")).text).toBe("n2");
  });
});

describe("what is never shared", () => {
  it("PUB-21: cookies, unless the route stores responses without them", async () => {
    const app: App = (_request, count) =>
      new Response(`n${count}`, {
        headers: { "cache-control": "public, max-age=60", "set-cookie": `sid=${count}` },
      });
    const skip = await site(app);
    const answers = [await skip.ask("/"), await skip.ask("/")];
    expect(answers.map((one) => [one.text, one.field("set-cookie"), one.record.cache])).toEqual([
      ["n1", "sid=1", "miss"],
      ["n2", "sid=2", "miss"],
    ]);
    expect(answers[0]?.field("cache-status")).toBe("gatewright; fwd=uri-miss; detail=set-cookie");
    const strip = await site(app, { setCookie: "strip" });
    await strip.ask("/");
    const hit = await strip.ask("/");
    expect([hit.text, hit.field("set-cookie")]).toEqual(["n1", undefined]);
  });

  it.each([
    ["max-age=60", false],
    ["public, max-age=60", true],
    ["s-maxage=60", true],
    ["must-revalidate, max-age=60", true],
    ["private", false],
    ["private, max-age=60", false],
    ['private="x-a", max-age=60', false],
  ])(
    "PUB-26: with Authorization, %s is reused for others: %s (RFC 9111 §3.5)",
    async (said, shared) => {
      const { get } = await site((request, count) => control(said)(request, count));
      await get("/", "Authorization", "Bearer t1");
      expect(await get("/", "Authorization", "Bearer t2")).toBe(shared ? "n1" : "n2");
      // What is stored for nobody in particular is for everybody.
      expect(await get("/")).toBe(shared ? "n1" : "n3");
    },
  );

  it("a response without Authorization is not kept from those who send one", async () => {
    const { get } = await site(control("max-age=60"));
    await get("/");
    expect(await get("/", "Authorization", "Bearer t")).toBe("n1");
  });
});

describe("the key", () => {
  it("PUB-24: tells schemes, hosts and queries apart, and spoofed fields reach nobody", async () => {
    const { ask, asked } = await site((request) => {
      const seen = ["host", "x-forwarded-host", "x-forwarded-proto"].map((name) =>
        request.headers.get(name),
      );
      return new Response(seen.join(" "), { headers: { "cache-control": "max-age=60" } });
    });
    const spoofed = ["X-Forwarded-Host", "evil.test", "X-Forwarded-Proto", "https"];
    expect((await ask("/", { fields: spoofed })).text).toBe("a.test a.test http");
    expect((await ask("/")).text).toBe("a.test a.test http");
    expect(asked).toHaveLength(1);
    expect((await ask("/", { scheme: "https" })).text).toBe("a.test a.test https");
    expect((await ask("/", { host: "b.test" })).text).toBe("b.test b.test http");
    expect((await ask("/", { host: "A.test" })).record.cache).toBe("hit");
    await ask("/?a=1&a=2");
    await ask("/?a=2&a=1");
    expect(asked).toHaveLength(5);
    for (const target of ["/%2F", "//", "/a/../", "/?", "/?a", "/?a="]) await ask(target);
    expect((await ask("/?a=1&a=2")).record.cache).toBe("hit");
  });

  it("leaves out parameters that make no difference, and only these", async () => {
    const some = await site(control("max-age=60"), { ignoreQuery: ["utm", "ref"] });
    expect(await some.get("/?utm=1&a=1&ref")).toBe("n1");
    expect([await some.get("/?a=1"), await some.get("/?a=1&utm=2&utm=3")]).toEqual(["n1", "n1"]);
    expect([await some.get("/?a=2"), await some.get("/?utmx=1")]).toEqual(["n2", "n3"]);
    const all = await site(control("max-age=60"), { ignoreQuery: true });
    expect([await all.get("/?a=1"), await all.get("/?b")]).toEqual(["n1", "n1"]);
  });

  it("has what the route's function and its `vary` add", async () => {
    const { get } = await site(control("max-age=60"), {
      key: (request) => request.headers.get("x-shop") ?? "none",
      vary: ["X-Device"],
    });
    const of = (shop: string, device: string) => get("/", "X-Shop", shop, "X-Device", device);
    expect([await of("1", "a"), await of("2", "a"), await of("1", "b")]).toEqual([
      "n1",
      "n2",
      "n3",
    ]);
    expect([await of("1", "a"), await of("2", "a"), await of("1", "b")]).toEqual([
      "n1",
      "n2",
      "n3",
    ]);
  });

  it("fails the request where the route's function throws, and nothing is fetched", async () => {
    const { ask, asked, proxy } = await site(control("max-age=60"), {
      key: () => {
        throw new Error("no key");
      },
    });
    expect(await ask("/")).toMatchObject({ status: 500, record: { error: "PROXY_HOOK_FAILED" } });
    expect(asked).toHaveLength(0);
    expect(proxy.log.errors.splice(0)).not.toHaveLength(0);
  });

  it("is what a hook made of the request: a path and a query of its own", async () => {
    const { get } = await site(control("max-age=60"), true, {
      onRequest: (request) => {
        if (request.headers.get("x-beta") === "1") request.path = "/beta";
      },
    });
    expect([await get("/", "X-Beta", "1"), await get("/")]).toEqual(["n1", "n2"]);
    expect([await get("/", "X-Beta", "1"), await get("/")]).toEqual(["n1", "n2"]);
  });

  it("tells by Vary, however it is written (RFC 9111 §4.1)", async () => {
    const { ask, get } = await site(
      saying({ "cache-control": "max-age=60", vary: "Accept-Encoding, accept-language" }),
    );
    await get("/", "Accept-Encoding", "gzip, br", "Accept-Language", "en, de;q=0.5");
    expect(
      await get("/", "Accept-Language", "de;q=0.5,en", "accept-encoding", "br;q=1.0, GZIP"),
    ).toBe("n1");
    const other = await ask("/", { fields: ["Accept-Language", "fr"] });
    expect([other.text, other.field("cache-status")]).toEqual([
      "n2",
      "gatewright; fwd=vary-miss; ttl=60; stored",
    ]);
  });
});

describe("an unsafe request", () => {
  it.each(["POST", "PUT", "DELETE", "PATCH", "PURGEALL"])(
    "PUB-23: by %s removes all variants of its URL where it succeeds, and nothing else (RFC 9111 §4.4)",
    async (method) => {
      let status = 500;
      const { get, ask } = await site((request, count) =>
        request.method === "GET"
          ? saying({ "cache-control": "max-age=60", vary: "x-a" })(request, count)
          : new Response(null, { status }),
      );
      const all = async () => [await get("/a"), await get("/a", "X-A", "1"), await get("/b")];
      expect(await all()).toEqual(["n1", "n2", "n3"]);
      await ask("/a", { method });
      expect(await all()).toEqual(["n1", "n2", "n3"]);
      status = 204;
      await ask("/a", { method });
      expect(await all()).toEqual(["n6", "n7", "n3"]);
    },
  );

  it("removes what Location and Content-Location name on the same origin only (RFC 9111 §4.4)", async () => {
    const { get, ask } = await site((request, count) =>
      request.method === "GET"
        ? control("max-age=60")(request, count)
        : new Response(null, {
            status: 201,
            headers: { location: "/a/1", "content-location": new URL(request.url).search.slice(1) },
          }),
    );
    for (const path of ["/a", "/a/1", "/a/2"]) await get(path);
    const other = await ask("/b", { host: "b.test" });
    await ask("/a?http://b.test/b", { method: "POST" });
    expect((await ask("/b", { host: "b.test" })).text).toBe(other.text);
    expect((await ask("/a/1")).record.cache).toBe("miss");
    expect((await ask("/a/2")).record.cache).toBe("hit");
    await ask("/a?http://A.test:80/a/2", { method: "POST" });
    expect((await ask("/a/2")).record.cache).toBe("miss");
  });
});

describe("parts, conditions and HEAD", () => {
  const text = "0123456789";
  const whole: App = (request) => {
    const headers = { "cache-control": "max-age=60", etag: '"1"', "content-type": "text/plain" };
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
    if (range === null) return new Response(text, { headers });
    const [first, last] = [Number(range[1]), Number(range[2])];
    return new Response(text.slice(first, last + 1), {
      status: 206,
      headers: { ...headers, "content-range": `bytes ${first}-${last}/10` },
    });
  };

  it("PUB-25: a part is never taken for the whole, and parts of what is stored are right (RFC 9111 §3.3)", async () => {
    const { ask, asked } = await site(whole);
    const range = (value: string, ...more: string[]) =>
      ask("/", { fields: ["Range", value, ...more] });
    expect((await range("bytes=0-1")).text).toBe("01");
    expect((await ask("/")).text).toBe(text);
    expect(asked).toHaveLength(2);
    const parts: [string, number, string, string | undefined][] = [
      ["bytes=0-1", 206, "01", "bytes 0-1/10"],
      ["bytes=8-", 206, "89", "bytes 8-9/10"],
      ["bytes=-3", 206, "789", "bytes 7-9/10"],
      ["bytes=5-999", 206, "56789", "bytes 5-9/10"],
      ["bytes=999999-", 416, "", "bytes */10"],
      ["bytes=2-1", 200, text, undefined],
      ["lines=1-2", 200, text, undefined],
    ];
    for (const [value, status, content, contentRange] of parts) {
      const part = await range(value);
      expect([value, part.status, part.text, part.field("content-range")]).toEqual([
        value,
        status,
        content,
        contentRange,
      ]);
    }
    const several = await range("bytes=0-0,-1");
    expect(several.field("content-type")).toMatch(/^multipart\/byteranges; boundary=/);
    expect(several.text).toContain("Content-Range: bytes 9-9/10\r\n\r\n9\r\n");
    expect((await range("bytes=0-1", "If-Range", '"1"')).status).toBe(206);
    expect((await range("bytes=0-1", "If-Range", '"0"')).text).toBe(text);
    expect((await range("bytes=0-1", "If-Range", 'W/"1"')).text).toBe(text);
    expect(asked).toHaveLength(2);
  });

  it("PUB-17: a content fetched part by part is the same, before and after it is stored", async () => {
    for (const stored of [false, true]) {
      const { ask } = await site(whole);
      if (stored) await ask("/");
      let joined = "";
      for (const part of ["bytes=0-3", "bytes=4-6", "bytes=7-9"]) {
        const fields = ["Range", part, "Accept-Encoding", "gzip, br"];
        const answer = await ask("/", { fields });
        expect([answer.status, answer.field("content-encoding")]).toEqual([206, undefined]);
        joined += answer.text;
      }
      expect(joined).toBe(text);
    }
  });

  it("answers conditions and HEAD from a stored GET (RFC 9110 §13.1, RFC 9111 §4)", async () => {
    const { ask, asked } = await site(whole);
    await ask("/");
    const unchanged = await ask("/", { fields: ["If-None-Match", '"0", W/"1"'] });
    expect([unchanged.status, unchanged.text, unchanged.field("etag")]).toEqual([304, "", '"1"']);
    expect(unchanged.field("content-length")).toBeUndefined();
    expect((await ask("/", { fields: ["If-None-Match", '"0"'] })).text).toBe(text);
    const head = await ask("/", { method: "HEAD" });
    expect([head.status, head.text, head.field("content-length")]).toEqual([200, "", "10"]);
    expect(asked).toHaveLength(1);
    await ask("/", { fields: ["If-Match", '"1"'] });
    expect(asked).toHaveLength(2);
  });

  it("stores nothing of a HEAD, whose answer can show that what is stored is old (RFC 9111 §4.3.5)", async () => {
    let tag = '"1"';
    const { ask } = await site(
      () => new Response("x", { headers: { "cache-control": "max-age=60", etag: tag } }),
    );
    await ask("/", { method: "HEAD" });
    expect((await ask("/")).record.cache).toBe("miss");
    tag = '"2"';
    await ask("/", { method: "HEAD", fields: ["Cache-Control", "no-cache"] });
    expect((await ask("/")).field("etag")).toBe('"2"');
  });
});

describe("hooks around the store", () => {
  it("share what onUpstreamResponse edits, and give each client what onResponse edits", async () => {
    let runs = 0;
    const { ask } = await site(control("max-age=60"), true, {
      onUpstreamResponse: (response) => {
        response.headers.set("x-shared", "1");
        response.transform(async function* (chunks) {
          runs += 1;
          for await (const chunk of chunks) yield new TextDecoder().decode(chunk).toUpperCase();
        });
      },
      onResponse: (response, ctx) => {
        response.headers.set("x-own", ctx.cache.status ?? "");
      },
    });
    const answers = [await ask("/"), await ask("/")];
    expect(
      answers.map((one) => [one.text, one.field("x-shared"), one.field("x-own"), runs]),
    ).toEqual([
      ["N1", "1", "miss", 1],
      ["N1", "1", "hit", 1],
    ]);
  });

  it("keep a response out by reading it, and by ctx.cache.bypass(), and the log says so", async () => {
    const { ask } = await site(control("max-age=60"), true, {
      onRequest: (request, ctx) => {
        if (request.path === "/bypass") ctx.cache.bypass();
      },
      onUpstreamResponse: async (response, ctx) => {
        if (ctx.route !== undefined && response.headers.get("x-none") === null)
          await response.text();
      },
    });
    expect((await ask("/")).record).toMatchObject({ cache: "miss", notStored: "read-by-hook" });
    expect((await ask("/bypass")).record).toMatchObject({ cache: "bypass", notStored: "bypass" });
    expect((await ask("/")).text).toBe("n3");
  });
});

describe("options", () => {
  it("of the route replace those of the top level one by one", async () => {
    const { proxy, get } = await site(
      saying({}),
      { ttl: "2m" },
      { cache: { ttl: "1m", ignoreQuery: true, tags: ["all"] } },
    );
    await get("/?a");
    proxy.advance(119 * SECOND);
    expect(await get("/?b")).toBe("n1");
  });

  it("choose methods and statuses", async () => {
    const { ask } = await site(
      (request, count) =>
        saying({ "cache-control": "max-age=60" }, Number(new URL(request.url).pathname.slice(1)))(
          request,
          count,
        ),
      { methods: ["GET"], statuses: [200] },
    );
    await ask("/200");
    expect((await ask("/200")).record.cache).toBe("hit");
    expect((await ask("/200", { method: "HEAD" })).record.cache).toBeUndefined();
    await ask("/404");
    expect((await ask("/404")).record).toMatchObject({ cache: "miss", notStored: "status" });
  });

  it("bound what one response may take (maxEntry), and leave the store alone by it", async () => {
    const { ask } = await site(
      (request) =>
        new Response("x".repeat(new URL(request.url).pathname === "/large" ? 3000 : 10), {
          headers: { "cache-control": "max-age=60" },
        }),
      true,
      { cache: { maxEntry: "2kb" } },
    );
    await ask("/small");
    await ask("/large");
    expect((await ask("/large")).record.cache).toBe("miss");
    expect((await ask("/small")).record.cache).toBe("hit");
  });
});

describe("tags", () => {
  it("come from Cache-Tag, Surrogate-Key, the route and hooks; clients see none of them", async () => {
    const { proxy, ask } = await site(
      saying({
        "cache-control": "max-age=60",
        "cache-tag": "a, b c",
        "surrogate-key": "d  e",
      }),
      { tags: ["f"] },
      { onUpstreamResponse: (_response, ctx) => ctx.cache.tag("g") },
    );
    const { field } = await ask("/");
    expect([field("cache-tag"), field("surrogate-key")]).toEqual([undefined, undefined]);
    for (const tag of ["a", "b c", "d", "e", "f", "g"]) {
      expect(proxy.purge({ tag, soft: true }), tag).toBe(1);
    }
    for (const tag of ["b", "c", "", "d  e"]) expect(proxy.purge({ tag }), tag).toBe(0);
  });

  it.each([[""], ["x".repeat(257)], [1]])("of hooks are texts: %j is a 500", async (tag) => {
    const { ask, proxy } = await site(control("max-age=60"), true, {
      onUpstreamResponse: (_response, ctx) => ctx.cache.tag(tag as string),
    });
    expect((await ask("/")).record.error).toBe("PROXY_HOOK_DECISION");
    proxy.log.errors.splice(0);
  });

  it("are at most 64 of one response", async () => {
    const { ask, proxy } = await site(control("max-age=60"), true, {
      onUpstreamResponse: (_response, ctx) => {
        for (let at = 0; at < 65; at++) ctx.cache.tag(`t${at}`);
      },
    });
    expect((await ask("/")).record.error).toBe("PROXY_HOOK_DECISION");
    proxy.log.errors.splice(0);
  });
});

describe("fetches in the background", () => {
  it("are 64 at a time: what is stale beyond that stays so a little longer", async () => {
    const waiting: (() => void)[] = [];
    let holds = false;
    const { proxy, get, asked } = await site(
      (request, count) => {
        const answer = saying({ "cache-control": "max-age=1" })(request, count);
        if (!holds) return answer;
        return new Promise((resolve) => waiting.push(() => resolve(answer)));
      },
      { staleWhileRevalidate: "1m" },
    );
    const paths = Array.from({ length: 70 }, (_, at) => `/${at}`);
    for (const path of paths) await get(path);
    proxy.advance(2 * SECOND);
    holds = true;
    for (const path of paths) await get(path);
    expect(asked).toHaveLength(70 + 64);
    holds = false;
    for (const go of waiting) go();
    await proxy.settled();
    for (const path of paths) await get(path);
    await proxy.settled();
    expect(asked).toHaveLength(140);
  });
});

describe("coded variants of what is stored", () => {
  it("PUB-18: have a tag of their own, by which conditions are answered from the store", async () => {
    const css = "a { color: teal }\n".repeat(100);
    const { ask, asked } = await site(
      () =>
        new Response(css, {
          headers: { "cache-control": "max-age=60", etag: '"1"', "content-type": "text/css" },
        }),
    );
    const coded = ["Accept-Encoding", "gzip"];
    await ask("/");
    const first = await ask("/", { fields: coded });
    const tag = String(first.field("etag"));
    expect([first.field("content-encoding"), tag, first.field("vary")]).toEqual([
      "gzip",
      'W/"1-coded"',
      "Accept-Encoding",
    ]);
    const unchanged = await ask("/", { fields: [...coded, "If-None-Match", tag] });
    expect([unchanged.status, unchanged.field("etag"), unchanged.field("vary")]).toEqual([
      304,
      tag,
      "Accept-Encoding",
    ]);
    expect((await ask("/", { fields: ["If-None-Match", '"1"'] })).field("etag")).toBe('"1"');
    expect((await ask("/")).text).toBe(css);
    expect(asked).toHaveLength(1);
  });
});

describe("time limits of those who share a fetch", () => {
  /** The first fetch never ends by itself. */
  async function hanging() {
    const first = Promise.withResolvers<Response>();
    const later = control("max-age=60");
    const shared = await site(
      (request, count) => (count === 1 ? first.promise : later(request, count)),
      true,
      {
        onRequest: (request, ctx) => {
          const limit = request.headers.get("x-limit");
          if (limit === null) return;
          return ctx.forward("app", { responseHeadTimeout: Number(limit) });
        },
      },
    );
    return { ...shared, first };
  }

  it("a follower's ends its own wait, and nobody else's", async () => {
    const { proxy, ask, first } = await hanging();
    const leader = ask("/");
    const follower = ask("/", { fields: ["X-Limit", "1000"] });
    proxy.advance(1100);
    expect(await follower).toMatchObject({ status: 504, record: { cache: "joined" } });
    first.resolve(new Response("late", { headers: { "cache-control": "max-age=60" } }));
    expect(await leader).toMatchObject({ status: 200, text: "late" });
  });

  it("the leader's fails only itself: the next one fetches, and the others wait for that", async () => {
    const { proxy, ask } = await hanging();
    const leader = ask("/", { fields: ["X-Limit", "1000"] });
    const followers = [ask("/"), ask("/")];
    proxy.advance(1100);
    expect((await leader).status).toBe(504);
    expect((await Promise.all(followers)).map(({ text }) => text)).toEqual(["n2", "n2"]);
  });
});
