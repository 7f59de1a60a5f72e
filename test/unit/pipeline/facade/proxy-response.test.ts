import zlib from "node:zlib";

import { describe, expect, it } from "vitest";

import { isProxyError } from "../../../../runtime/errors.ts";
import { sourceFromBytes } from "../../../../runtime/http/readable-source.ts";
import { ProxyResponseFacade } from "../../../../runtime/pipeline/facade/proxy-response.ts";
import { collect, type PushSource, sourceOf } from "../../../helpers/content.ts";
import { FakeResponse } from "./states.ts";

function make(
  chunks?: (string | Uint8Array)[],
  fields: string[] = [],
): { state: FakeResponse; response: ProxyResponseFacade } {
  const state = new FakeResponse(chunks === undefined ? undefined : sourceOf(chunks), fields);
  return { state, response: new ProxyResponseFacade(state) };
}

describe("the head of a response", () => {
  it("shows and changes status and fields", () => {
    const { state, response } = make([], ["X-A", "1"]);
    expect(response.status).toBe(200);
    expect(response.ok).toBe(true);
    expect(response.source).toBe("upstream");
    response.status = 404;
    response.headers.set("x-a", "2");
    expect(state.status).toBe(404);
    expect(response.ok).toBe(false);
    expect(state.fields).toEqual(["x-a", "2"]);
  });

  it.each([100, 199, 600, 200.5, Number.NaN, "200", undefined])(
    "refuses %j as a status",
    (status) => {
      const { state, response } = make();
      let error: unknown;
      try {
        response.status = status as number;
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(RangeError);
      expect(isProxyError(error)).toBe(true);
      expect(state.status).toBe(200);
    },
  );

  it("has no content for HEAD, 204 and 304 (RFC 9110 §9.3.2, §15.3.5, §15.4.5)", async () => {
    const { state, response } = make(["x"]);
    expect(response.hasContent).toBe(true);
    state.status = 204;
    expect(response.hasContent).toBe(false);
    state.status = 304;
    expect(response.hasContent).toBe(false);
    state.status = 200;
    state.forHead = true;
    expect(response.hasContent).toBe(false);
    expect(await response.text()).toBe("");
    expect((state.content as PushSource).opened).toBe(0);
  });
});

describe("the content of a response", () => {
  it.each([
    ["gzip", zlib.gzipSync],
    ["deflate", zlib.deflateSync],
    ["br", zlib.brotliCompressSync],
    ["zstd", zlib.zstdCompressSync],
  ] as const)("is read decoded from %s while the coded bytes stay", async (coding, encode) => {
    const coded = encode('{"a":1}');
    const { state, response } = make(
      [coded.subarray(0, 5), coded.subarray(5)],
      ["Content-Encoding", coding],
    );
    expect(await response.json()).toEqual({ a: 1 });
    expect(await response.text()).toBe('{"a":1}');
    expect(Buffer.from(await response.bytes()).toString()).toBe('{"a":1}');
    expect((await collect(state.buffer!.asSource())).bytes.equals(coded)).toBe(true);
    expect(state.fields).toEqual(["Content-Encoding", coding]);
  });

  it("is read as it is without a coding", async () => {
    expect(await make(["a", "b"]).response.text()).toBe("ab");
    expect(await make(["ab"], ["Content-Encoding", "identity"]).response.text()).toBe("ab");
    expect(await make().response.text()).toBe("");
  });

  it("cannot be changed through the bytes that a hook got", async () => {
    const { response } = make(["abc"]);
    (await response.bytes())[0] = 0x7a;
    expect(await response.text()).toBe("abc");
  });

  it("above the limit rejects with 502, coded or decoded", async () => {
    const wanted = { code: "PROXY_UPSTREAM_CONTENT_TOO_LARGE", status: 502 };
    const large = make([Buffer.alloc(600), Buffer.alloc(600)]);
    await expect(large.response.text()).rejects.toMatchObject(wanted);
    expect((large.state.content as PushSource).cancelled).toBe(true);
    // A decompression bomb: 20 kB that would become 20 MB.
    const bomb = zlib.brotliCompressSync(Buffer.alloc(20_000_000));
    expect(bomb.length).toBeLessThan(1000);
    await expect(make([bomb], ["Content-Encoding", "br"]).response.text()).rejects.toMatchObject(
      wanted,
    );
  });

  it("that is not in its coding, cut short or in an unknown one rejects with 502", async () => {
    const wanted = { code: "PROXY_UPSTREAM_CONTENT_CODING", status: 502 };
    const field = ["Content-Encoding", "gzip"];
    await expect(make(["plain"], field).response.text()).rejects.toMatchObject(wanted);
    const cut = zlib.gzipSync("hello").subarray(0, -4);
    await expect(make([cut], field).response.text()).rejects.toMatchObject(wanted);
    await expect(
      make(["x"], ["Content-Encoding", "compress"]).response.text(),
    ).rejects.toMatchObject(wanted);
  });

  it("that was sent already cannot be read", async () => {
    const { state, response } = make(["x"]);
    state.contentSpent = true;
    await expect(response.text()).rejects.toMatchObject({ code: "PROXY_HOOK_FAILED" });
    const inMemory = new FakeResponse(sourceFromBytes(Buffer.from("x")));
    inMemory.contentSpent = true;
    expect(await new ProxyResponseFacade(inMemory).text()).toBe("x");
  });
});

describe("setBody of a response", () => {
  it("replaces content and brings the fields in line", async () => {
    const { state, response } = make(
      [zlib.gzipSync("old")],
      [
        "Content-Type",
        "text/html",
        "Content-Encoding",
        "gzip",
        "Content-Length",
        "23",
        "ETag",
        '"v1"',
        "Accept-Ranges",
        "bytes",
        "Content-MD5",
        "x",
        "Repr-Digest",
        "x",
        "Trailer",
        "X",
        "X-A",
        "1",
      ],
    );
    response.setBody(`${await response.text()} and new`);
    expect(state.contentReplaced).toBe(true);
    expect(state.fields).toEqual([
      "Content-Type",
      "text/html",
      "ETag",
      'W/"v1"',
      "X-A",
      "1",
      "Content-Length",
      "11",
    ]);
    expect((await collect(state.content!)).text).toBe("old and new");
    expect(await response.text()).toBe("old and new");
  });

  it("lets the upstream's content go if nobody read it", () => {
    const { state, response } = make(["old"]);
    const old = state.content as PushSource;
    response.setBody("new");
    expect(old.cancelled).toBe(true);
    expect(old.opened).toBe(0);
  });

  it("makes a 206 a 200: a replacement is no part (RFC 9110 §15.3.7)", () => {
    const { state, response } = make(["x"], ["Content-Range", "bytes 0-0/9"]);
    response.status = 206;
    response.setBody("whole");
    expect(state.status).toBe(200);
    expect(state.fields).toEqual([
      "Content-Length",
      "5",
      "Content-Type",
      "text/plain;charset=utf-8",
    ]);
  });

  it("declares a length of 0 for null, and none on a 204 (RFC 9110 §8.6)", () => {
    const { state, response } = make(["x"]);
    response.setBody(null);
    expect(state.content).toBeUndefined();
    expect(state.fields).toEqual(["Content-Length", "0"]);
    response.status = 204;
    response.setBody(null);
    expect(state.fields).toEqual([]);
  });

  it("forgets edits that were declared before it and keeps later ones", () => {
    const { state, response } = make(["x"]);
    response.transform((chunks) => chunks);
    response.setBody("new");
    expect(state.transforms).toBeUndefined();
    response.transform((chunks) => chunks);
    expect(state.transforms).toHaveLength(1);
  });

  it("refuses what is no content and changes nothing", () => {
    const { state, response } = make(["old"], ["Content-Length", "3"]);
    expect(() => response.setBody({} as unknown as string)).toThrow(TypeError);
    expect((state.content as PushSource).cancelled).toBe(false);
    expect(state.fields).toEqual(["Content-Length", "3"]);
  });
});

describe("transform of a response", () => {
  it("keeps the order of declaration and refuses what is no function", () => {
    const { state, response } = make(["x"]);
    const first = (chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => chunks;
    const second = (chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => chunks;
    response.transform(first);
    response.transform(second);
    expect(state.transforms).toEqual([first, second]);
    expect(() => response.transform("x" as never)).toThrow(TypeError);
  });
});

describe("toWeb of a response", () => {
  it("is a real Response with decoded content that says nothing of the coding", async () => {
    const coded = zlib.gzipSync("hello");
    const { response } = make(
      [coded],
      [
        "Content-Encoding",
        "gzip",
        "Content-Length",
        String(coded.length),
        "Set-Cookie",
        "a=1",
        "Set-Cookie",
        "b=2",
      ],
    );
    response.status = 404;
    const web = await response.toWeb();
    expect(web).toBeInstanceOf(Response);
    expect(web.status).toBe(404);
    expect(web.headers.has("content-encoding")).toBe(false);
    expect(web.headers.has("content-length")).toBe(false);
    expect(web.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await web.text()).toBe("hello");
    expect(await response.text()).toBe("hello");
  });

  it.each([204, 205, 304])("has no body with status %i", async (status) => {
    const { response } = make(["x"]);
    response.status = status;
    expect((await response.toWeb()).body).toBeNull();
  });
});
