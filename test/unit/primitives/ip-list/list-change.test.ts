import { expect, it } from "vitest";

import { toListChange } from "../../../../runtime/primitives/ip-list/list-change.ts";

it("a change of a list is one range or several, for a time or for ever", () => {
  expect(toListChange({ range: "203.0.113.7" })).toEqual({
    ranges: ["203.0.113.7"],
    forMs: undefined,
  });
  expect(toListChange({ range: ["2001:db8::/32", "203.0.113.0/24"], for: "10m" })).toEqual({
    ranges: ["2001:db8::/32", "203.0.113.0/24"],
    forMs: 600_000,
  });
});

it.each([
  [undefined, "a change is an object"],
  [[], "a change is an object"],
  [{}, "range is no address"],
  [{ range: [] }, "range names nothing"],
  [{ range: "203.0.113.0/33" }, '"203.0.113.0/33" is no address'],
  [{ range: ["203.0.113.1", "localhost"] }, '"localhost" is no address'],
  [{ range: [7] }, "7 is no address"],
  [{ range: "203.0.113.1", for: "soon" }, "for is a time"],
  [{ range: "203.0.113.1", for: 0 }, "for is a time"],
  [{ range: "203.0.113.1", until: "10m" }, '"until" is not one of range, for'],
])("%j is refused, with what is wrong", (given, problem) => {
  expect(toListChange(given)).toContain(problem);
});
