import { describe, expect, it } from "vitest";

import { nearestName } from "../../../../runtime/pipeline/facade/nearest-name.ts";

describe("nearestName", () => {
  it.each([
    ["apii", ["api", "web"], "api"],
    ["API", ["web", "api"], "api"],
    ["paymnets", ["payments", "orders"], "payments"],
    ["db", ["web"], undefined],
    ["xyz", ["api", "web"], undefined],
    ["anything", [], undefined],
    ["x".repeat(100), ["x".repeat(99)], undefined],
  ])("for %j among %j is %j", (name, known, nearest) => {
    expect(nearestName(name, known)).toBe(nearest);
  });
});
