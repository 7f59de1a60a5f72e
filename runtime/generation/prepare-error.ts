import type { ConfigIssue } from "../config/load.ts";

/** A generation could not be prepared, for reasons that its author can mend. */
export class PrepareError extends Error {
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[], options?: ErrorOptions) {
    super(issues.map((issue) => issue.message).join(" "), options);
    this.name = "PrepareError";
    this.issues = issues;
  }
}

/** Any failure of a preparation as issues. */
export function toPrepareIssues(error: unknown): readonly ConfigIssue[] {
  if (error instanceof PrepareError) return error.issues;
  return [{ path: "", message: error instanceof Error ? error.message : String(error) }];
}
