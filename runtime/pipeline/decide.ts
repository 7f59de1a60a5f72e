import type { RequestDecision } from "@gatewright/sdk";

import { ProxyError } from "../errors.ts";
import { toContent, toFields } from "./facade/body-input.ts";
import type { Flow } from "./flow.ts";
import { traceStep } from "./trace.ts";

/** What ends a request. */
export type FinalDecision = Exclude<RequestDecision, { kind: "forward" | "challenge" }> | Response;

/** By shape: a Response may come from another realm or package, and decisions always have a kind. */
export function isResponse<D extends { kind: string }>(
  decision: D | Response,
): decision is Response {
  return !("kind" in decision);
}

/** Carries out a decision that ends the request: an answer, a refusal, or no answer at all. */
export function settleDecision(flow: Flow, decision: FinalDecision, owner: string): void {
  if (flow.trace !== null) {
    const kind = isResponse(decision) ? `answers ${decision.status}` : decision.kind;
    traceStep(flow, "decision", `${owner}: ${kind}`, [], "decided");
  }
  if (isResponse(decision)) {
    flow.respondWeb(decision);
    return;
  }
  switch (decision.kind) {
    case "respond": {
      const fields = toFields(decision.headers);
      flow.respond(decision.status, fields, toContent(decision.body, fields), "hook");
      return;
    }
    case "block":
      flow.blockReason = decision.reason;
      flow.fail(
        new ProxyError("PROXY_BLOCKED", {
          message: `${owner} refused the request: ${decision.reason}`,
          ...(decision.status === undefined ? {} : { status: decision.status }),
        }),
      );
      return;
    case "drop":
      flow.outcome = "dropped";
      flow.call?.abort();
      flow.exchange.abort();
      return;
  }
}
