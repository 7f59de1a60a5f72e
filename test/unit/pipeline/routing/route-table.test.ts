import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";

import {
  createRouteTable,
  type RouteInput,
  type RouteMatchInput,
  type RouteTable,
} from "../../../../runtime/pipeline/routing/route-table.ts";

type Match = Partial<RouteMatchInput>;

const request = {} as never;

function inputs(matches: readonly Match[]): RouteInput<number>[] {
  return matches.map((match, index) => ({
    index,
    name: `r${index}`,
    payload: index,
    match: {
      ...{ hosts: [], paths: [], methods: [], fields: [], query: [], when: undefined },
      ...match,
    },
  }));
}

function table(...matches: Match[]): RouteTable<number> {
  return createRouteTable(inputs(matches));
}

interface Asked {
  host?: string;
  path?: string;
  method?: string;
  fields?: string[];
  search?: string;
}

function matchOf(routes: RouteTable<number>, asked: Asked): ReturnType<typeof routes.match> {
  const { host = "a.test", path = "/", method = "GET", fields = [], search = "" } = asked;
  return routes.match(host, path, method, fields, search, () => request);
}

function explained(routes: RouteTable<number>, asked: Asked): string[] {
  const { host = "a.test", path = "/", method = "GET", fields = [], search = "" } = asked;
  return routes.explain(host, path, method, fields, search, () => request);
}

describe("route table: paths", () => {
  it.each([
    ["/a", "/a", {}],
    ["/", "/", {}],
    ["/a/", "/a/", {}],
    ["/users/:id", "/users/17", { id: "17" }],
    ["/users/:id/posts/:post", "/users/1/posts/2", { id: "1", post: "2" }],
    ["/users/:id/", "/users/17/", { id: "17" }],
    ["/api/*", "/api", { "*": "" }],
    ["/api/*", "/api/", { "*": "" }],
    ["/api/*", "/api/x/y", { "*": "x/y" }],
    ["/api/*", "/api/x/", { "*": "x/" }],
    ["/:tenant/*", "/t/a/b", { tenant: "t", "*": "a/b" }],
    ["/*", "/", { "*": "" }],
    ["/*", "/a/b", { "*": "a/b" }],
    ["*", "/a", { "*": "a" }],
    ["/münchen", "/m%C3%BCnchen", {}],
    ["/m%c3%bcnchen", "/m%C3%BCnchen", {}],
    ["/%61 b", "/a%20b", {}],
    ["/v1/items:batch", "/v1/items:batch", {}],
    ["//a", "/a", {}],
    ["/a/:x", "/a/b%2Fc", { x: "b%2Fc" }],
  ])("%s matches %s with %j", (pattern, path, params) => {
    expect(matchOf(table({ paths: [pattern] }), { path })).toEqual({ route: 0, params });
  });

  it.each([
    ["/a", "/a/"],
    ["/a/", "/a"],
    ["/a", "/A"],
    ["/a", "/a/b"],
    ["/a", "/ab"],
    ["/a/b", "/a"],
    ["/users/:id", "/users/"],
    ["/users/:id", "/users"],
    ["/users/:id", "/users/1/2"],
    ["/api/*", "/apix"],
    ["/api/*", "/ap"],
    ["/:a/*", "/"],
    ["/a/b", "/a%2Fb"],
  ])("%s does not match %s", (pattern, path) => {
    expect(matchOf(table({ paths: [pattern] }), { path })).toBeUndefined();
  });

  it("matches any path where none is given", () => {
    expect(matchOf(table({}), { path: "/x" })?.route).toBe(0);
  });

  it.each([
    "/a/../b",
    "/a/*/b",
    "/a*",
    "a",
    "",
    "/:",
    "/:a-b",
    "/:a/:a",
    "/:__proto__",
    "/%00",
    "/a\\b/..",
  ])("refuses the pattern %j and names the route", (pattern) => {
    expect(() => table({ paths: [pattern] })).toThrow(/^route r0: ".*" is no path pattern/s);
  });
});

