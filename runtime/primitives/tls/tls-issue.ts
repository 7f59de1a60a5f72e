/** Something that keeps TLS options from being used, said so that it can be mended. */
export interface TlsIssue {
  /** Option path below the listener, for example `tls.certificates[0].key`. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly fix?: string;
}

/** All that is wrong at once. */
export class TlsOptionsError extends Error {
  readonly issues: readonly TlsIssue[];

  constructor(issues: readonly TlsIssue[]) {
    super(issues.map((issue) => issue.message).join(" "));
    this.name = "TlsOptionsError";
    this.issues = issues;
  }
}
