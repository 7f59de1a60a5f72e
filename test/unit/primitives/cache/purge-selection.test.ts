import { describe, expect, it } from "vitest";

import { toPurge } from "../../../../runtime/primitives/cache/purge-selection.ts";

describe("toPurge", () => {
  it.each([
    [{ url: "https://A.test:443/a%2f?b=C" }, { url: "https://a.test/a%2f?b=C" }],
    [{ url: "http://a.test#top" }, { url: "http://a.test/" }],
    [{ url: "http://a.test?x" }, { url: "http://a.test/?x" }],
    [{ url: "http://a.test./a" }, { url: "http://a.test/a" }],
    [{ prefix: "HTTPS://a.test:8443/a" }, { prefix: "https://a.test:8443/a" }],
    [
      { tag: "t", soft: true },
      { tag: "t", soft: true },
    ],
    [{ tag: ["s", "t"] }, { tag: ["s", "t"] }],
    [
      { all: true, soft: false },
      { all: true, soft: false },
    ],
  ])("takes %j as %j", (given, expected) => {
    expect(toPurge(given)).toEqual(expected);
  });

  it("ends the host of a prefix, so that a longer name is not reached", () => {
    expect(toPurge({ prefix: "https://a.test" })).toEqual({ prefix: "https://a.test/" });
  });

  it.each([
    [undefined, "object"],
    ["all", "object"],
    [[], "object"],
    [{}, "exactly one"],
    [{ soft: true }, "exactly one"],
    [{ tags: ["a"] }, "tags is not one of"],
    [{ url: "http://a.test/", all: true }, "url and all"],
    [{ all: false }, "all is true"],
    [{ all: "yes" }, "all is true"],
    [{ tag: "" }, "tag is a text"],
    [{ tag: [] }, "tag is a text"],
    [{ tag: ["a", 1] }, "tag is a text"],
    [{ tag: "x".repeat(257) }, "tag is a text"],
    [{ tag: Array.from({ length: 65 }, (_, at) => `t${at}`) }, "at most 64"],
    [{ url: "/a" }, "absolute URL"],
    [{ url: "ftp://a.test/" }, "absolute URL"],
    [{ prefix: "https://" }, "absolute URL"],
    [{ prefix: "https://u@a.test/" }, "absolute URL"],
    [{ url: `http://a.test/${"x".repeat(20_000)}` }, "absolute URL"],
    [{ tag: "a", soft: "yes" }, "soft is true or false"],
  ])("refuses %j: %s", (given, problem) => {
    expect(toPurge(given)).toContain(problem);
  });
});
