import type { RequestDecision, WafMatch } from "@gatewright/sdk";

import { isProxyError, ProxyError } from "../errors.ts";
import type { Inspection } from "../primitives/waf/inspection.ts";
import { challengeByHook } from "./challenge.ts";
import { isResponse } from "./decide.ts";
import { toDecision, unknownUpstream } from "./facade/decision.ts";
import type { Flow } from "./flow.ts";
import { runHooks, type HookPhase } from "./hook-runner.ts";
import { traceStep } from "./trace.ts";
import { inspectContent } from "./waf-content.ts";
import { WafUse, type WafParts, type WafPlan } from "./waf-plan.ts";

const KINDS = ["forward", "respond", "challenge", "block", "drop"] as const;

/** `onMatch` after one of the phases; `next` is where requests go on that are not stopped. */
export type WafPhase = HookPhase<WafPlan["onMatch"][number]["run"]>;

/** Made once for each phase, not for each request. */
export function createWafPhase(next: (flow: Flow) => void): WafPhase {
  const phase: WafPhase = {
    name: "waf.onMatch",
    hooks: (_chains, flow) => (flow.wafUse as WafUse).plan.onMatch,
    call: (flow, hook) =>
      hook.run([...(flow.wafUse as WafUse).matches], flow.request, flow.context),
    accept(flow, value, hook) {
      const use = flow.wafUse as WafUse;
      const decision = toDecision(value, KINDS, hook.owner) as RequestDecision | Response;
      if (!isResponse(decision) && decision.kind === "forward") {
        const { upstreams } = flow.parts;
        const choice = upstreams.get(decision.upstream);
        if (choice === undefined) throw unknownUpstream(decision.upstream, upstreams);
        use.isLet = true;
        use.sentTo = choice;
        flow.forwardOptions = decision.options;
        return true;
      }
      if (!isResponse(decision) && decision.kind === "challenge") {
        const hasClearance = challengeByHook(flow, decision.policy, hook.owner, () => {
          use.isLet = true;
          phase.done(flow);
        });
        use.isLet ||= hasClearance;
        return hasClearance;
      }
      flow.blockReason = reasonOf(use.matches);
      flow.settle(decision, hook.owner);
      return false;
    },
    done(flow) {
      if (passes(flow, flow.wafUse as WafUse)) next(flow);
    },
    failed: (flow, error) => flow.fail(error),
  };
  return phase;
}

/** That of the request's route, or the one for all; `undefined`: nothing is inspected. */
export function wafPlanFor(flow: Flow, parts: WafParts): WafPlan | undefined {
  const own = flow.routePlan?.waf;
  return own === undefined ? parts.global : (own ?? undefined);
}

/** Step 5: rules on the head. Returns true if the request goes on now; else it is over, or goes on by way of the phase. */
export function passWafHead(flow: Flow, parts: WafParts, phase: WafPhase): boolean {
  const plan = wafPlanFor(flow, parts);
  if (plan === undefined) return true;
  const use = inspectHead(flow, plan);
  return use !== undefined && judge(flow, use, phase);
}

/** For a request that is refused anyway, before it has a route: whether it is refused as an attack. */
export function refusedByWaf(flow: Flow, plan: WafPlan): boolean {
  const use = inspectHead(flow, plan);
  return use === undefined || !passes(flow, use);
}

/** `undefined`: a rule of the config's failed, and with it the request. */
function inspectHead(flow: Flow, plan: WafPlan): WafUse | undefined {
  const { exchange, normalizedPath } = flow;
  let use: WafUse;
  try {
    const inspection = plan.engine.inspect({
      method: exchange.method,
      protocol: exchange.protocol,
      rawPath: flow.rawPath,
      rawSearch: flow.rawSearch,
      path: normalizedPath === "" ? undefined : normalizedPath,
      fields: exchange.fields,
    });
    use = new WafUse(plan, inspection);
  } catch (cause) {
    flow.fail(ruleFailed(cause));
    return undefined;
  }
  flow.wafUse = use;
  if (flow.trace === null) plan.counters.inspected += 1;
  takeMatches(flow, use, use.inspection, "head");
  if (flow.trace !== null) traceMatches(flow, use);
  return use;
}

