import { NO_IP, parseIp } from "../http/ip-address.ts";
import type { Flow } from "./flow.ts";
import type { IpListPlan } from "./ip-lists.ts";
import { forAll, hashKey, type LimitPlan, type LimitUse } from "./rate-limits.ts";
import { traceStep } from "./trace.ts";

/** What the lists make of a client, for `explain`: those that have it, and which of them counts. */
export function explainLists(flow: Flow, { allow, block }: IpListPlan): void {
  const words = new Uint32Array(4);
  const family = parseIp(flow.clientAddress, words);
  if (family === NO_IP) return;
  const allowing = allow.filter((list) => list.has(family, words));
  const blocking = block.filter(({ list }) => list.has(family, words));
  const details = [
    ...allowing.map(({ name }) => `allowlist ${name}`),
    ...blocking.map(({ list, mode, points }) =>
      mode === "score" || mode === "challenge"
        ? `blocklist ${list.name}: ${mode}, ${points} points`
        : `blocklist ${list.name}: ${mode}`,
    ),
  ];
  const text =
    details.length === 0
      ? `client ${flow.clientAddress} is on none of ${allow.length + block.length} lists`
      : allowing.length > 0
        ? `client ${flow.clientAddress} is on an allowlist, no blocklist counts`
        : `client ${flow.clientAddress} is on ${blocking.length} of ${block.length} blocklists`;
  traceStep(flow, "lists", text, details);
}

/** Which limits count the request and what each has left, without taking from any. */
export function explainLimits(flow: Flow, plan: LimitPlan): void {
  const uses = [...forAll(flow, plan), ...(flow.routePlan?.limits ?? [])];
  if (uses.length === 0) {
    traceStep(flow, "limits", "counted by none");
    return;
  }
  const names = uses.map(({ name }) => name).join(", ");
  const details = uses.map((use) => limitLine(flow, plan, use));
  traceStep(flow, "limits", `counted by ${names}`, details);
}

function limitLine(flow: Flow, plan: LimitPlan, use: LimitUse): string {
  const { name, rule, concurrent } = use;
  const { hash } = plan;
  if (!hashKey(flow, hash, use.key)) return `${name}: does not count this request`;
  const { high, low } = hash;
  const facts: string[] = [];
  if (use.limited) {
    const { counters, terms } = rule;
    counters.peek(high, low, 0, terms, flow.parts.clock.monotonic());
    facts.push(`${counters.remaining} of ${terms.burst} left`);
  }
  if (concurrent !== undefined) {
    facts.push(`${rule.inFlight.count(high, low)} of ${concurrent} under way`);
  }
  return `${name}: ${facts.join(", ")}, then ${use.flags ? "flagged" : ACTIONS[use.action]}`;
}

const ACTIONS: Readonly<Record<LimitUse["action"], string>> = {
  refuse: "429",
  delay: "delayed",
  score: "scored",
  challenge: "challenged",
};
