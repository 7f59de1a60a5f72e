import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { ERRORS, type ErrorCode } from "../../../runtime/errors.ts";

const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");

interface DocumentedError {
  readonly code: string;
  readonly status: number;
  readonly retry: string;
  readonly when: string;
  readonly remedy: string;
}

/** Rows of the tables whose first cell is a code. */
const rows: DocumentedError[] = text
  .split("\n")
  .filter((line) => /^\|\s*`PROXY_/.test(line))
  .map((line) => {
    const [code = "", status = "", retry = "", when = "", remedy = ""] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { code: code.replaceAll("`", ""), status: Number(status), retry, when, remedy };
  });

describe("docs/errors.md", () => {
  it("explains every code of runtime/errors.ts once, and no other", () => {
    expect(rows.map(({ code }) => code).toSorted()).toEqual(Object.keys(ERRORS).toSorted());
  });

  it.each(rows)("has the status and the retry mark of $code", ({ code, status, retry }) => {
    const { status: real, retryable } = ERRORS[code as ErrorCode];
    expect([status, retry]).toEqual([real, retryable ? "yes" : "no"]);
  });

  it.each(rows)("says of $code when it happens and what to do", ({ when, remedy }) => {
    expect(when).not.toBe("");
    expect(remedy).not.toBe("");
  });
});
