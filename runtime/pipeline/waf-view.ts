import type { WafMatch, WafView } from "@gatewright/sdk";

import type { Flow } from "./flow.ts";
import { receiveContent } from "./request-content.ts";
import { inspectOnce, reasonOf, refusal } from "./waf.ts";

/** `ctx.waf` of one request. */
export class RequestWafView implements WafView {
  readonly #flow: Flow;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  get mode(): "off" | "flag" | "block" {
    return this.#flow.wafUse?.plan.mode ?? "off";
  }

  get matches(): readonly WafMatch[] {
    return [...(this.#flow.wafUse?.matches ?? [])];
  }

  get points(): number {
    return this.matches.reduce((sum, { points }) => sum + points, 0);
  }

  async inspect(): Promise<readonly WafMatch[]> {
    const flow = this.#flow;
    const use = flow.wafUse;
    if (use === undefined) return [];
    // A hook's own content, and what has been sent on, is not looked at.
    if (flow.stage === "request" && flow.content !== undefined && !flow.contentReplaced) {
      await receiveContent(flow);
      await inspectOnce(flow, use);
    }
    if (use.isRefused) {
      flow.blockReason = reasonOf(use.matches);
      throw refusal(use);
    }
    return this.matches;
  }
}
