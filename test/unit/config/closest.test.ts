import { expect, it } from "vitest";

import { closest } from "../../../runtime/config/closest.ts";

const KEYS = ["listen", "limits", "upstreams", "routes", "onResponse", "onUpstreamResponse"];

it.each([
  ["lisen", "listen"],
  ["listne", "listen"],
  ["limit", "limits"],
  ["Routes", "routes"],
  ["onreponse", "onResponse"],
  ["upstram", "upstreams"],
])("takes %j for %j", (word, candidate) => {
  expect(closest(word, KEYS)).toBe(candidate);
});

it.each(["cache", "x", "", "something", "l".repeat(1000)])("takes %j for nothing", (word) => {
  expect(closest(word, KEYS)).toBeUndefined();
});

it("prefers the nearest of several", () => {
  expect(closest("api3", ["api1", "api33"])).toBe("api1");
  expect(closest("apii", ["apix", "api"])).toBe("apix");
});
