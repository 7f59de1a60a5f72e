import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { keyOf, urlOf } from "../../../../runtime/pipeline/cache/cache-key.ts";
import type { CachePlan } from "../../../../runtime/pipeline/cache/cache-parts.ts";
import type { Flow } from "../../../../runtime/pipeline/flow.ts";
import type { UpstreamChoice } from "../../../../runtime/pipeline/parts.ts";

/** All that a key is made of. */
interface Asked {
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly rawPath: string;
  readonly rawSearch: string;
  readonly newPath: string | undefined;
  readonly newSearch: string | undefined;
  readonly newHost: string | undefined;
  readonly forwardHost: string | undefined;
  readonly upstream: string;
  readonly identity: string;
  readonly own: string | readonly string[] | undefined;
}

function keyFor(asked: Asked): string {
  const { forwardHost, upstream, identity, own, ...rest } = asked;
  const flow = {
    ...rest,
    forwardOptions: forwardHost === undefined ? undefined : { host: forwardHost },
  } as unknown as Flow;
  const plan = {
    identity,
    ignoreQuery: false,
    key: own === undefined ? undefined : () => own,
  } as unknown as CachePlan;
  return keyOf(flow, plan, { name: upstream } as UpstreamChoice);
}

/** What can stand in a target: no line ends, which the parts of a key are joined by. */
const target = fc.stringMatching(/^[!-~]{0,6}$/);
const text = fc.constantFrom("", "a", "b", "\n", '"', "a\nb", "\\n", ",", '","');
const asked: fc.Arbitrary<Asked> = fc.record({
  scheme: fc.constantFrom("http" as const, "https" as const),
  authority: fc.constantFrom("", "a", "a.test", "a.test:80", "b"),
  rawPath: target.map((path) => `/${path.replaceAll("?", "")}`),
  rawSearch: fc.oneof(
    fc.constant(""),
    target.map((query) => `?${query}`),
  ),
  newPath: fc.option(text, { nil: undefined }),
  newSearch: fc.option(fc.constantFrom("", "?a", "?b"), { nil: undefined }),
  newHost: fc.option(text, { nil: undefined }),
  forwardHost: fc.option(text, { nil: undefined }),
  upstream: fc.constantFrom("a", "b"),
  identity: fc.constantFrom("a", "b"),
  own: fc.option(fc.oneof(text, fc.array(text, { maxLength: 3 })), { nil: undefined }),
});

/** The same answer may be used for both. */
function meaning(one: Asked): string {
  const { forwardHost, newHost, newSearch, rawSearch, own, ...rest } = one;
  const changed =
    one.newPath !== undefined || newSearch !== undefined || (forwardHost ?? newHost) !== undefined;
  const said = own === undefined ? undefined : [own].flat();
  return JSON.stringify([rest, newSearch ?? rawSearch, changed, forwardHost ?? newHost, said]);
}

describe("keyOf", () => {
  it("is the same for two requests only if nothing that answers depend on differs", () => {
    fc.assert(
      fc.property(asked, asked, (one, other) => {
        expect(keyFor(one) === keyFor(other)).toBe(meaning(one) === meaning(other));
      }),
      { numRuns: 2000 },
    );
  });

  it("changes with each part alone", () => {
    fc.assert(
      fc.property(asked, fc.record(Object.fromEntries(PARTS)), (one, others) => {
        for (const [name, value] of Object.entries(others)) {
          const other = { ...one, [name]: value } as Asked;
          expect(keyFor(one) === keyFor(other)).toBe(meaning(one) === meaning(other));
        }
      }),
    );
  });
});

const PARTS: [string, fc.Arbitrary<unknown>][] = [
  ["scheme", fc.constantFrom("http", "https")],
  ["authority", fc.constantFrom("a.test", "b.test", "a.test:81")],
  ["rawPath", fc.constantFrom("/a", "/b", "/a/")],
  ["rawSearch", fc.constantFrom("", "?a=1&a=2", "?a=2&a=1")],
  ["newPath", fc.constantFrom(undefined, "/a", "/b")],
  ["newSearch", fc.constantFrom(undefined, "?a", "?b")],
  ["newHost", fc.constantFrom(undefined, "a", "b")],
  ["forwardHost", fc.constantFrom(undefined, "a", "b")],
  ["upstream", fc.constantFrom("a", "b")],
  ["identity", fc.constantFrom("a", "b")],
  ["own", fc.constantFrom(undefined, "a", ["a"], ["a", "b"], "a,b")],
];

describe("urlOf", () => {
  it.each([
    [
      { scheme: "http", authority: "A.test:80", rawPath: "/a%2F", rawSearch: "?B" },
      "http://a.test/a%2F?B",
    ],
    [
      { scheme: "https", authority: "a.test:80", rawPath: "/", rawSearch: "" },
      "https://a.test:80/",
    ],
  ])("writes %o as purges do", (flow, url) => {
    const plan = { ignoreQuery: false } as CachePlan;
    expect(urlOf(flow as unknown as Flow, plan)).toBe(url);
  });
});
