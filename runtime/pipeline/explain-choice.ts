/** Why a request goes where it goes, for `explain`. */
import type { Flow } from "./flow.ts";
import { traceStep } from "./trace.ts";

export function traceUpstream(flow: Flow, name: string): void {
  traceStep(flow, "upstream", `upstream ${name}`, [reasonFor(flow)], "decided");
}

/** The route itself is the answer. */
export function traceAnswer(flow: Flow, what: string): void {
  traceStep(flow, "answer", `route ${flow.routePlan?.name} ${what}`, noHook(flow), "decided");
}

/** Nothing says where to. */
export function traceNowhere(flow: Flow): void {
  const names = [...flow.parts.upstreams.keys()];
  const details = [
    flow.routePlan === undefined
      ? "no route matches: see above"
      : `route ${flow.routePlan.name} names no upstream`,
    ...noHook(flow),
    names.length === 0
      ? "the config has no upstream"
      : `the config has ${names.length} upstreams (${names.join(", ")}): with one alone it would be that`,
    'a last route for the rest would catch it: { match: { path: "/*" }, upstream: … }',
  ];
  traceStep(flow, "upstream", "none", details);
}

function reasonFor(flow: Flow): string {
  if (flow.wafUse?.sentTo !== undefined) return "chosen by waf.onMatch, before all others";
  if (flow.chosen !== undefined) return "chosen by a hook, before what the route says";
  if (flow.routePlan?.action.kind === "upstream") return `named by route ${flow.routePlan.name}`;
  return flow.routePlan === undefined
    ? "no route matches, and it is the only upstream"
    : `route ${flow.routePlan.name} names none, and it is the only upstream`;
}

function noHook(flow: Flow): string[] {
  return flow.parts.hooks.request.length === 0 ? [] : ["no hook has decided otherwise"];
}
