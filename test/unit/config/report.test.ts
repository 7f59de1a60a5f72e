import { describe, expect, it } from "vitest";

import { formatIssue, formatReport } from "../../../runtime/config/report.ts";

const issue = {
  path: "routes[2].match.path",
  message: "Not a path.",
  expected: '"/a"',
  got: '"a"',
  fix: 'Write "/a".',
  place: { file: "/app/proxy.config.ts", line: 3, column: 5 },
  frame: "> 3 |   a\n    |   ^",
};

describe("formatIssue", () => {
  it("says where, what, expected, got and what to do, then shows the code", () => {
    expect(formatIssue(issue, { cwd: "/app" })).toBe(
      [
        "routes[2].match.path  proxy.config.ts:3:5",
        "  Not a path.",
        '  expected: "/a"',
        '  got:      "a"',
        '  fix:      Write "/a".',
        "  > 3 |   a",
        "      |   ^",
      ].join("\n"),
    );
  });

  it("leaves out what is not known, and shows whole names outside the folder", () => {
    expect(formatIssue({ path: "", message: "No." })).toBe("  No.");
    expect(formatIssue(issue, { cwd: "/other" })).toContain("/app/proxy.config.ts:3:5");
  });

  it("says the same in colours", () => {
    const coloured = formatIssue(issue, { colour: true, cwd: "/app" });
    expect(coloured).toContain("\u001b[31m");
    // oxlint-disable-next-line no-control-regex -- colours are escape sequences
    expect(coloured.replaceAll(/\u001b\[\d+m/g, "")).toBe(formatIssue(issue, { cwd: "/app" }));
  });

  it("lets no escape sequence of a message through", () => {
    const text = formatIssue({
      ...issue,
      message: "a\u001b]0;title\u0007",
      got: "\u001b[2J",
      path: "x\u001b",
    });
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(text).not.toMatch(/[\u001b\u0007]/);
  });
});

it("counts the issues of a report and names its stage", () => {
  const text = formatReport(
    { stage: "compile", file: "/app/proxy.config.ts", issues: [issue, issue] },
    { cwd: "/app" },
  );
  expect(text.split("\n")[0]).toBe("proxy.config.ts does not compile (2 issues)");
  expect(text.match(/Not a path/g)).toHaveLength(2);
});
