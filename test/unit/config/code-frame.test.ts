import { describe, expect, it } from "vitest";

import { printable, renderFrame } from "../../../runtime/config/code-frame.ts";

const source = Array.from({ length: 12 }, (_, index) => `line ${index + 1}`).join("\n");

describe("renderFrame", () => {
  it("shows the lines around the place and a mark under the column", () => {
    expect(renderFrame(source, 10, 3)).toBe(
      [
        "   7 | line 7",
        "   8 | line 8",
        "   9 | line 9",
        "> 10 | line 10",
        "     |   ^",
        "  11 | line 11",
        "  12 | line 12",
      ].join("\n"),
    );
  });

  it("ends where the file does", () => {
    expect(renderFrame("only", 1, 1)).toBe("> 1 | only\n    | ^");
    expect(renderFrame("only", 2, 1)).toBeUndefined();
    expect(renderFrame("only", 0, 1)).toBeUndefined();
  });

  it("cuts long lines around the place", () => {
    const frame = renderFrame(`${"a".repeat(5000)}!${"b".repeat(5000)}`, 1, 5001) ?? "";
    const [line = "", mark = ""] = frame.split("\n");
    expect(line.length).toBeLessThan(140);
    expect(line[mark.indexOf("^")]).toBe("!");
  });

  it("lets no escape sequence through to a terminal", () => {
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(renderFrame("a\u001b[31mb\u009b2J\ttab", 1, 1)).not.toMatch(/[\u001b\u009b\t]/);
  });
});

it("replaces control and direction characters one for one", () => {
  expect(printable("a\u0000b\r\nc\u202ed\u0085")).toBe("a b  c d ");
});
