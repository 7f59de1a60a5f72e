import { describe, expect, it } from "vitest";

import { toContent, toFields } from "../../../../runtime/pipeline/facade/body-input.ts";
import { collect } from "../../../helpers/content.ts";

async function* both(): AsyncGenerator<Uint8Array | string> {
  yield "ä";
  yield new Uint8Array([0x62]);
}

describe("toContent", () => {
  it.each([
    ["text", "ä", "ä", 2],
    ["empty text", "", "", 0],
    ["bytes", new Uint8Array([0x61]), "a", 1],
    ["a Buffer", Buffer.from("ab"), "ab", 2],
    ["an ArrayBuffer", new Uint8Array([0x61, 0x62]).buffer, "ab", 2],
    ["a view of a part", new DataView(new Uint8Array([0x61, 0x62, 0x63]).buffer, 1, 1), "b", 1],
    ["a stream", new Response("stream").body, "stream", undefined],
    ["an async iterable", both(), "äb", undefined],
  ])("takes %s", async (_, body, text, length) => {
    const content = toContent(body as string, []);
    expect(content?.length).toBe(length);
    expect((await collect(content!)).text).toBe(text);
  });

  it("is none for null and undefined", () => {
    expect(toContent(null, [])).toBeUndefined();
    expect(toContent(undefined, [])).toBeUndefined();
  });

  it("gives text a type, unless there is one, and bytes none", () => {
    const fields: string[] = [];
    toContent("x", fields);
    expect(fields).toEqual(["Content-Type", "text/plain;charset=utf-8"]);
    const own = ["content-TYPE", "text/html"];
    toContent("x", own);
    expect(own).toEqual(["content-TYPE", "text/html"]);
    const none: string[] = [];
    toContent(new Uint8Array(1), none);
    expect(none).toEqual([]);
  });

  it("takes bytes without a copy", () => {
    const bytes = new Uint8Array([0x61]);
    expect(toContent(bytes, [])?.bytes).toBe(bytes);
  });

  it.each([{}, { a: 1 }, 5, true, [1], Symbol("x"), () => {}])("refuses %j", (body) => {
    expect(() => toContent(body as unknown as string, [])).toThrow(TypeError);
  });

  it("refuses a stream that somebody reads already", () => {
    const { body } = new Response("x");
    body?.getReader();
    expect(() => toContent(body, [])).toThrow(/already/);
  });
});

describe("toFields", () => {
  it("takes objects, lists and Headers, several lines of one name too", () => {
    expect(toFields(undefined)).toEqual([]);
    expect(toFields({ "X-A": "1", "X-N": 5, "Set-Cookie": ["a=1", "b=2"] })).toEqual([
      "X-A",
      "1",
      "X-N",
      "5",
      "Set-Cookie",
      "a=1",
      "Set-Cookie",
      "b=2",
    ]);
    expect(
      toFields([
        ["A", "1"],
        ["A", "2"],
      ]),
    ).toEqual(["A", "1", "A", "2"]);
    const headers = new Headers({ a: "1" });
    headers.append("set-cookie", "x=1");
    headers.append("set-cookie", "y=2");
    expect(toFields(headers)).toEqual(["a", "1", "set-cookie", "x=1", "set-cookie", "y=2"]);
  });

  it("leaves out what belongs to the connection (RFC 9110 §7.6.1)", () => {
    expect(
      toFields({
        "Content-Length": "5",
        connection: "close",
        "Transfer-Encoding": "chunked",
        a: "1",
      }),
    ).toEqual(["a", "1"]);
  });

  it.each([
    { "bad name": "1" },
    { a: "x\r\ny: 1" },
    { a: "日本" },
    { a: undefined },
    { a: ["1", "\n"] },
    [["a"]],
    ["ab"],
    "a: 1",
    5,
    null,
  ])("refuses %j", (headers) => {
    expect(() => toFields(headers as never)).toThrow(TypeError);
  });
});
