import { describe, expect, it } from "vitest";

import { fieldText } from "../../../../../runtime/primitives/waf/parse/field-text.ts";

const received = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

describe("the text of a field (RFC 9110 §5.5)", () => {
  it("is read as UTF-8 where its bytes are that", () => {
    expect(fieldText(received("\uff07 or 1=1"))).toBe("\uff07 or 1=1");
    expect(fieldText(received("café"))).toBe("café");
  });

  it("stays as it came where they are not", () => {
    expect(fieldText("caf\xe9")).toBe("caf\xe9");
    expect(fieldText("plain")).toBe("plain");
    expect(fieldText("\uff07")).toBe("\uff07");
  });
});
