import type { LoadedConfig } from "../config/load.ts";
import { withPlaces } from "../config/placed-issues.ts";
import { prepareGeneration, type Generation } from "../generation/generation.ts";
import { PrepareError } from "../generation/prepare-error.ts";
import { createResourceRegistry } from "../generation/resources.ts";
import { createLog } from "../log.ts";
import { findConfig } from "./config-file.ts";
import { createEngine } from "./engine.ts";
import { toExplainInput } from "./explain-input.ts";
import { formatExplanation } from "./explain-tree.ts";
import { printConfigFailure } from "./json-failure.ts";
import { createPaint, type ExitCode, type Terminal } from "./terminal.ts";

export interface ExplainFlags {
  readonly method: string;
  readonly url: string;
  readonly header: readonly string[];
  readonly client: string;
  readonly status?: string;
  readonly response?: readonly string[];
  readonly config?: string;
  readonly json?: boolean;
}

/** Sets up a generation as `start` would, listens nowhere, and takes one made-up request down its path. */
export async function runExplain(
  terminal: Terminal,
  cwd: string,
  flags: ExplainFlags,
): Promise<ExitCode> {
  const file = findConfig(cwd, flags.config);
  // Standard output is the result's.
  const log = createLog({ level: "warn", destination: 2 });
  const engine = createEngine(file, "explain", log);
  try {
    const result = await engine.source.load();
    if (result.kind === "unchanged") throw new Error("the first load found nothing to load");
    if (result.kind === "failed") {
      printConfigFailure(terminal, cwd, result.report, flags);
      return 2;
    }
    const { loaded } = result;
    const input = toExplainInput(flags, originOf(loaded));
    const resources = createResourceRegistry(log);
    let generation: Generation;
    try {
      generation = await prepareGeneration({ ...engine, loaded, resources, log });
    } catch (error) {
      if (!(error instanceof PrepareError)) throw error;
      const issues = withPlaces(error.issues, file);
      printConfigFailure(terminal, cwd, { stage: "prepare", file, issues }, flags);
      return 2;
    }
    try {
      const explanation = await generation.pipeline.explain(input);
      terminal.out(
        flags.json === true
          ? JSON.stringify(explanation, null, 2)
          : formatExplanation(explanation, createPaint(terminal.outColor)),
      );
      return 0;
    } finally {
      await generation.end();
    }
  } finally {
    await engine.source.close();
    log.close();
  }
}

/** Where a path alone would be asked for. */
function originOf({ config }: LoadedConfig): string {
  const first = config.listen[0];
  if (first === undefined) return "http://127.0.0.1:8080";
  const host = first.host.includes(":") ? `[${first.host}]` : first.host;
  return `http://${host}:${first.port === 0 ? 8080 : first.port}`;
}
