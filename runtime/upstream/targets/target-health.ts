import type { HealthRules } from "../health/health-rules.ts";
import type { HealthState, Outcome } from "../health/health.ts";
import type { TargetMember } from "./target-member.ts";

/** What judges an upstream's targets. One for each set; it hears of everything and answers through its board. */
export interface TargetHealth {
  /** A target has joined: it is `up`, with its whole weight, until its board says something else. */
  added(member: TargetMember): void;
  /** A target has left: no more checks. It may come back, as another object. */
  removed(member: TargetMember): void;
  /** Whether this target, whose state is `half-open`, may have one more request now. */
  admits(member: TargetMember): boolean;
  /** A request goes to it. Paired with `ended`. */
  begun(member: TargetMember): void;
  /**
   * How the request goes, as soon as that is known: when the head is there, or when there will be none. Once more if it
   * fails after the head (`failed`, without `headMs`).
   */
  observed(member: TargetMember, outcome: Outcome): void;
  /** The request is over: its content too, or its tunnel. Also without `observed`, when the client went away before. */
  ended(member: TargetMember): void;
  /** Other rules from now on; states that they still know stay. */
  setRules(rules: HealthRules): void;
  /** Stops all timers and checks. */
  close(): void;
}

/** What a judge sees and may do. */
export interface HealthBoard {
  /** Name of the upstream. */
  readonly name: string;
  readonly members: readonly TargetMember[];
  /** Tells the log and the balancer; nothing happens if the target is in this state already. */
  setState(member: TargetMember, to: HealthState, reason: string): void;
  /** Slow start: what part of its weight a target gets; above 0, at most 1. */
  setShare(member: TargetMember, share: number): void;
  /** A connection to it waits for use. */
  hasIdle(member: TargetMember): boolean;
  closeIdle(member: TargetMember): void;
  /** A check's connection counts like any other: false if there is no place for it now. Paired with `givePlace`. */
  takePlace(member: TargetMember): boolean;
  givePlace(member: TargetMember): void;
  /** For the status: what went wrong last. */
  noteError(member: TargetMember, message: string): void;
}

export type CreateTargetHealth = (board: HealthBoard) => TargetHealth;
