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

/** Rules at work. Detects; what follows from a score is not its business. */
export interface WafEngine {
  /** One for each request: looks at the head at once, at the content when it is there. */
  inspect(head: RequestHead): Inspection;
  /** The answer to a request for this path: its head, and its content as far as it is here. */
  inspectResponse(path: string, response: ResponseBeginning): Inspection;
}

export function createWafEngine({ rules, paranoia, exclude, bounds }: EngineOptions): WafEngine {
  return engineOf(compileRules(rules, paranoia), exclude, bounds);
}

/** Engines may share their rules, and with them what is known of values in which nothing was found. */
export function engineOf(
  ruleSet: RuleSet,
  exclude: readonly Exclusion[],
  bounds: InspectBounds,
): WafEngine {
  return {
    inspect(head) {
      const inspection = new Inspection(ruleSet, exclude, bounds, head.rawPath);
      inspection.inspectHead(head);
      return inspection;
    },
    inspectResponse(path, response) {
      const inspection = new Inspection(ruleSet, exclude, bounds, path);
      inspection.inspectResponse(response);
      return inspection;
    },
  };
}
