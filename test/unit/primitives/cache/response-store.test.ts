import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { judgeResponse } from "../../../../runtime/primitives/cache/freshness.ts";
import { ResponseStore } from "../../../../runtime/primitives/cache/response-store.ts";
import {
  selectionOf,
  StoredResponse,
  varyNames,
} from "../../../../runtime/primitives/cache/stored-response.ts";

const MB = 1024 ** 2;

function response(
  url: string,
  options: {
    tags?: string[];
    request?: string[];
    bytes?: number;
    vary?: string;
    renews?: StoredResponse;
  } = {},
) {
  const { tags = [], request = [], bytes = 10, vary } = options;
  const fields = ["Cache-Control", "max-age=60", ...(vary === undefined ? [] : ["Vary", vary])];
  const policy = {
    ttlMs: undefined,
    statuses: undefined,
    staleWhileRevalidateMs: undefined,
    staleIfErrorMs: undefined,
    heuristic: true,
    setCookie: "skip",
  } as const;
  return new StoredResponse({
    key: url,
    url,
    route: "r",
    status: 200,
    fields,
    body: new Uint8Array(bytes),
    selection: selectionOf(varyNames(fields, []), request),
    tags,
    receivedAt: 0,
    verdict: judgeResponse(request, 200, fields, policy, 0, 0, undefined),
    ...(options.renews === undefined ? {} : { renews: options.renews }),
  });
}

