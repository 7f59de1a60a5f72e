import { describe, expect, it } from "vitest";

import { toExplainInput } from "../../../runtime/cli/explain-input.ts";
import { formatExplanation } from "../../../runtime/cli/explain-tree.ts";
import { createPaint, UsageError } from "../../../runtime/cli/terminal.ts";

const given = { method: "GET", url: "/a", header: [], client: "127.0.0.1" };
const origin = "http://127.0.0.1:8080";

describe("toExplainInput", () => {
  it("puts a path on the config's listener and keeps it as written", () => {
    expect(toExplainInput({ ...given, url: "/a/../b%2e?x=1" }, origin)).toMatchObject({
      url: "http://127.0.0.1:8080/a/../b%2e?x=1",
    });
  });

  it("takes fields as written, once for each -H", () => {
    const { fields } = toExplainInput(
      { ...given, header: ["X-A: 1", "x-a:2", "X-Empty:", "X-Colon: a:b "] },
      origin,
    );
    expect(fields).toEqual(["X-A", "1", "x-a", "2", "X-Empty", "", "X-Colon", "a:b"]);
  });

  it.each([
    [{ url: "ftp://a.test/" }],
    [{ url: "a.test/x" }],
    [{ url: "http:///x" }],
    [{ url: "" }],
    [{ method: "GE T" }],
    [{ method: "" }],
    [{ client: "localhost" }],
    [{ header: ["nonsense"] }],
    [{ header: [": x"] }],
    [{ header: ["a b: x"] }],
    [{ header: ["x: a\r\nb: c"] }],
    [{ header: ["x: \u2603"] }],
  ])("refuses %o", (wrong) => {
    expect(() => toExplainInput({ ...given, ...wrong }, origin)).toThrow(UsageError);
  });
});

describe("formatExplanation", () => {
  it("draws steps as a tree with the reasons under them", () => {
    const text = formatExplanation(
      {
        method: "GET",
        url: "http://a.test/x\u001B[2J",
        steps: [
          { phase: "begin", text: "accepted", details: ["path /x", "id 1"], outcome: "continued" },
          { phase: "onRequest", text: "blocked", details: ["by plugin\nx"], outcome: "decided" },
        ],
      },
      createPaint(false),
    );
    expect(text).toBe(
      [
        "GET http://a.test/x\\x1b[2J",
        "├─ begin      accepted",
        "│             ├ path /x",
        "│             └ id 1",
        "└─ onRequest  ● blocked",
        "              └ by plugin\\x0ax",
      ].join("\n"),
    );
  });
});
