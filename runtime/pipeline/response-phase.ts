import type { ResponseDecision } from "@gatewright/sdk";

import { storeResponse } from "./cache/store-response.ts";
import { toDecision } from "./facade/decision.ts";
import type { Flow } from "./flow.ts";
import { runHooks, type HookPhase } from "./hook-runner.ts";
import type { HookChains } from "./parts.ts";

const KINDS = ["respond", "block", "drop"] as const;

const UPSTREAM_RESPONSE_PHASE: HookPhase<HookChains["upstreamResponse"][number]["run"]> = {
  name: "onUpstreamResponse",
  hooks: (chains) => chains.upstreamResponse,
  call: (flow, hook) => hook.run(flow.responseView, flow.context),
  accept(flow, value, hook) {
    toDecision(value, [], hook.owner);
    return true;
  },
  done: afterUpstreamHooks,
  failed: (flow, error) => flow.fail(error),
};

const RESPONSE_PHASE: HookPhase<HookChains["response"][number]["run"]> = {
  name: "onResponse",
  hooks: (chains) => chains.response,
  call: (flow, hook) => hook.run(flow.responseView, flow.context),
  accept(flow, value, hook) {
    const decision = toDecision(value, KINDS, hook.owner) as ResponseDecision | Response;
    // The decision replaces the response: what was on its way is let go.
    flow.dropUpstream(undefined);
    flow.settle(decision, hook.owner);
    return false;
  },
  done: (flow) => flow.send(),
  failed: (flow, error) => flow.fail(error),
};

/** Step 12: what is done here is shared by every client of a stored response. */
export function runUpstreamResponseHooks(flow: Flow): void {
  if (flow.parts.hooks.upstreamResponse.length === 0) afterUpstreamHooks(flow);
  else runHooks(flow, UPSTREAM_RESPONSE_PHASE, 0);
}

function afterUpstreamHooks(flow: Flow): void {
  if (flow.cacheUse === undefined) runResponseHooks(flow);
  else storeResponse(flow, flow.cacheUse);
}

/** Step 13: every response passes here once, error answers too. */
export function runResponseHooks(flow: Flow): void {
  if (flow.responseHooksDone || flow.parts.hooks.response.length === 0) {
    flow.send();
    return;
  }
  // Once they have begun, no answer to their own failure runs them again.
  flow.responseHooksDone = true;
  runHooks(flow, RESPONSE_PHASE, 0);
}
