import type { Context, ProxyRequest, WafMatch } from "@gatewright/sdk";

import type { WafEngine } from "../primitives/waf/engine.ts";
import type { Inspection } from "../primitives/waf/inspection.ts";
import type { NamedHook, UpstreamChoice } from "./parts.ts";

type OnMatch = (matches: readonly WafMatch[], request: ProxyRequest, ctx: Context) => unknown;

/** How requests of a route are inspected. */
export interface WafPlan {
  readonly engine: WafEngine;
  readonly mode: "flag" | "block";
  readonly threshold: number;
  /** Most of a content that is looked at. */
  readonly maxInspectBytes: number;
  /** Absent: answers are not looked at. */
  readonly response: { readonly maxInspectBytes: number; readonly threshold: number } | undefined;
  /** The config's `waf.onMatch`, or nothing. */
  readonly onMatch: readonly NamedHook<OnMatch>[];
  readonly counters: WafCounters;
}

/** There is a WAF, here or at a route. */
export interface WafParts {
  /** Where no route says otherwise. Absent: nothing is inspected there. */
  readonly global: WafPlan | undefined;
}

/** What was found, over all generations. */
export class WafCounters {
  /** Requests. */
  inspected = 0;
  /** Requests with a match that were not refused. */
  flagged = 0;
  refused = 0;
  readonly byRule = new Map<string, number>();

  /** Ids come from configs: many reloads can bring many. */
  countRule(id: string): void {
    const count = this.byRule.get(id);
    if (count !== undefined || this.byRule.size < MAX_COUNTED_RULES) {
      this.byRule.set(id, (count ?? 0) + 1);
    }
  }
}

const MAX_COUNTED_RULES = 1000;

/** What the WAF knows about one request. */
export class WafUse {
  readonly plan: WafPlan;
  readonly inspection: Inspection;
  /** As hooks and logs see them. */
  readonly matches: WafMatch[] = [];
  points = 0;
  /** How many of them `onMatch` has seen. */
  told = 0;
  /** `onMatch` has decided that the request goes on. */
  isLet = false;
  /** Where it goes once its content has passed. */
  choice: UpstreamChoice | undefined = undefined;
  /** Undefined: its content was not looked at. */
  contentInspection: Promise<void> | "done" | undefined = undefined;
  /** Where `onMatch` has sent it: whatever hooks choose, it is not what they think it is. */
  sentTo: UpstreamChoice | undefined = undefined;

  constructor(plan: WafPlan, inspection: Inspection) {
    this.plan = plan;
    this.inspection = inspection;
  }

  get isRefused(): boolean {
    const { mode, threshold } = this.plan;
    if (mode === "flag" || this.isLet) return false;
    return this.points >= threshold || this.matches.some(({ rule }) => NOT_INSPECTED.has(rule));
  }
}

/**
 * What these found was not looked at, or not as the application will read it. A higher threshold is no reason to let it
 * pass: more than one rule might have matched there. Who wants that excludes the rule.
 */
const NOT_INSPECTED: ReadonlySet<string> = new Set([
  "anomaly-charset",
  "anomaly-content-coding",
  "anomaly-content-too-large",
  "anomaly-content-type-repeated",
  "anomaly-multipart-invalid",
  "anomaly-too-long",
  "anomaly-too-many-values",
  "anomaly-value-too-long",
]);