describe("route table: hosts", () => {
  it.each([
    ["a.test", "a.test"],
    ["A.Test", "a.test"],
    ["a.test.", "a.test"],
    ["*.a.test", "x.a.test"],
    ["**.a.test", "x.a.test"],
    ["**.a.test", "x.y.a.test"],
    ["*", "a.test"],
    ["münchen.de", "xn--mnchen-3ya.de"],
    ["*.münchen.de", "www.xn--mnchen-3ya.de"],
    ["[::1]", "[::1]"],
  ])("%s matches %s", (pattern, host) => {
    expect(matchOf(table({ hosts: [pattern] }), { host })?.route).toBe(0);
  });

  it.each([
    ["a.test", "b.a.test"],
    ["a.test", "a.tes"],
    ["*.a.test", "a.test"],
    ["*.a.test", "x.y.a.test"],
    ["*.a.test", "xa.test"],
    ["**.a.test", "a.test"],
    ["**.a.test", "xa.test"],
    ["a.test", ""],
  ])("%s does not match %s", (pattern, host) => {
    expect(matchOf(table({ hosts: [pattern] }), { host })).toBeUndefined();
  });

  it.each(["a.test:80", "", "a.*.test", "*a.test", "a b", "http://a.test", "*.", "***.a.test"])(
    "refuses the pattern %j",
    (pattern) => {
      expect(() => table({ hosts: [pattern] })).toThrow(/^route r0: ".*" is no host pattern/);
    },
  );
});

describe("route table: other conditions", () => {
  it.each<[Match, Asked, boolean]>([
    [{ methods: ["GET"] }, { method: "GET" }, true],
    [{ methods: ["GET"] }, { method: "HEAD" }, true],
    [{ methods: ["GET", "POST"] }, { method: "POST" }, true],
    [{ methods: ["GET", "POST"] }, { method: "get" }, false],
    [{ fields: [["x-a", true]] }, { fields: ["X-A", ""] }, true],
    [{ fields: [["x-a", true]] }, { fields: ["X-B", "1"] }, false],
    [{ fields: [["x-a", "1"]] }, { fields: ["x-a", "2", "X-A", "1"] }, true],
    [{ fields: [["x-a", "1"]] }, { fields: ["x-a", "11"] }, false],
    [{ fields: [["x-a", /^b/]] }, { fields: ["x-a", "bc"] }, true],
    [{ query: [["v", true]] }, { search: "?v" }, true],
    [{ query: [["v", true]] }, { search: "" }, false],
    [{ query: [["v", "a b"]] }, { search: "?x=1&v=c&v=a+b" }, true],
    [{ query: [["v", /^\d+$/]] }, { search: "?v=12" }, true],
    [{ query: [["v", /^\d+$/]] }, { search: "?v=x" }, false],
    [{ when: () => true }, {}, true],
    [{ when: () => false }, {}, false],
    [{ methods: ["GET"], fields: [["a", "1"]] }, { method: "GET" }, false],
  ])("%j asked with %j: %s", (match, asked, expected) => {
    expect(matchOf(table(match), asked) !== undefined).toBe(expected);
  });

  it("gives the same answer every time with a global pattern", () => {
    const routes = table({ fields: [["x-a", /b/g]] });
    for (let at = 0; at < 3; at++) expect(matchOf(routes, { fields: ["x-a", "b"] })?.route).toBe(0);
  });

  it("runs a function only when all else holds, and never after the route is found", () => {
    const when = vi.fn(() => true);
    const routes = table(
      { methods: ["GET"], paths: ["/a"] },
      { methods: ["POST"], when },
      { paths: ["/*"] },
    );
    expect(matchOf(routes, { path: "/a" })?.route).toBe(0);
    expect(matchOf(routes, { path: "/b" })?.route).toBe(2);
    expect(when).not.toHaveBeenCalled();
    expect(matchOf(routes, { path: "/b", method: "POST" })?.route).toBe(1);
    expect(when).toHaveBeenCalledExactlyOnceWith(request);
  });

  it("fails the request if a function throws", () => {
    const cause = new Error("oops");
    const routes = table({
      when: () => {
        throw cause;
      },
    });
    expect(() => matchOf(routes, {})).toThrow(
      expect.objectContaining({ code: "PROXY_HOOK_FAILED", cause }) as Error,
    );
    // The table is usable afterwards.
    expect(() => matchOf(routes, {})).toThrow();
  });

  it("refuses a promise, which would be true whatever it resolves to", () => {
    const routes = table({ when: (() => Promise.reject(new Error("no"))) as never });
    expect(() => matchOf(routes, {})).toThrow(
      expect.objectContaining({ code: "PROXY_HOOK_DECISION" }) as Error,
    );
  });

  it("can be asked again from within a function", () => {
    const routes: RouteTable<number> = table(
      {
        paths: ["/*"],
        when: () => {
          expect(matchOf(routes, { host: "b.test", path: "/inner", method: "PUT" })?.route).toBe(1);
          return false;
        },
        hosts: ["a.test"],
      },
      { methods: ["PUT"] },
      { paths: ["/outer"] },
    );
    expect(matchOf(routes, { path: "/outer" })?.route).toBe(2);
  });
});

