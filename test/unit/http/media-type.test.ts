import { describe, expect, it } from "vitest";

import { mediaTypeEssence, parseMediaType } from "../../../runtime/http/media-type.ts";

describe("parseMediaType", () => {
  it("reads type, subtype and charset whatever their case (RFC 9110 §8.3.1)", () => {
    expect(parseMediaType('Text/HTML ;Charset="UTF-8"; x=Y')).toEqual({
      essence: "text/html",
      type: "text",
      subtype: "html",
      charset: "utf-8",
      parameters: [
        ["charset", "UTF-8"],
        ["x", "Y"],
      ],
    });
  });

  it("keeps duplicates, so that a second charset can be seen (PUB-35)", () => {
    const type = parseMediaType("application/json; charset=utf-8; charset=utf-7");
    expect(type?.charset).toBe("utf-8");
    expect(type?.parameters).toEqual([
      ["charset", "utf-8"],
      ["charset", "utf-7"],
    ]);
  });

  it("reads a quoted boundary with a semicolon", () => {
    expect(parseMediaType('multipart/form-data; boundary="a;b\\"c"')?.parameters).toEqual([
      ["boundary", 'a;b"c'],
    ]);
  });

  it("leaves out parameters that are none", () => {
    expect(parseMediaType("a/b; ; c; d =e; =f; g=h")?.parameters).toEqual([["g", "h"]]);
  });

  it.each(["", "a", "a/", "/b", "a/b/c", "a b/c", ";charset=x", "a/b,c/d"])(
    "refuses %j",
    (value) => {
      expect(parseMediaType(value)).toBeUndefined();
      expect(mediaTypeEssence(value)).toBeUndefined();
    },
  );
});
