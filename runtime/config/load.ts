/** Contract; the owner of this room fills it in. */
import type { ResolvedConfig } from "./resolved-config.ts";

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
  readonly place?: { readonly file: string; readonly line: number; readonly column: number };
  /** The lines around the place with a mark under it, no colour. */
  readonly frame?: string;
}

/** Why a load failed: at least one issue. */
export interface ConfigReport {
  readonly stage: "read" | "compile" | "evaluate" | "validate";
  readonly file: string;
  readonly issues: readonly ConfigIssue[];
}

/** The place where one generation's code lives. */
export interface CodeSlot {
  readonly generation: number;
  /** Clears its timers, refuses new ones. What hooks still do in flight goes on. */
  retire(): void;
  /** Drops the source map: no more stacks of it are mapped. */
  dispose(): void;
}

export interface LoadedConfig {
  readonly config: ResolvedConfig;
  readonly slot: CodeSlot;
  /** Digest of the compiled code: equal digests mean that nothing changed. */
  readonly digest: string;
  /** npm packages kept outside the bundle, with the folder that is watched for "restart to pick up NAME". */
  readonly packages: readonly { readonly name: string; readonly dir: string; readonly entry: string }[];
}

export type LoadResult =
  | { readonly kind: "loaded"; readonly loaded: LoadedConfig; readonly inputs: readonly string[] }
  /** Same code as `previousDigest`: nothing was evaluated. */
  | { readonly kind: "unchanged"; readonly inputs: readonly string[] }
  | { readonly kind: "failed"; readonly report: ConfigReport; readonly inputs: readonly string[] };
