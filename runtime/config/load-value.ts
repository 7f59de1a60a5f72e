import { dirname } from "node:path";

import type { ConfigEnv } from "@gatewright/sdk";

import { normalize } from "./normalize.ts";
import { formatPath } from "./option-path.ts";
import type { LoadResult } from "./load.ts";
import { validate } from "./validate.ts";

export interface LoadValueOptions {
  /** Where paths of the config are relative to its folder; the file itself is not read. */
  readonly file: string;
  readonly command: ConfigEnv["command"];
  readonly env: ConfigEnv["env"];
  readonly generation: number;
}

/**
 * A config that is there as a value: an object, a promise, a function. Checked and filled in, nothing is compiled; its
 * timers are the process's own. Rejects with what the function throws.
 */
export async function loadValue(value: unknown, options: LoadValueOptions): Promise<LoadResult> {
  const { file, command, generation } = options;
  const env: ConfigEnv = { command, env: options.env, dir: dirname(file) };
  const made: unknown = await (typeof value === "function" ? value(env) : value);
  const result = validate(made);
  if (result.kind === "invalid") {
    const issues = result.issues.map((issue) => ({ ...issue, path: formatPath(issue.path) }));
    return { kind: "failed", report: { stage: "validate", file, issues }, inputs: [] };
  }
  const config = normalize(result.config, file, command);
  const slot = {
    generation,
    runInBackground: <T>(work: () => T): T => work(),
    retire() {},
    dispose() {},
  };
  const loaded = { config, slot, digest: `value ${generation}`, packages: [] };
  return { kind: "loaded", loaded, inputs: [] };
}
