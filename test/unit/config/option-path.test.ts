import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { formatPath, parsePath } from "../../../runtime/config/option-path.ts";

describe("parsePath", () => {
  it("gives back every path that formatPath has written", () => {
    const part = fc.oneof(fc.string(), fc.nat(), fc.constantFrom("routes", "match", "$", "__x"));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (path) => {
        expect(parsePath(formatPath(path))).toEqual(path);
      }),
    );
  });

  it.each(["a b", "a[", "a[x]", 'a["b]', "a..b", "a-b"])("gives nothing for %j", (text) => {
    expect(parsePath(text)).toBeUndefined();
  });
});