/** Step 8, with the whole content here. As {@link passWafHead}. */
export function passWafContent(flow: Flow, use: WafUse, phase: WafPhase): boolean {
  let pending: Promise<void> | undefined;
  try {
    pending = inspectOnce(flow, use);
  } catch (cause) {
    flow.fail(ruleFailed(cause));
    return false;
  }
  if (pending === undefined) return judge(flow, use, phase);
  flow.stage = "content";
  const { turn } = flow;
  pending.then(
    () => {
      if (flow.turn !== turn || flow.stage !== "content") return;
      try {
        if (judge(flow, use, phase)) phase.done(flow);
      } catch (error) {
        flow.failInternal(error);
      }
    },
    (cause: unknown) => {
      if (flow.turn === turn) flow.fail(ruleFailed(cause));
    },
  );
  return false;
}

/** A hook may have asked for it already. `undefined`: it is done. Throws or rejects where a rule of the config's fails. */
export function inspectOnce(flow: Flow, use: WafUse): Promise<void> | undefined {
  if (use.contentInspection === "done") return undefined;
  if (use.contentInspection !== undefined) return use.contentInspection;
  const pending = inspectContent(flow, use);
  if (pending === undefined) {
    use.contentInspection = "done";
    takeMatches(flow, use, use.inspection, "content");
    return undefined;
  }
  const done = pending.then(() => {
    use.contentInspection = "done";
    if (flow.stage !== "over") takeMatches(flow, use, use.inspection, "content");
  });
  // A hook may not wait for what it asked for.
  done.catch(ignore);
  use.contentInspection = done;
  return done;
}

/** What the inspection has found since the last call becomes what everybody sees, and points. */
export function takeMatches(
  flow: Flow,
  use: WafUse,
  inspection: Inspection,
  phase: WafMatch["phase"],
): void {
  const { matches } = use;
  for (let at = phase === "response" ? 0 : matches.length; at < inspection.matches.length; at++) {
    const { rule, points, place, text } = inspection.matches[at] as (typeof inspection.matches)[0];
    const { id, message, severity = "critical", tags = NO_TAGS } = rule;
    matches.push(Object.freeze({ rule: id, message, severity, tags, points, place, text, phase }));
    if (phase !== "response") use.points += points;
    flow.context.score.add(points, message, `waf:${id}`);
    if (flow.trace === null) use.plan.counters.countRule(id);
  }
}

/** Returns true if the request goes on now. */
function judge(flow: Flow, use: WafUse, phase: WafPhase): boolean {
  if (use.matches.length > use.told && use.plan.onMatch.length > 0) {
    use.told = use.matches.length;
    runHooks(flow, phase, 0);
    return false;
  }
  return passes(flow, use);
}

/** The request is over. */
export function countOutcome(flow: Flow, { plan, matches }: WafUse): void {
  if (flow.trace !== null || matches.length === 0) return;
  plan.counters[flow.error?.code.startsWith("PROXY_WAF_") === true ? "refused" : "flagged"] += 1;
}

/** A rule of the config's author threw. */
export function ruleFailed(cause: unknown): ProxyError {
  if (isProxyError(cause)) return cause;
  return new ProxyError("PROXY_HOOK_FAILED", { cause, message: "a rule of the WAF failed" });
}

export function refusal(use: WafUse): ProxyError {
  const places = use.matches.map(({ rule, place, text }) => `${rule} at ${place}: ${text}`);
  return new ProxyError("PROXY_WAF_BLOCKED", {
    message: `the WAF refused the request (${use.points} points): ${places.join("; ")}`,
  });
}

/** For the log's `reason`. */
export function reasonOf(matches: readonly WafMatch[]): string {
  return `waf ${matches.map(({ rule }) => rule).join(", ")}`;
}

const NO_TAGS: readonly string[] = Object.freeze([]);

function passes(flow: Flow, use: WafUse): boolean {
  if (!use.isRefused) return true;
  flow.blockReason = reasonOf(use.matches);
  flow.fail(refusal(use));
  return false;
}

function traceMatches(flow: Flow, use: WafUse): void {
  const { mode, threshold } = use.plan;
  const { matches, points } = use;
  if (matches.length === 0) {
    traceStep(flow, "waf", `mode ${mode}: no rule matches the head`);
    return;
  }
  const lines = matches.map(
    ({ rule, points: own, place, text, message }) =>
      `${rule} (${own}) at ${place}: ${JSON.stringify(text)} (${message})`,
  );
  traceStep(flow, "waf", `mode ${mode}: ${points} points of ${threshold}`, lines);
}

function ignore(): void {}
