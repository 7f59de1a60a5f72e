import type { Context, LimitOutcome, ProxyRequest } from "@gatewright/sdk";

import { Deadline } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import { cookieValue } from "../http/cookie.ts";
import { IPV4, maskIp, NO_IP, parseIp } from "../http/ip-address.ts";
import { fieldValue, removeField, type RawFields } from "../http/raw-fields.ts";
import type { KeyHash } from "../primitives/rate-limit/key-hash.ts";
import { limitItem, retryAfterSeconds } from "../primitives/rate-limit/limit-fields.ts";
import type { LimitRule } from "../primitives/rate-limit/limit-rule.ts";
import type { Flow } from "./flow.ts";

type TextPart =
  | { readonly kind: "route" }
  | { readonly kind: "header" | "cookie"; readonly name: string };

type KeyPart =
  | TextPart
  | { readonly kind: "ip"; readonly ipv4: number; readonly ipv6: number }
  | {
      readonly kind: "function";
      readonly run: (request: ProxyRequest, ctx: Context) => string | undefined;
    };

/** One rule as this generation uses it. */
export interface LimitUse {
  readonly name: string;
  readonly rule: LimitRule;
  readonly key: readonly KeyPart[];
  readonly limited: boolean;
  readonly concurrent: number | undefined;
  readonly cost: ((request: ProxyRequest, ctx: Context) => number) | undefined;
  readonly action: "refuse" | "delay" | "score" | "challenge";
  /** Counts, and lets everything pass. */
  readonly flags: boolean;
  readonly points: number;
  readonly fields: boolean;
}

export interface LimitPlan {
  /** Of every request. */
  readonly all: readonly LimitUse[];
  /** For `ctx.limit`: without those that are switched off. */
  readonly byName: ReadonlyMap<string, LimitUse>;
  /** All that the config has. */
  readonly names: ReadonlySet<string>;
  readonly hash: KeyHash;
}

/** What a request's rules leave behind until it is over. */
interface LimitState {
  policies: string;
  limits: string;
  /** Rules and keys to leave: rule, high, low. */
  readonly held: (LimitRule | number)[];
}

const MAX_WAITING = 1000;
const RETRY_IN_FLIGHT_MS = 1000;
const UNCOUNTED: LimitOutcome = Object.freeze({ allowed: true, remaining: 0, retryAfterMs: 0 });
const words = new Uint32Array(4);

/** The refusal with the longest wait, of all rules that a request is counted by. */
interface Verdict {
  waitMs: number;
  refusedBy: LimitUse | undefined;
  delayMs: number;
  delayedBy: LimitRule | undefined;
}

/**
 * Step 4: every rule counts the request, also where another one refuses it: whoever goes on knocking is counted by all.
 * Returns true if the request goes on now; `resume` is called where it has to wait first.
 */
export function passLimits(flow: Flow, plan: LimitPlan, resume: (flow: Flow) => void): boolean {
  const verdict: Verdict = { waitMs: 0, refusedBy: undefined, delayMs: 0, delayedBy: undefined };
  for (const use of forAll(flow, plan)) count(flow, plan, use, verdict);
  for (const use of flow.routePlan?.limits ?? []) count(flow, plan, use, verdict);
  const { refusedBy, delayedBy } = verdict;
  if (refusedBy !== undefined) {
    flow.blockReason = `limit ${refusedBy.name}`;
    flow.fail(
      new ProxyError("PROXY_RATE_LIMITED", {
        message: `the rate limit ${refusedBy.name} is used up`,
        fields: ["Retry-After", retryAfterSeconds(verdict.waitMs)],
      }),
    );
    return false;
  }
  if (delayedBy === undefined || flow.trace !== null) return true;
  delay(flow, delayedBy, verdict.delayMs, resume);
  return false;
}

/** Rules for all requests that count this one. */
export function forAll(flow: Flow, plan: LimitPlan): readonly LimitUse[] {
  return flow.routePlan?.limitsForAll ?? plan.all;
}

/** `ctx.limit`: counts by a rule of any scope, under its own key or the one that is given. */
export function limitByHook(
  flow: Flow,
  name: string,
  key: string | readonly string[] | undefined,
): LimitOutcome {
  const plan = flow.parts.limits as LimitPlan;
  const use = plan.byName.get(name);
  if (use === undefined && plan.names.has(name)) return UNCOUNTED;
  if (use === undefined) {
    throw new ProxyError("PROXY_HOOK_DECISION", {
      message: `ctx.limit names ${JSON.stringify(name)}, which is no rate limit; there are: ${[...plan.names].join(", ")}`,
    });
  }
  const { hash } = plan;
  if (key === undefined) {
    if (!hashKey(flow, hash, use.key)) return UNCOUNTED;
  } else {
    hash.begin();
    for (const part of typeof key === "string" ? [key] : key) hash.text(part);
    hash.end();
  }
  const verdict: Verdict = { waitMs: 0, refusedBy: undefined, delayMs: 0, delayedBy: undefined };
  take(flow, use, hash.high, hash.low, verdict);
  const remaining = use.limited ? use.rule.counters.remaining : 0;
  const retryAfterMs = Math.ceil(Math.max(verdict.waitMs, verdict.delayMs));
  if (retryAfterMs === 0 || !use.flags) {
    return { allowed: retryAfterMs === 0, remaining, retryAfterMs };
  }
  addPoints(flow, use);
  return { allowed: true, remaining, retryAfterMs: 0 };
}

/** Fields for the response, once its own are settled. Those of an upstream speak of its own limits, not of ours. */
export function addLimitFields(state: LimitState, fields: RawFields): void {
  if (state.policies === "") return;
  removeField(fields, "ratelimit-policy");
  removeField(fields, "ratelimit");
  fields.push("RateLimit-Policy", state.policies, "RateLimit", state.limits);
}

