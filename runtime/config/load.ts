import { dirname, resolve } from "node:path";

import type { ConfigEnv } from "@gatewright/sdk";

import type { Log } from "../log.ts";
import { readFrame, readSource } from "./code-frame.ts";
import { createCompiler } from "./compile.ts";
import type { CompileResult, ExternalPackage } from "./compile.ts";
import { EVALUATE_LIMITS, evaluate } from "./evaluate.ts";
import type { EvaluateLimits } from "./evaluate.ts";
import type { ConfigIssue, ConfigReport, RawIssue } from "./issue.ts";
import { missedDefaultIssues } from "./missed-defaults.ts";
import { normalize } from "./normalize.ts";
import { formatPath } from "./option-path.ts";
import { createOptionPlaces } from "./option-place.ts";
import type { ResolvedConfig, UserConfig } from "./resolved-config.ts";
import type { CodeSlot, Slot } from "./slot.ts";
import type { Sources } from "./sources.ts";
import type { StackMapper } from "./stack-mapper.ts";
import { validate } from "./validate.ts";

export type { ConfigIssue, ConfigReport } from "./issue.ts";
export type { CodeSlot } from "./slot.ts";

export interface LoadedConfig {
  readonly config: ResolvedConfig;
  readonly slot: CodeSlot;
  /** Digest of the compiled code: equal digests mean that nothing changed. */
  readonly digest: string;
  /** npm packages kept outside the bundle, with the folder that is watched for "restart to pick up NAME". */
  readonly packages: readonly ExternalPackage[];
}

export type LoadResult =
  | { readonly kind: "loaded"; readonly loaded: LoadedConfig; readonly inputs: readonly string[] }
  /** Same code as `previousDigest`: nothing was evaluated. */
  | { readonly kind: "unchanged"; readonly inputs: readonly string[] }
  | { readonly kind: "failed"; readonly report: ConfigReport; readonly inputs: readonly string[] };

export interface ConfigLoaderOptions {
  /** Config file; made absolute. Links on its path are followed anew at each load. */
  readonly file: string;
  readonly command: ConfigEnv["command"];
  /** What the config function gets as `env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the config's `console` and the failures of its timers go. */
  readonly log: Log;
  readonly stackMapper: StackMapper;
  readonly limits?: EvaluateLimits;
}

export interface ConfigLoader {
  /**
   * Compiles, evaluates, validates and normalises. Loads run one after the other and never reject for a fault of the
   * config. Code with the digest `previousDigest` is not evaluated again. `generation` is the number of the generation
   * that the code would be: one more than the last load's unless given.
   */
  load(previousDigest?: string, generation?: number): Promise<LoadResult>;
  close(): Promise<void>;
}

export function createConfigLoader(options: ConfigLoaderOptions): ConfigLoader {
  const file = resolve(options.file);
  const compiler = createCompiler(file);
  let generations = 0;
  let latest: { readonly digest: string; readonly slot: Slot } | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  const load = async (previousDigest?: string, generation?: number): Promise<LoadResult> => {
    const compiled = await compiler.compile();
    const { inputs } = compiled;
    if (compiled.kind === "failed") {
      return {
        kind: "failed",
        report: { stage: compiled.stage, file, issues: compiled.issues },
        inputs,
      };
    }
    if (compiled.digest === previousDigest) {
      // Comments may have moved the lines: the code is the same, its way back to the file is not.
      if (latest?.digest === compiled.digest) latest.slot.replaceSources(compiled.sources);
      return { kind: "unchanged", inputs };
    }
    generations = generation ?? generations + 1;
    const result = await run(compiled, generations, file, options);
    if (result.kind === "failed") {
      return {
        kind: "failed",
        report: { stage: result.stage, file, issues: result.issues },
        inputs,
      };
    }
    const { slot, config } = result;
    latest = { digest: compiled.digest, slot };
    return {
      kind: "loaded",
      loaded: { config, slot, digest: compiled.digest, packages: compiled.packages },
      inputs,
    };
  };

  return {
    load(previousDigest, generation) {
      const result = queue.then(() => load(previousDigest, generation));
      queue = result.catch(() => {});
      return result;
    },
    async close() {
      await queue;
      latest = undefined;
      await compiler.dispose();
    },
  };
}

type RunResult =
  | { readonly kind: "ready"; readonly slot: Slot; readonly config: ResolvedConfig }
  | {
      readonly kind: "failed";
      readonly stage: ConfigReport["stage"];
      readonly issues: readonly ConfigIssue[];
    };

async function run(
  compiled: Extract<CompileResult, { kind: "compiled" }>,
  generation: number,
  file: string,
  options: ConfigLoaderOptions,
): Promise<RunResult> {
  const dir = dirname(file);
  const { command, stackMapper, log, limits = EVALUATE_LIMITS } = options;
  const { code, sources, packages } = compiled;
  const env: ConfigEnv = Object.freeze({ command, env: Object.freeze({ ...options.env }), dir });
  const evaluated = await evaluate(
    code,
    { generation, file, dir, sources, packages, stackMapper, log },
    env,
    limits,
  );
  if (evaluated.kind === "failed") return evaluated;
  const { slot, value } = evaluated;
  try {
    const validated = validate(value);
    const missed = missedDefaultIssues((value as UserConfig | null)?.plugins, slot.shapes);
    if (validated.kind === "valid" && missed.length === 0) {
      return { kind: "ready", slot, config: normalize(validated.config, file, command) };
    }
    const issues = validated.kind === "valid" ? [] : validated.issues;
    return discard(slot, located([...issues, ...missed], file, sources));
  } catch (error) {
    // Getters and proxies of the user's object run while it is read.
    const { message, place, frame } = stackMapper.describeError(error);
    const issue: ConfigIssue = {
      path: "",
      message: `The config could not be read: ${message}`,
      ...(place === undefined ? {} : { place }),
      ...(frame === undefined ? {} : { frame }),
    };
    return discard(slot, [issue]);
  }
}

function discard(slot: Slot, issues: readonly ConfigIssue[]): RunResult {
  slot.retire();
  slot.dispose();
  return { kind: "failed", stage: "validate", issues };
}

/** Options whose own text is not shown: a bearer token, a private key, what opens one. */
const SECRETS: ReadonlySet<PropertyKey | undefined> = new Set([
  "token",
  "key",
  "cert",
  "passphrase",
  "hmacKey",
  "secret",
]);

/** Gives issues a place in the config file where the option can be found there: as it was read, whatever it says by now. */
function located(issues: readonly RawIssue[], file: string, sources: Sources): ConfigIssue[] {
  const places = createOptionPlaces(file, sources.textOf(file) ?? readSource(file) ?? "");
  return issues.map((issue) => {
    const place = places.find(issue.path);
    // Reports travel to terminals, logs and the page of `dev`: a token written into the config must not.
    const isSecret = SECRETS.has(issue.path.at(-1));
    const frame =
      place === undefined || isSecret ? undefined : (sources.frameOf(place) ?? readFrame(place));
    return {
      ...issue,
      path: formatPath(issue.path),
      ...(place === undefined ? {} : { place }),
      ...(frame === undefined ? {} : { frame }),
    };
  });
}
