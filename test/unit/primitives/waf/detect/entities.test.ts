import { describe, expect, it } from "vitest";

import { decodeEntities } from "../../../../../runtime/primitives/waf/detect/entities.ts";

describe("decodeEntities", () => {
  it.each([
    ["&lt;a&gt;", "<a>"],
    ["&#60;&#x3c&#0000060;", "<<<"],
    ["java&Tab;script&colon;", "java\tscript:"],
    ["&amp;lt;", "&lt;"],
    ["AT&T &unknown; &", "AT&T &unknown; &"],
    ["&#0;&#x110000;x", "x"],
  ])("reads %j as %j", (text, decoded) => {
    expect(decodeEntities(text)).toBe(decoded);
  });
});