/** The request is over. */
export function leaveLimits({ held }: LimitState): void {
  for (let at = 0; at < held.length; at += 3) {
    (held[at] as LimitRule).inFlight.leave(held[at + 1] as number, held[at + 2] as number);
  }
  held.length = 0;
}

export type { LimitState };

function count(flow: Flow, plan: LimitPlan, use: LimitUse, verdict: Verdict): void {
  if (!hashKey(flow, plan.hash, use.key)) return;
  const { high, low } = plan.hash;
  const own: Verdict = { waitMs: 0, refusedBy: undefined, delayMs: 0, delayedBy: undefined };
  take(flow, use, high, low, own);
  if (own.refusedBy === undefined) {
    if (use.flags && own.delayMs > 0) addPoints(flow, use);
    else if (own.delayMs > verdict.delayMs) {
      verdict.delayMs = own.delayMs;
      verdict.delayedBy = use.rule;
    }
    return;
  }
  if (use.flags || use.action === "score" || use.action === "challenge") {
    addPoints(flow, use);
    if (!use.flags && use.action === "challenge") flow.challengedBy ??= `limit ${use.name}`;
  } else if (verdict.refusedBy === undefined || own.waitMs > verdict.waitMs) {
    verdict.refusedBy = use;
    verdict.waitMs = own.waitMs;
  }
}

function addPoints(flow: Flow, { name, points }: LimitUse): void {
  flow.context.score.add(points, `the rate limit ${name} is used up`, `limit:${name}`);
}

function take(flow: Flow, use: LimitUse, high: number, low: number, own: Verdict): void {
  const { rule } = use;
  if (use.limited) {
    const { counters } = rule;
    const cost = costOf(flow, use);
    const now = flow.parts.clock.monotonic();
    // An explanation uses up nobody's allowance.
    const granted =
      flow.trace === null
        ? counters.take(high, low, cost, rule.terms, now)
        : counters.peek(high, low, cost, rule.terms, now);
    // A limit that only flags tells no client to slow down.
    if (use.fields && !use.flags) note(flow, rule);
    if (!granted) {
      own.refusedBy = use;
      own.waitMs = Math.max(1, counters.waitMs);
    } else if (counters.waitMs > 0) {
      if (rule.waiting >= MAX_WAITING) {
        own.refusedBy = use;
        own.waitMs = counters.waitMs;
      } else own.delayMs = counters.waitMs;
    }
  }
  if (use.concurrent === undefined) return;
  if (flow.trace !== null && rule.inFlight.count(high, low) < use.concurrent) return;
  if (rule.inFlight.enter(high, low, use.concurrent)) {
    stateOf(flow).held.push(rule, high, low);
  } else {
    own.refusedBy = use;
    own.waitMs = Math.max(own.waitMs, RETRY_IN_FLIGHT_MS);
  }
}

function costOf(flow: Flow, use: LimitUse): number {
  if (use.cost === undefined) return 1;
  const cost: unknown = use.cost(flow.request, flow.context);
  return typeof cost === "number" && cost >= 0 && cost <= 1e9 ? cost : 1;
}

function note(flow: Flow, rule: LimitRule): void {
  const state = stateOf(flow);
  const item = limitItem(rule.quotedName, rule.counters.remaining, rule.counters.resetMs);
  const isFirst = state.policies === "";
  state.policies = isFirst ? rule.policy : `${state.policies}, ${rule.policy}`;
  state.limits = isFirst ? item : `${state.limits}, ${item}`;
}

function stateOf(flow: Flow): LimitState {
  return (flow.limitState ??= { policies: "", limits: "", held: [] });
}

/** The wheel's deadline is the only thing that a waiting request costs besides itself. */
function delay(flow: Flow, rule: LimitRule, ms: number, resume: (flow: Flow) => void): void {
  const { turn } = flow;
  rule.waiting += 1;
  const deadline = new Deadline(() => {
    rule.waiting -= 1;
    if (flow.turn !== turn) return;
    try {
      resume(flow);
    } catch (error) {
      flow.failInternal(error);
    }
  });
  flow.parts.wheel.arm(deadline, ms);
}

/** False where a function says that the request is not counted. */
export function hashKey(flow: Flow, hash: KeyHash, parts: readonly KeyPart[]): boolean {
  // Functions first: they may ask for limits themselves, and there is one hash.
  let own: string[] | undefined;
  for (const part of parts) {
    if (part.kind !== "function") continue;
    const text: unknown = part.run(flow.request, flow.context);
    if (text === undefined || text === null) return false;
    (own ??= []).push(String(text as string));
  }
  hash.begin();
  let next = 0;
  for (const part of parts) {
    if (part.kind === "ip") hashAddress(hash, flow.clientAddress, part.ipv4, part.ipv6);
    else if (part.kind === "function") hash.text(own?.[next++] ?? "");
    else hash.text(textOf(flow, part));
  }
  hash.end();
  return true;
}

function textOf(flow: Flow, part: TextPart): string {
  const { fields } = flow.exchange;
  if (part.kind === "route") return flow.routePlan?.name ?? "";
  const text =
    part.kind === "header" ? fieldValue(fields, part.name) : cookieValue(fields, part.name);
  return text ?? "";
}

function hashAddress(hash: KeyHash, address: string, ipv4: number, ipv6: number): void {
  const family = parseIp(address, words);
  hash.word(family);
  if (family === NO_IP) {
    hash.text(address);
    return;
  }
  maskIp(words, family, family === IPV4 ? ipv4 : ipv6);
  for (let at = 0; at < (family === IPV4 ? 1 : 4); at++) hash.word(words[at] as number);
}
