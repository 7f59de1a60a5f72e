import { describe, expect, it } from "vitest";

import { sourceFromBytes } from "../../../../runtime/http/readable-source.ts";
import { ProxyRequestFacade } from "../../../../runtime/pipeline/facade/proxy-request.ts";
import { collect, type PushSource, sourceOf } from "../../../helpers/content.ts";
import { FakeRequest } from "./states.ts";

function make(
  chunks?: (string | Uint8Array)[],
  fields?: string[],
): { state: FakeRequest; request: ProxyRequestFacade } {
  const state = new FakeRequest(fields);
  if (chunks !== undefined) {
    state.method = "POST";
    state.content = sourceOf(chunks);
  }
  return { state, request: new ProxyRequestFacade(state) };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("the head of a request", () => {
  it("shows what arrived", () => {
    const { state, request } = make();
    expect(request.method).toBe("GET");
    expect(request.url).toBe("https://Shop.Test:8443/a%7Eb?q=1&q=2");
    expect(request.scheme).toBe("https");
    expect(request.host).toBe("shop.test:8443");
    expect(request.path).toBe("/a~b");
    expect(request.rawPath).toBe("/a%7Eb");
    expect(request.search).toBe("?q=1&q=2");
    expect(request.query.getAll("q")).toEqual(["1", "2"]);
    expect(request.protocol).toBe("HTTP/1.1");
    expect(request.headers.get("x-a")).toBe("1");
    expect(request.headers).toBe(request.headers);
    expect(request.hasContent).toBe(false);
    expect(state.signalsMade).toBe(0);
    expect(state.copies).toBe(0);
  });

  it("has no path in the URL of OPTIONS *", () => {
    const { state, request } = make();
    state.rawPath = "*";
    state.rawSearch = "";
    expect(request.url).toBe("https://Shop.Test:8443");
  });

  it("records changes for the forward and leaves the facts alone", () => {
    const { state, request } = make();
    request.method = "PATCH";
    request.path = "/new path";
    request.search = "z=ä";
    expect(state).toMatchObject({
      method: "PATCH",
      newPath: "/new%20path",
      newSearch: "?z=%C3%A4",
      normalizedPath: "/a~b",
    });
    expect(request.path).toBe("/new%20path");
    expect(request.search).toBe("?z=%C3%A4");
    expect(request.query.get("z")).toBe("ä");
    expect(request.rawPath).toBe("/a%7Eb");
    expect(request.url).toBe("https://Shop.Test:8443/a%7Eb?q=1&q=2");
  });

  it.each(["", "GE T", "GET\r\n", "CONNECT", undefined])("refuses %j as a method", (method) => {
    const { state, request } = make();
    expect(() => {
      request.method = method as string;
    }).toThrow(TypeError);
    expect(state.method).toBe("GET");
  });

  it("finds cookies by name", () => {
    const { request } = make(undefined, ["Cookie", "a=1; b=2", "cookie", "c=3"]);
    expect(request.cookie("b")).toBe("2");
    expect(request.cookie("c")).toBe("3");
    expect(request.cookie("d")).toBeUndefined();
  });

  it("asks for the signal only when a hook does", () => {
    const { state, request } = make();
    expect(request.signal).toBeInstanceOf(AbortSignal);
    expect(state.signalsMade).toBe(1);
  });
});

describe("the content of a request", () => {
  it("is read once and can be forwarded after it was read in every way", async () => {
    const { state, request } = make(['{"a":', '"ä"}']);
    const source = state.content as PushSource;
    expect(request.hasContent).toBe(true);
    expect(await request.text()).toBe('{"a":"ä"}');
    expect(await request.json()).toEqual({ a: "ä" });
    expect(text(await request.bytes())).toBe('{"a":"ä"}');
    expect(source.opened).toBe(1);
    expect((await collect(state.buffer!.asSource())).text).toBe('{"a":"ä"}');
  });

  it("is never touched before it is asked for", () => {
    const { state } = make(["x"]);
    expect(state.buffer).toBeUndefined();
    expect((state.content as PushSource).opened).toBe(0);
  });

  it("cannot be changed through the bytes that a hook got", async () => {
    const { state, request } = make(["abc"]);
    const bytes = await request.bytes();
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    bytes[0] = 0x7a;
    expect(await request.text()).toBe("abc");
    expect((await collect(state.buffer!.asSource())).text).toBe("abc");
  });

  it("is empty where there is none", async () => {
    const { request } = make();
    expect((await request.bytes()).length).toBe(0);
    expect(await request.text()).toBe("");
    await expect(request.json()).rejects.toThrow(SyntaxError);
  });

  it("above the limit rejects with 413 and cancels the upload", async () => {
    const { state, request } = make([Buffer.alloc(600), Buffer.alloc(600)]);
    const source = state.content as PushSource;
    await expect(request.text()).rejects.toMatchObject({
      code: "PROXY_CONTENT_TOO_LARGE",
      status: 413,
    });
    expect(source.cancelled).toBe(true);
  });

  it("that is no JSON rejects with SyntaxError", async () => {
    await expect(make(["{"]).request.json()).rejects.toThrow(SyntaxError);
  });

  it("is parsed as a form in both encodings", async () => {
    const urlencoded = make(
      ["a=1&b=%C3%A4"],
      ["Content-Type", "application/x-www-form-urlencoded"],
    );
    expect((await urlencoded.request.formData()).get("b")).toBe("ä");
    const body =
      '--x\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\n\r\nhi\r\n--x--\r\n';
    const multipart = make([body], ["Content-Type", "multipart/form-data; boundary=x"]);
    const file = (await multipart.request.formData()).get("f") as File;
    expect(file.name).toBe("n.txt");
    expect(await file.text()).toBe("hi");
    await expect(make(["x"], ["Content-Type", "text/plain"]).request.formData()).rejects.toThrow(
      TypeError,
    );
  });

  it("that went to the upstream as a stream cannot be read afterwards", async () => {
    const { state, request } = make(["x"]);
    state.contentSpent = true;
    await expect(request.text()).rejects.toMatchObject({ code: "PROXY_HOOK_FAILED" });
    const inMemory = make();
    inMemory.state.content = sourceFromBytes(Buffer.from("x"));
    inMemory.state.contentSpent = true;
    expect(await inMemory.request.text()).toBe("x");
  });
});

describe("setBody of a request", () => {
  it("replaces content and brings the fields in line", async () => {
    const { state, request } = make(
      ["old"],
      [
        "Host",
        "a",
        "Content-Length",
        "3",
        "Content-Encoding",
        "gzip",
        "Digest",
        "x",
        "Trailer",
        "X",
        "X-A",
        "1",
      ],
    );
    const old = state.content as PushSource;
    request.setBody("größer");
    expect(old.cancelled).toBe(true);
    expect(state.contentReplaced).toBe(true);
    expect(state.fields).toEqual([
      "Host",
      "a",
      "X-A",
      "1",
      "Content-Length",
      "8",
      "Content-Type",
      "text/plain;charset=utf-8",
    ]);
    expect((await collect(state.content!)).text).toBe("größer");
    expect(await request.text()).toBe("größer");
  });

  it("keeps the caller's type and declares no length for a stream", async () => {
    const { state, request } = make(["old"], ["Content-Type", "application/json"]);
    request.setBody("{}");
    expect(request.headers.get("content-type")).toBe("application/json");
    request.setBody(
      (async function* () {
        yield "a";
        yield new Uint8Array([0x62]);
      })(),
    );
    expect(request.headers.has("content-length")).toBe(false);
    expect((await collect(state.content!)).text).toBe("ab");
  });

  it("takes the content away with null", () => {
    const { state, request } = make(["old"], ["Content-Length", "3"]);
    request.setBody(null);
    expect(state.content).toBeUndefined();
    expect(request.hasContent).toBe(false);
    expect(state.fields).toEqual([]);
  });

  it("after a read forgets the old bytes", async () => {
    const { state, request } = make(["old"]);
    await request.text();
    request.setBody(`${await request.text()}!`);
    expect(state.buffer).toBeUndefined();
    expect(await request.text()).toBe("old!");
  });

  it.each([{}, 5, true, [1], new Map()])("refuses %j and changes nothing", (body) => {
    const { state, request } = make(["old"], ["Content-Length", "3"]);
    const before = state.content;
    expect(() => request.setBody(body as unknown as string)).toThrow(TypeError);
    expect(state.content).toBe(before);
    expect((before as PushSource).cancelled).toBe(false);
    expect(state.fields).toEqual(["Content-Length", "3"]);
  });
});

describe("toWeb of a request", () => {
  it("is a real Request with head and content, and uses nothing up", async () => {
    const { state, request } = make(["hello"], ["Host", "a", "X-A", "1"]);
    const web = request.toWeb();
    expect((state.content as PushSource).opened).toBe(0);
    expect(web).toBeInstanceOf(Request);
    expect(web.method).toBe("POST");
    expect(web.url).toBe("https://shop.test:8443/a%7Eb?q=1&q=2");
    expect(web.headers.get("x-a")).toBe("1");
    expect(await web.text()).toBe("hello");
    expect(await request.text()).toBe("hello");
  });

  it("shows changes, drops the content of GET and makes do without a Host", async () => {
    const { state, request } = make(["x"]);
    state.method = "GET";
    state.authority = "";
    request.path = "/b";
    request.search = "";
    const web = request.toWeb();
    expect(web.url).toBe("https://localhost/b");
    expect(web.body).toBeNull();
  });
});
