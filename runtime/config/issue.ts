/** Position in a file: absolute path, line and column counted from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with a config, said so that it can be mended. */
export interface ConfigIssue {
  /** Option path, for example `upstreams.api.targets[0]`; empty for problems of the file itself. */
  readonly path: string;
  /** What is wrong, in one sentence. */
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
  /** What to do. */
  readonly fix?: string;
  /** Place in the source, if known: absolute file, 1-based line and column. */
  readonly place?: SourcePlace;
  /** The lines around the place with a mark under it, no colour. */
  readonly frame?: string;
}

/** Why a load failed: at least one issue. */
export interface ConfigReport {
  readonly stage: "read" | "compile" | "evaluate" | "validate" | "prepare" | "listen";
  readonly file: string;
  readonly issues: readonly ConfigIssue[];
}

/** An issue while its path is not text yet, so that it can be located in the source. */
export interface RawIssue extends Omit<ConfigIssue, "path" | "place" | "frame"> {
  readonly path: readonly PropertyKey[];
}
