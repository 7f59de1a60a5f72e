import type {
  ChallengeConfig,
  ChallengePolicyConfig,
  ChallengeProvider,
  KnownBot,
  RemoteChallenge,
} from "@gatewright/sdk";

import { parseDuration } from "../units.ts";

export interface ResolvedChallengePolicy {
  readonly provider: "pow" | RemoteChallenge | ChallengeProvider;
  readonly when: ChallengePolicyConfig["when"];
  readonly difficulty: number | ((score: number) => number);
  readonly clearanceMs: number;
  readonly timeLimitMs: number;
  /** Absent: without JavaScript there is no way through. */
  readonly noScriptMs: number | undefined;
  readonly bind: { readonly ipv4: number; readonly ipv6: number; readonly userAgent: boolean };
}

export interface ResolvedChallenge {
  readonly path: string;
  readonly cookie: string;
  /** Empty: one is generated. */
  readonly secrets: readonly string[];
  readonly policy: ResolvedChallengePolicy;
  readonly policies: readonly (readonly [name: string, policy: ResolvedChallengePolicy])[];
  /** Absent: the large search engines. */
  readonly bots: readonly KnownBot[] | undefined;
}

const POINTS_TO_DOUBLE = 5;
const LOWEST_DIFFICULTY = 2000;
const MOST_DOUBLINGS = 4;

const DEFAULT_POLICY: ResolvedChallengePolicy = {
  provider: "pow",
  when: undefined,
  difficulty: defaultDifficulty,
  clearanceMs: 3_600_000,
  timeLimitMs: 300_000,
  noScriptMs: 5000,
  bind: { ipv4: 32, ipv6: 64, userAgent: true },
};

export function toChallenge(config: ChallengeConfig | undefined): ResolvedChallenge | undefined {
  if (config === undefined) return undefined;
  const policy = toPolicy(config, DEFAULT_POLICY);
  return Object.freeze({
    path: config.path ?? "/.well-known/gatewright/",
    cookie: config.cookie ?? "gatewright-clearance",
    secrets: Object.freeze([...(config.secrets ?? [])]),
    policy,
    policies: Object.freeze(
      Object.entries(config.policies ?? {}).map(
        ([name, own]) => [name, toPolicy(own, { ...policy, when: undefined })] as const,
      ),
    ),
    bots: config.bots === false ? [] : config.bots,
  });
}

/** A route's keys go over those of the whole. */
export function toRouteChallenge(
  own: ChallengePolicyConfig | false | undefined,
  whole: ResolvedChallenge | undefined,
): ResolvedChallengePolicy | false | undefined {
  if (own === undefined || own === false) return own;
  return whole === undefined ? undefined : toPolicy(own, whole.policy);
}

function toPolicy(
  own: ChallengePolicyConfig,
  base: ResolvedChallengePolicy,
): ResolvedChallengePolicy {
  return Object.freeze({
    provider: own.provider ?? base.provider,
    when: own.when?.bind(own) ?? base.when,
    difficulty: own.difficulty ?? base.difficulty,
    clearanceMs: parseDuration(own.clearance) ?? base.clearanceMs,
    timeLimitMs: parseDuration(own.timeLimit) ?? base.timeLimitMs,
    noScriptMs:
      own.noScript === false ? undefined : (parseDuration(own.noScript) ?? base.noScriptMs),
    bind: Object.freeze({ ...base.bind, ...own.bind }),
  });
}

function defaultDifficulty(score: number): number {
  const doublings = Math.min(MOST_DOUBLINGS, Math.max(0, Math.floor(score / POINTS_TO_DOUBLE)));
  return LOWEST_DIFFICULTY * 2 ** doublings;
}