describe("the store of responses", () => {
  it("finds a response by key and by what Vary names (RFC 9111 §4.1)", () => {
    const store = new ResponseStore(MB, MB);
    const english = response("/a", { vary: "Accept-Language", request: ["Accept-Language", "en"] });
    const german = response("/a", { vary: "Accept-Language", request: ["Accept-Language", "de"] });
    store.add(english);
    store.add(german);
    expect(store.find("/a", ["accept-language", "en"])).toBe(english);
    expect(store.find("/a", ["accept-language", "de"])).toBe(german);
    expect(store.find("/a", [])).toBeUndefined();
    expect(store.find("/b", ["accept-language", "en"])).toBeUndefined();
  });

  it("takes two ways to write the same Accept-Encoding as one", () => {
    const store = new ResponseStore(MB, MB);
    const stored = response("/a", {
      vary: "accept-encoding",
      request: ["Accept-Encoding", "gzip, br"],
    });
    store.add(stored);
    expect(store.find("/a", ["Accept-Encoding", "br;q=0.5,GZIP;q=1, deflate;q=0"])).toBe(stored);
    expect(store.find("/a", ["Accept-Encoding", "gzip"])).toBeUndefined();
  });

  it("takes a response in the language that a client likes best (RFC 9111 §4.1)", () => {
    const store = new ResponseStore(MB, MB);
    const german = response("/a", {
      vary: "Accept-Language",
      request: ["Accept-Language", "en, de"],
    });
    german.fields.push("Content-Language", "de");
    store.add(german);
    expect(store.find("/a", ["Accept-Language", "fr;q=0.5, de"])).toBe(german);
    expect(store.find("/a", ["Accept-Language", "fr, de;q=0.5"])).toBeUndefined();
    const both = response("/b", {
      vary: "Accept-Language, Foo",
      request: ["Accept-Language", "en, de"],
    });
    both.fields.push("Content-Language", "de");
    store.add(both);
    expect(store.find("/b", ["Accept-Language", "de"])).toBe(both);
    expect(store.find("/b", ["Accept-Language", "de", "Foo", "1"])).toBeUndefined();
  });

  it("holds at most its size: what was not used for longest goes, with its tags", () => {
    const store = new ResponseStore(100_000, 50_000);
    store.add(response("/a", { bytes: 40_000, tags: ["t"] }));
    store.add(response("/b", { bytes: 40_000, tags: ["t"] }));
    store.find("/a", []);
    store.add(response("/c", { bytes: 40_000 }));
    expect([store.find("/a", []), store.find("/b", [])].map((one) => one?.url)).toEqual([
      "/a",
      undefined,
    ]);
    expect(store.bytes).toBeLessThanOrEqual(100_000);
    expect(store.purge({ tag: "t" }, 0)).toBe(1);
  });

  it("counts coded variants", () => {
    const store = new ResponseStore(MB, MB);
    const stored = response("/a");
    store.add(stored);
    const before = store.bytes;
    expect([stored.claim("br"), stored.claim("br")]).toEqual([true, false]);
    stored.put("br", new Uint8Array(1000));
    expect(store.bytes - before).toBe(1000);
  });

  it("counts what a response is found by, which clients may make long", () => {
    const short = response("/a", { vary: "Foo", request: ["Foo", "1"] });
    const long = response("/a", { vary: "Foo", request: ["Foo", "1".repeat(5001)] });
    expect(long.size - short.size).toBe(10_000);
    expect(response("/a", { tags: ["t".repeat(100)] }).size - response("/a").size).toBe(200);
  });

  it("keeps coded variants where a 304 renews a response", () => {
    const old = response("/a");
    old.claim("br");
    old.put("br", new Uint8Array(1000));
    old.claim("gzip");
    const renewed = response("/a", { renews: old });
    expect(renewed.get("br")).toBe(old.get("br"));
    expect(renewed.claim("br")).toBe(false);
    expect(renewed.claim("gzip")).toBe(true);
    expect(renewed.size).toBe(old.size);
    renewed.put("br", new Uint8Array(10));
    expect(renewed.size).toBe(old.size - 990);
  });

  it("takes new limits over to what is there", () => {
    const store = new ResponseStore(MB, MB);
    store.add(response("/a", { bytes: 40_000 }));
    store.add(response("/b", { bytes: 40_000 }));
    store.adjust(50_000, 50_000);
    expect([store.find("/a", []), store.find("/b", [])].map((one) => one?.url)).toEqual([
      undefined,
      "/b",
    ]);
  });

  it("replaces what has the same selection", () => {
    const store = new ResponseStore(MB, MB);
    store.add(response("/a"));
    store.add(response("/a"));
    expect(store.size).toBe(1);
  });

  it("purges by URL, prefix and all; soft keeps it as stale", () => {
    const store = new ResponseStore(MB, MB);
    for (const url of ["/a", "/a/b", "/c"]) store.add(response(url));
    expect(store.purge({ url: "/a", soft: true }, 20_000)).toBe(1);
    expect(store.find("/a", [])?.freshUntil).toBe(20_000);
    expect(store.purge({ url: "/a", soft: true }, 90_000)).toBe(1);
    expect(store.find("/a", [])?.freshUntil).toBe(20_000);
    expect(store.purge({ prefix: "/a" }, 0)).toBe(2);
    expect(store.purge({ all: true }, 0)).toBe(1);
    expect(store.size).toBe(0);
  });

  it("purges by several tags, and counts what has two of them once", () => {
    const store = new ResponseStore(MB, MB);
    store.add(response("/a", { tags: ["s", "t"] }));
    store.add(response("/b", { tags: ["t"] }));
    store.add(response("/c", { tags: ["u"] }));
    const { epoch } = store;
    expect(store.purge({ tag: ["s", "t", "none"], soft: true }, 0)).toBe(2);
    expect(store.purgedSince(epoch, response("/d", { tags: ["t", "v"] }))).toBe(true);
    expect(store.purgedSince(epoch, response("/d", { tags: ["v"] }))).toBe(false);
    expect(store.purge({ tag: ["s", "t"] }, 0)).toBe(2);
    expect(store.size).toBe(1);
  });

  it("looks at nothing but what a purge reaches, however much is stored", () => {
    const store = new ResponseStore(64 * MB, MB);
    let looks = 0;
    for (let at = 0; at < 2000; at++) {
      const other = response(`/other/${at}`, { tags: [`t${at}`] });
      for (const name of ["tags", "url", "key"] as const) {
        const value = other[name];
        Object.defineProperty(other, name, {
          get: () => {
            looks += 1;
            return value;
          },
        });
      }
      store.add(other);
    }
    store.add(response("/a/1", { tags: ["a"] }));
    store.add(response("/a/2", { tags: ["a"] }));
    looks = 0;
    expect(store.purge({ tag: "a", soft: true }, 0)).toBe(2);
    expect(store.purge({ url: "/a/1", soft: true }, 0)).toBe(1);
    expect(store.purge({ prefix: "/a/", soft: true }, 0)).toBe(2);
    expect(store.purge({ tag: ["a", "b"] }, 0)).toBe(2);
    expect(looks).toBe(0);
  });

  it("counts for each route what it has stored, coded variants included", () => {
    const store = new ResponseStore(MB, MB);
    const one = response("/a");
    store.add(one);
    store.add(response("/b", { bytes: 100 }));
    one.claim("br");
    one.put("br", new Uint8Array(1000));
    const route = () => store.status.routes.find(({ route: name }) => name === "r");
    expect(route()).toMatchObject({ entries: 2, bytes: store.bytes });
    store.add(response("/b", { bytes: 50 }));
    store.remove(one);
    expect(route()).toMatchObject({ entries: 1, bytes: store.bytes });
    store.clear();
    expect(route()).toMatchObject({ entries: 0, bytes: 0 });
    store.routes.name(new Map([["s", "assets"]]));
    expect(store.status.routes.map(({ route: name }) => name)).toEqual(["assets"]);
  });

  it("lets go of what its coded variants make larger than the store", () => {
    const store = new ResponseStore(50_000, 50_000);
    const stored = response("/a", { bytes: 40_000, tags: ["t"] });
    store.add(stored);
    stored.claim("br");
    stored.put("br", new Uint8Array(20_000));
    expect(store.find("/a", [])).toBeUndefined();
    expect([store.figures, store.bytes]).toEqual([{ entries: 0, urls: 0, tags: 0 }, 0]);
  });

  it("purging one tag never changes the reach of another, but for what both name", () => {
    const tag = fc.constantFrom("a", "b", "c", "__proto__");
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(tag), { maxLength: 20 }),
        tag,
        tag,
        (sets, first, second) => {
          const store = new ResponseStore(MB, MB);
          for (const [at, tags] of sets.entries()) store.add(response(`/${at}`, { tags }));
          expect(store.purge({ tag: first }, 0)).toBe(
            sets.filter((tags) => tags.includes(first)).length,
          );
          const left = sets.filter((tags) => tags.includes(second) && !tags.includes(first));
          expect(store.purge({ tag: second }, 0)).toBe(left.length);
        },
      ),
    );
  });

  it("knows whether a purge would have reached what was on its way", () => {
    const store = new ResponseStore(MB, MB);
    const { epoch } = store;
    const late = response("/a/b", { tags: ["t"] });
    expect(store.purgedSince(epoch, late)).toBe(false);
    for (const purge of [{ url: "/a" }, { prefix: "/a/c" }, { tag: "u" }]) store.purge(purge, 0);
    expect(store.purgedSince(epoch, late)).toBe(false);
    for (const purge of [{ url: "/a/b" }, { prefix: "/a" }, { tag: "t" }, { all: true }] as const) {
      const before = store.epoch;
      store.purge(purge, 0);
      expect(store.purgedSince(before, late)).toBe(true);
      expect(store.purgedSince(store.epoch, late)).toBe(false);
    }
    const { epoch: long } = store;
    for (let count = 0; count < 2000; count++) store.purge({ url: "/x" }, 0);
    expect(store.purgedSince(long, late)).toBe(true);
  });

  it("leaves nothing behind in its indexes, whatever is stored, evicted and purged", () => {
    const name = fc.constantFrom("/a", "/a/b", "/a/c", "/b", "/c");
    const tags = fc.array(fc.constantFrom("s", "t", "u"), { maxLength: 3 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), name, tags, bytes: fc.nat(30_000) }),
      fc.record({ kind: fc.constant("purge" as const), name }),
      fc.record({ kind: fc.constant("tag" as const), tag: fc.constantFrom("s", "t", "u") }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const store = new ResponseStore(50_000, 50_000);
        const added = new Set<StoredResponse>();
        for (const one of steps) {
          if (one.kind === "purge") store.purge({ prefix: one.name }, 0);
          else if (one.kind === "tag") store.purge({ tag: one.tag }, 0);
          else {
            const stored = response(one.name, one);
            added.add(stored);
            store.add(stored);
          }
          const there = [...added].filter((each) => store.find(each.key, []) === each);
          expect(store.figures).toEqual({
            entries: there.length,
            urls: new Set(there.map((each) => each.url)).size,
            tags: new Set(there.flatMap((each) => each.tags)).size,
          });
          expect(store.bytes).toBe(there.reduce((sum, each) => sum + each.size, 0));
          expect(store.bytes).toBeLessThanOrEqual(50_000);
        }
        store.purge({ all: true }, 0);
        expect([store.figures, store.bytes]).toEqual([{ entries: 0, urls: 0, tags: 0 }, 0]);
      }),
    );
  });

  it("makes room for contents on their way in, and stores nothing beside them that does not fit", () => {
    const store = new ResponseStore(MB, MB);
    for (let i = 0; i < 4; i++) store.add(response(`/${i}`, { bytes: 200_000 }));
    expect(store.size).toBe(4);
    expect(store.reserve(500_000)).toBe(true);
    expect(store.size).toBe(2);
    expect(store.find("/3", [])).toBeDefined();
    expect(store.bytes + store.reservedBytes).toBeLessThanOrEqual(MB);
    expect(store.reserve(600_000)).toBe(false);
    store.add(response("/large", { bytes: 600_000 }));
    expect(store.find("/large", [])).toBeUndefined();
    store.release(500_000);
    store.add(response("/large", { bytes: 600_000 }));
    expect(store.find("/large", [])).toBeDefined();
  });

  it("counts what a client still reads after it was removed", () => {
    const store = new ResponseStore(MB, MB);
    const read = response("/a", { bytes: 600_000 });
    store.add(read);
    read.beginRead();
    read.beginRead();
    store.remove(read);
    expect([store.size, store.reservedBytes >= 600_000]).toEqual([0, true]);
    expect(store.reserve(600_000)).toBe(false);
    read.endRead();
    expect(store.reservedBytes).toBeGreaterThanOrEqual(600_000);
    read.endRead();
    expect(store.reservedBytes).toBe(0);
  });

  it("keeps variants in memory of their own size, and gives long contents out in slices", async () => {
    const stored = response("/a", { bytes: 3 * 256 * 1024 + 1 });
    stored.put("br", new Uint8Array(16_384).subarray(0, 10));
    expect(stored.get("br")?.buffer.byteLength).toBe(10);
    const sizes: number[] = [];
    await new Promise<void>((resolve, reject) => {
      stored.lend(stored.body).open({
        onData: (chunk) => {
          expect(stored.isBeingRead).toBe(true);
          sizes.push(chunk.length);
        },
        onEnd: () => resolve(),
        onError: reject,
      });
    });
    expect([sizes, stored.isBeingRead]).toEqual([[262_144, 262_144, 262_144, 1], false]);
  });
});
