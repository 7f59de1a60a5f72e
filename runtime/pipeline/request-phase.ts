import type { RequestDecision } from "@gatewright/sdk";

import { ProxyError } from "../errors.ts";
import { challengeByHook } from "./challenge.ts";
import { isResponse } from "./decide.ts";
import { toDecision } from "./facade/decision.ts";
import type { Flow } from "./flow.ts";
import { runHooks, type HookPhase } from "./hook-runner.ts";
import type { NamedHook, UpstreamChoice } from "./parts.ts";
import { routeRedirect } from "./route-redirect.ts";
import { traceAnswer, traceNowhere, traceUpstream } from "./explain-choice.ts";
import { traceStep } from "./trace.ts";

const KINDS = ["forward", "respond", "challenge", "block", "drop"] as const;

type RequestHook = NonNullable<Flow["parts"]["hooks"]["request"][number]>["run"];

function accept(flow: Flow, value: unknown, hook: NamedHook<unknown>): boolean {
  const decision = toDecision(value, KINDS, hook.owner) as RequestDecision | Response;
  if (!isResponse(decision) && decision.kind === "forward") {
    chooseUpstream(flow, decision.upstream, hook.owner);
    flow.forwardOptions = decision.options;
    return true;
  }
  if (!isResponse(decision) && decision.kind === "challenge") {
    return challengeByHook(flow, decision.policy, hook.owner, () => hooksAfter(flow, hook));
  }
  flow.settle(decision, hook.owner);
  return false;
}

const REQUEST_PHASE: HookPhase<RequestHook> = {
  name: "onRequest",
  hooks: (chains) => chains.request,
  call: (flow, hook) => hook.run(flow.request, flow.context),
  accept,
  done: afterRequestHooks,
  failed: (flow, error) => flow.fail(error),
};

const UPGRADE_PHASE: HookPhase<RequestHook> = {
  name: "onUpgrade",
  hooks: (chains) => chains.upgrade,
  call: (flow, hook) => hook.run(flow.request, flow.context),
  accept,
  done: goToUpstream,
  failed: (flow, error) => flow.fail(error),
};

/** A client that turned out to need no challenge goes on where it was stopped. */
function hooksAfter(flow: Flow, hook: NamedHook<unknown>): void {
  const phase = flow.upgrading ? UPGRADE_PHASE : REQUEST_PHASE;
  const hooks: readonly NamedHook<unknown>[] = phase.hooks(flow.parts.hooks, flow);
  runHooks(flow, phase, hooks.indexOf(hook) + 1);
}

/** Step 7: every request hook, whatever an earlier one chose; only an answer ends the chain. */
export function runRequestHooks(flow: Flow): void {
  if (flow.parts.hooks.request.length === 0) afterRequestHooks(flow);
  else runHooks(flow, REQUEST_PHASE, 0);
}

function afterRequestHooks(flow: Flow): void {
  const token = flow.exchange.upgrade;
  if (
    token !== undefined &&
    (flow.routePlan?.upgrades.has(token) ?? flow.parts.upgrades.has(token))
  ) {
    flow.upgrading = true;
    if (flow.parts.hooks.upgrade.length > 0) {
      runHooks(flow, UPGRADE_PHASE, 0);
      return;
    }
  }
  goToUpstream(flow);
}

/** A hook's choice, else the route's action, else the only upstream, else 404. */
function goToUpstream(flow: Flow): void {
  const plan = flow.wafUse?.sentTo ?? flow.chosen ?? routeTarget(flow);
  if (plan === undefined) return;
  if (flow.trace !== null) traceUpstream(flow, plan.name);
  flow.forward(plan);
}

function routeTarget(flow: Flow): UpstreamChoice | undefined {
  const action = flow.routePlan?.action;
  switch (action?.kind) {
    case "upstream":
      return flow.parts.upstreams.get(action.upstream);
    case "redirect":
      if (flow.trace !== null) traceAnswer(flow, `redirects with ${action.status}`);
      routeRedirect(flow, action.to, action.status);
      return undefined;
    case "respond":
      if (flow.trace !== null) traceAnswer(flow, `answers ${action.status} itself`);
      flow.respond(action.status, [...action.fields], action.body, "route");
      return undefined;
    case "none":
    case undefined:
      if (flow.parts.onlyUpstream !== undefined) return flow.parts.onlyUpstream;
      if (flow.trace !== null) traceNowhere(flow);
      flow.fail(new ProxyError("PROXY_ROUTE_NOT_FOUND"));
      return undefined;
  }
}

function chooseUpstream(flow: Flow, name: string, owner: string): void {
  const plan = flow.parts.upstreams.get(name);
  if (plan === undefined) {
    throw new ProxyError("PROXY_HOOK_DECISION", {
      message: `${owner} forwards to ${JSON.stringify(name)}, which is no upstream; there are: ${[...flow.parts.upstreams.keys()].join(", ")}`,
    });
  }
  if (flow.trace !== null) {
    const before =
      flow.chosen === undefined ? [] : [`instead of ${flow.chosen.name}, chosen before`];
    traceStep(flow, "onRequest", `${owner} forwards to ${name}`, before);
  }
  flow.chosen = plan;
}
