import { describe, expect, it } from "vitest";

import { findDeadRoutes, hasOnlyFunction } from "../../../runtime/cli/route-check.ts";
import type { ResolvedMatch, ResolvedRoute } from "../../../runtime/config/resolved-config.ts";

const EMPTY: ResolvedMatch = {
  hosts: [],
  paths: [],
  methods: [],
  fields: [],
  query: [],
  when: undefined,
};

function dead(...matches: Partial<ResolvedMatch>[]): (readonly [number, number])[] {
  const routes = matches.map(
    (match, index) =>
      ({ index, name: `r${index}`, match: { ...EMPTY, ...match } }) as unknown as ResolvedRoute,
  );
  return findDeadRoutes(routes).map(({ route, takenBy }) => [route.index, takenBy.index] as const);
}

describe("findDeadRoutes", () => {
  it.each<[string, Partial<ResolvedMatch>, Partial<ResolvedMatch>]>([
    ["anything before anything", {}, {}],
    ["anything before a path", {}, { paths: ["/a"] }],
    ["the same path", { paths: ["/a"] }, { paths: ["/a"] }],
    ["a prefix before what is below it", { paths: ["/api/*"] }, { paths: ["/api/users/:id"] }],
    ["a prefix before its own root", { paths: ["/api/*"] }, { paths: ["/api"] }],
    ["a prefix before a longer prefix", { paths: ["/*"] }, { paths: ["/api/*"] }],
    ["a parameter before a name", { paths: ["/users/:id"] }, { paths: ["/users/me"] }],
    ["all alternatives taken", { paths: ["/a", "/b"] }, { paths: ["/b", "/a"] }],
    ["any host before one", { paths: ["/a"] }, { hosts: ["a.test"], paths: ["/a"] }],
    ["a wildcard before a name under it", { hosts: ["*.a.test"] }, { hosts: ["x.a.test"] }],
    ["a deep wildcard before a deep name", { hosts: ["**.a.test"] }, { hosts: ["x.y.a.test"] }],
    ["a deep wildcard before a wildcard", { hosts: ["**.a.test"] }, { hosts: ["*.a.test"] }],
    ["more methods before fewer", { methods: ["GET", "HEAD"] }, { methods: ["GET"] }],
    [
      "presence before a value",
      { fields: [["x-a", true]] },
      {
        fields: [
          ["x-a", "1"],
          ["x-b", "2"],
        ],
      },
    ],
    ["a condition more", { paths: ["/a"] }, { paths: ["/a"], when: () => true }],
  ])("finds a route behind %s", (_title, first, second) => {
    expect(dead(first, second)).toEqual([[1, 0]]);
  });

  it.each<[string, Partial<ResolvedMatch>, Partial<ResolvedMatch>]>([
    ["a path before anything", { paths: ["/a"] }, {}],
    ["a longer prefix before a shorter", { paths: ["/api/*"] }, { paths: ["/*"] }],
    ["a name before a parameter", { paths: ["/users/me"] }, { paths: ["/users/:id"] }],
    ["a parameter before a prefix", { paths: ["/users/:id"] }, { paths: ["/users/*"] }],
    ["a prefix before a longer name", { paths: ["/api/*"] }, { paths: ["/apis"] }],
    ["one alternative left", { paths: ["/a"] }, { paths: ["/a", "/b"] }],
    ["a host before any", { hosts: ["a.test"] }, {}],
    ["a wildcard before its own root", { hosts: ["*.a.test"] }, { hosts: ["a.test"] }],
    ["a wildcard before two labels", { hosts: ["*.a.test"] }, { hosts: ["x.y.a.test"] }],
    ["a wildcard before a deep one", { hosts: ["*.a.test"] }, { hosts: ["**.a.test"] }],
    ["a method before any", { methods: ["GET"] }, {}],
    ["a value before presence", { fields: [["x-a", "1"]] }, { fields: [["x-a", true]] }],
    ["a query before none", { query: [["q", true]] }, {}],
    ["a function before anything", { when: () => true }, { paths: ["/a"] }],
    [
      "a path with a function before the path",
      { paths: ["/a"], when: () => true },
      { paths: ["/a"] },
    ],
  ])("leaves a route alone behind %s", (_title, first, second) => {
    expect(dead(first, second)).toEqual([]);
  });

  it("knows that a route with nothing but a function comes after all others", () => {
    expect(dead({ when: () => true }, { paths: ["/*"] })).toEqual([[0, 1]]);
  });
});

describe("hasOnlyFunction", () => {
  it("is true for `when` alone", () => {
    const route = (match: Partial<ResolvedMatch>): ResolvedRoute =>
      ({ match: { ...EMPTY, ...match } }) as unknown as ResolvedRoute;
    expect(hasOnlyFunction(route({ when: () => true }))).toBe(true);
    expect(hasOnlyFunction(route({ when: () => true, paths: ["/a"] }))).toBe(false);
    expect(hasOnlyFunction(route({}))).toBe(false);
  });
});