describe("route table: order", () => {
  it("takes the first in declaration order, not the most specific", () => {
    const routes = table({ paths: ["/*"] }, { hosts: ["a.test"], paths: ["/a"] });
    expect(matchOf(routes, { path: "/a" })?.route).toBe(0);
    const turned = table({ hosts: ["a.test"], paths: ["/a"] }, { paths: ["/*"] });
    expect(matchOf(turned, { path: "/a" })?.route).toBe(0);
    expect(matchOf(turned, { path: "/b" })?.route).toBe(1);
  });

  it("orders by index, not by place in the list", () => {
    const [first, second] = inputs([{ paths: ["/a"] }, { paths: ["/*"] }]);
    const routes = createRouteTable([second as RouteInput<number>, first as RouteInput<number>]);
    expect(matchOf(routes, { path: "/a" })?.route).toBe(0);
  });

  it("tries routes with nothing but a function after all others, in order", () => {
    const calls: number[] = [];
    const when = (id: number, result: boolean) => (): boolean => {
      calls.push(id);
      return result;
    };
    const routes = table(
      { when: when(0, false) },
      { when: when(1, true) },
      { paths: ["/a"] },
      { when: when(3, true) },
    );
    expect(routes.functionOnlyCount).toBe(3);
    expect(matchOf(routes, { path: "/a" })?.route).toBe(2);
    expect(calls).toEqual([]);
    expect(matchOf(routes, { path: "/b" })).toEqual({ route: 1, params: {} });
    expect(calls).toEqual([0, 1]);
  });

  it("asks a route once although two of its patterns match", () => {
    const when = vi.fn(() => false);
    const routes = table({ hosts: ["a.test", "*", "**.test"], paths: ["/a", "/*", "/:x"], when });
    expect(matchOf(routes, { path: "/a" })).toBeUndefined();
    expect(when).toHaveBeenCalledTimes(1);
  });

  it("finds what a scan over all routes finds", () => {
    const host = fc.constantFrom("a.test", "b.test", "*.a.test", "**.a.test", "**.test", "*.test");
    const path = fc.constantFrom(
      ...[
        "/",
        "/a",
        "/a/",
        "/b",
        "/a/b",
        "/a/:x",
        "/:x",
        "/:x/b",
        "/:x/:y",
        "/a/*",
        "/*",
        "/:x/*",
        "/a/b/*",
      ],
    );
    const match = fc.record({
      hosts: fc.array(host, { maxLength: 2 }),
      paths: fc.array(path, { maxLength: 2 }),
      methods: fc.subarray(["GET", "POST"]),
    });
    const asked = fc.record({
      host: fc.constantFrom("a.test", "b.test", "x.a.test", "x.y.a.test", "test", "c.test", ""),
      path: fc.constantFrom("/", "/a", "/a/", "/b", "/b/", "/a/b", "/a/b/", "/c/b", "/a/b/c", "/c"),
      method: fc.constantFrom("GET", "POST", "PUT"),
    });
    fc.assert(
      fc.property(
        fc.array(match, { maxLength: 8 }),
        fc.array(asked, { maxLength: 8 }),
        (matches, requests) => {
          const routes = table(...matches);
          for (const one of requests) {
            const expected = matches.findIndex((candidate) => scanMatches(candidate, one));
            expect(matchOf(routes, one)?.route ?? -1).toBe(expected);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("route table: cost", () => {
  /** One line of `explain` is one candidate that was evaluated. */
  function considered(routes: RouteTable<number>, asked: Asked): number {
    return explained(routes, asked).length;
  }

  it("considers as many routes of 1,000 as of 10", () => {
    for (const asked of [
      { path: "/svc3/x/y" },
      { host: "h3.test", path: "/own" },
      { path: "/none" },
    ]) {
      const counts = [10, 1_000].map((count) => {
        const matches = Array.from({ length: count }, (_, at): Match =>
          at % 2 === 0
            ? { hosts: [`h${at + 1}.test`], paths: ["/own"] }
            : { paths: [`/svc${at}/*`] },
        );
        return considered(table(...matches), asked);
      });
      expect(counts).toEqual([1, 1]);
    }
  });

  it("considers only routes of the same host and path, up to the one that matches", () => {
    const others = Array.from({ length: 500 }, (_, at): Match => ({
      hosts: [`h${at}.test`],
      methods: ["PUT"],
    }));
    const routes = table(
      { paths: ["/a"], methods: ["POST"] },
      ...others,
      { hosts: ["*.test"], methods: ["DELETE"] },
      { paths: ["/:x"] },
      { paths: ["/*"] },
    );
    expect(explained(routes, { path: "/a" })).toEqual([
      "r0 (position 1): the method is not POST",
      "r501 (position 502): the method is not DELETE",
      "r502 (position 503): matches",
    ]);
  });
});

describe("explain", () => {
  it("says what spoke against each route", () => {
    const routes = table(
      { paths: ["/a"], methods: ["PUT", "POST"] },
      { paths: ["/a"], fields: [["x-a", "1"]] },
      { paths: ["/a"], fields: [["x-a", true]] },
      { paths: ["/a"], query: [["v", /^x$/]] },
      { paths: ["/a"], when: () => false },
      { when: () => true },
    );
    expect(explained(routes, { path: "/a" })).toEqual([
      "r0 (position 1): the method is not PUT or POST",
      'r1 (position 2): the field "x-a" is not "1"',
      'r2 (position 3): the field "x-a" is not there',
      'r3 (position 4): the query parameter "v" does not match /^x$/',
      "r4 (position 5): its function says no",
      "r5 (position 6): matches",
    ]);
  });

  it("says so if nothing comes into question", () => {
    expect(explained(table({ paths: ["/a"] }), { path: "/b" })).toEqual([
      "no route has this host and path",
    ]);
  });
});

describe("deadRoutes", () => {
  function dead(...matches: Match[]): number[] {
    return table(...matches)
      .deadRoutes()
      .map((route) => route.index);
  }

  it.each<[string, Match[], number[]]>([
    ["the same path twice", [{ paths: ["/a"] }, { paths: ["/a"] }], [1]],
    [
      "below a wildcard",
      [
        { paths: ["/api/*"] },
        { paths: ["/api"] },
        { paths: ["/api/:x/y"] },
        { paths: ["/api/b/*"] },
      ],
      [1, 2, 3],
    ],
    [
      "a literal after a parameter",
      [{ paths: ["/:x"] }, { paths: ["/a"] }, { paths: ["/:y"] }],
      [1, 2],
    ],
    [
      "a host below a wildcard",
      [
        { hosts: ["*.a.test"] },
        { hosts: ["x.a.test"] },
        { hosts: ["**.a.test"] },
        { hosts: ["*.x.a.test"] },
      ],
      [1, 3],
    ],
    ["any host", [{ paths: ["/a"] }, { hosts: ["b.test"], paths: ["/a"], methods: ["GET"] }], [1]],
    ["fewer methods", [{ methods: ["GET", "POST"] }, { methods: ["GET"], paths: ["/a"] }], [1]],
    [
      "each of several patterns",
      [{ paths: ["/a"] }, { paths: ["/b"] }, { paths: ["/a", "/b"] }],
      [2],
    ],
    ["a function after a catch-all", [{ when: () => true }, {}], [0]],
    [
      "another spelling",
      [
        { paths: ["/%61"], hosts: ["A.test."] },
        { paths: ["/a"], hosts: ["a.test"] },
      ],
      [1],
    ],
  ])("finds %s", (_, matches, expected) => {
    expect(dead(...matches)).toEqual(expected);
  });

  it.each<[string, Match[]]>([
    ["a later wildcard", [{ paths: ["/api"] }, { paths: ["/api/*"] }]],
    ["an earlier one with a field", [{ paths: ["/a"], fields: [["x", true]] }, { paths: ["/a"] }]],
    ["an earlier one with a query", [{ paths: ["/a"], query: [["x", true]] }, { paths: ["/a"] }]],
    ["an earlier one with a function", [{ paths: ["/a"], when: () => true }, { paths: ["/a"] }]],
    ["more methods", [{ methods: ["GET"] }, { methods: ["GET", "POST"] }, {}]],
    ["another host", [{ hosts: ["a.test"] }, { hosts: ["b.test"] }, { hosts: ["*.a.test"] }, {}]],
    ["one of two patterns", [{ paths: ["/a"] }, { paths: ["/a", "/b"] }]],
    ["a parameter and a trailing slash", [{ paths: ["/a/:x"] }, { paths: ["/a/"] }]],
    ["a literal before a parameter", [{ paths: ["/a"] }, { paths: ["/:x"] }]],
    ["one label before any depth", [{ hosts: ["*.a.test"] }, { hosts: ["**.a.test"] }]],
  ])("does not call %s dead", (_, matches) => {
    expect(dead(...matches)).toEqual([]);
  });

  it("names the routes that take the requests", () => {
    expect(
      table({ paths: ["/a"] }, { paths: ["/b"] }, { paths: ["/b", "/a"] }).deadRoutes(),
    ).toEqual([
      {
        index: 2,
        name: "r2",
        coveredBy: [
          { index: 0, name: "r0" },
          { index: 1, name: "r1" },
        ],
      },
    ]);
  });

  it("never calls a route dead that some request takes", () => {
    const match = fc.record({
      hosts: fc.subarray(["a.test", "*.a.test", "**.a.test", "**.test"], { maxLength: 2 }),
      paths: fc.subarray(["/", "/a", "/a/", "/:x", "/a/*", "/a/:x", "/*", "/:x/b"], {
        maxLength: 2,
      }),
      methods: fc.subarray(["GET", "POST"]),
    });
    fc.assert(
      fc.property(fc.array(match, { maxLength: 6 }), (matches) => {
        const routes = table(...matches);
        const taken = new Set<number | undefined>();
        for (const host of ["a.test", "x.a.test", "x.y.a.test", "b.test", "c"]) {
          for (const path of ["/", "/a", "/a/", "/b", "/a/b", "/a/c", "/c/b", "/a/b/c", "/c/d"]) {
            for (const method of ["GET", "POST", "PUT"]) {
              taken.add(matchOf(routes, { host, path, method })?.route);
            }
          }
        }
        for (const { index } of routes.deadRoutes()) expect(taken).not.toContain(index);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** The rule as the docs say it, one route after the other. */
function scanMatches(
  match: { hosts: string[]; paths: string[]; methods: string[] },
  asked: { host: string; path: string; method: string },
): boolean {
  const { hosts, paths, methods } = match;
  return (
    (hosts.length === 0 || hosts.some((pattern) => hostRegExp(pattern).test(asked.host))) &&
    (paths.length === 0 || paths.some((pattern) => pathRegExp(pattern).test(asked.path))) &&
    (methods.length === 0 || methods.includes(asked.method))
  );
}

function hostRegExp(pattern: string): RegExp {
  const name = pattern.replaceAll(".", "\\.");
  return new RegExp(
    `^${name.replace(/^\*\*\\\./, "(?:[^.]+\\.)+").replace(/^\*\\\./, "[^.]+\\.")}$`,
  );
}

function pathRegExp(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/:\w+/g, "[^/]+").replace(/\/\*$/, "(?:/.*)?")}$`);
}
