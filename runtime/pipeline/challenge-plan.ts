import type { ChallengeProvider, Context, ProxyRequest } from "@gatewright/sdk";

import { fieldValue } from "../http/raw-fields.ts";
import { bindingOf, type BindingRule } from "../primitives/challenge/binding.ts";
import type { Clearance } from "../primitives/challenge/clearance.ts";
import type { KnownBots } from "../primitives/challenge/known-bots.ts";
import type { Seal } from "../primitives/challenge/seal.ts";
import type { SpentTickets } from "../primitives/challenge/spent-tickets.ts";
import type { Flow } from "./flow.ts";

export interface ChallengePolicy {
  /** A digest of the settings: what was given under others does not count. */
  readonly key: string;
  readonly provider: ChallengeProvider;
  readonly when: ((request: ProxyRequest, ctx: Context) => boolean) | undefined;
  readonly difficulty: (score: number) => number;
  readonly clearanceMs: number;
  readonly timeLimitMs: number;
  readonly noScriptMs: number | undefined;
  readonly bind: BindingRule;
}

export interface ChallengePlan {
  /** Ends with a slash: everything below it is ours. */
  readonly path: string;
  readonly cookie: string;
  readonly policy: ChallengePolicy;
  readonly named: ReadonlyMap<string, ChallengePolicy>;
  /** All of them, those of routes too. */
  readonly byKey: ReadonlyMap<string, ChallengePolicy>;
  readonly tickets: Seal;
  readonly clearance: Clearance;
  readonly spent: SpentTickets;
  readonly bots: KnownBots;
}

/** Whom tickets and clearances of this request belong to. */
export function bindingFor(flow: Flow, policy: ChallengePolicy): string {
  const userAgent = fieldValue(flow.exchange.fields, "user-agent");
  return bindingOf(policy.bind, flow.clientAddress, userAgent, policy.key);
}
