import type { BalanceRequest } from "../upstream/balance/balancer.ts";
import type { Flow } from "./flow.ts";
import type { SplitPlan, UpstreamChoice, UpstreamPlan } from "./parts.ts";
import { traceStep } from "./trace.ts";

/** Where a name leads this request. A split decides anew at each call, but the same for the same client. */
export function planFor(flow: Flow, choice: UpstreamChoice): UpstreamPlan {
  if (!isSplit(choice)) return choice;
  const plan = choice.choose(new SplitRequest(flow));
  if (flow.trace !== null) traceStep(flow, "split", `${choice.name} leads to ${plan.name}`, []);
  return plan;
}

function isSplit(choice: UpstreamChoice): choice is SplitPlan {
  return "choose" in choice;
}

/** Before fields are made for the upstream: they are only made if the split looks at them. */
class SplitRequest implements BalanceRequest {
  readonly facades: Flow;

  constructor(flow: Flow) {
    this.facades = flow;
  }

  get method(): string {
    return this.facades.method;
  }

  get path(): string {
    return this.facades.exchange.target;
  }

  get fields(): BalanceRequest["fields"] {
    return this.facades.fields;
  }

  get clientAddress(): string {
    return this.facades.clientAddress;
  }

  get scheme(): "http" | "https" {
    return this.facades.scheme;
  }
}
