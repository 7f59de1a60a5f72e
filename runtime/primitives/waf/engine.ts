import { compileRules, type RuleSet } from "./compile.ts";
import type { Exclusion } from "./exclusion.ts";
import { Inspection, type RequestHead, type ResponseBeginning } from "./inspection.ts";
import type { WafRule } from "./rule.ts";
import type { InspectBounds } from "./values.ts";

export interface EngineOptions {
  readonly rules: readonly WafRule[];
  readonly paranoia: 1 | 2 | 3 | 4;
  readonly exclude: readonly Exclusion[];
  readonly bounds: InspectBounds;
}

/** Rules, compiled once for a generation. Detects; what follows from a score is not its business. */
export interface WafEngine {
  /** One for each request: looks at the head at once, at the content when it is there. */
  inspect(head: RequestHead): Inspection;
  /** The answer to a request for this path: its head, and its content as far as it is here. */
  inspectResponse(path: string, response: ResponseBeginning): Inspection;
}

export function createWafEngine(options: EngineOptions): WafEngine {
  const ruleSet: RuleSet = compileRules(options.rules, options.paranoia);
  return {
    inspect(head) {
      const inspection = new Inspection(ruleSet, options.exclude, options.bounds, head.rawPath);
      inspection.inspectHead(head);
      return inspection;
    },
    inspectResponse(path, response) {
      const inspection = new Inspection(ruleSet, options.exclude, options.bounds, path);
      inspection.inspectResponse(response);
      return inspection;
    },
  };
}
