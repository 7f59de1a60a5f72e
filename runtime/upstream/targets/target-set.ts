// Over 400 lines: members, their board and the choice among them are one state; what could be taken out has been.
/**
 * The living set of an upstream's targets, shared by its pools, its balancer and its health checks: who belongs to it,
 * who may be chosen, and how each one is doing.
 *
 * Who may be chosen: those that are `up` or `half-open`, of the first priority that has enough of them; where too few
 * are (`spillBelow`), the next priority's as well. If none is, or less than `panicThreshold` of all, health is no longer
 * believed and all are used (an open circuit breaker excepted: its whole point is that nothing is sent): a check that
 * fails everywhere says more about the check, and the last good target must not get the load of all.
 */
import { isIP, type LookupFunction } from "node:net";

import type { BalanceRequest, Balancer, BalanceTarget } from "../balance/balancer.ts";
import { RoundRobin } from "../balance/round-robin.ts";
import { systemClock, type Clock } from "../../clock.ts";
import type { HealthRules } from "../health/health-rules.ts";
import type { HealthChange, HealthState, Outcome } from "../health/health.ts";
import type { Target } from "../target.ts";
import { targetAddress, targetKey } from "../target.ts";
import type { TargetStats } from "../upstream.ts";
import type { NameCache } from "./name-cache.ts";
import type { CreateTargetHealth, HealthBoard, TargetHealth } from "./target-health.ts";
import { TargetMember } from "./target-member.ts";

export interface TargetSetRules {
  /** Below this share of healthy targets all are used. Default 0: only when there is none. */
  readonly panicThreshold?: number | undefined;
  /** Below this share of healthy targets in one priority, the next one helps. Default 0.7. */
  readonly spillBelow?: number | undefined;
}

export interface TargetSetOptions extends TargetSetRules {
  readonly name: string;
  readonly targets: readonly Target[];
  /** Default: in turn, by weight. */
  readonly balancer?: Balancer | undefined;
  /** Absent: all are up. */
  readonly createHealth?: CreateTargetHealth | undefined;
  readonly clock?: Clock | undefined;
  /** The targets are still being looked up: requests wait for them. */
  readonly pending?: boolean | undefined;
  /** Knows the addresses of names. Absent: the system is asked for each connection. */
  readonly names?: NameCache | undefined;
  /** A connection could not be made: whoever keeps the list may look again. */
  readonly onUnreachable?: (() => void) | undefined;
  /** Told once of each change. */
  readonly onHealthChange?: ((change: HealthChange) => void) | undefined;
  readonly onMembersChange?: ((change: MembersChange) => void) | undefined;
}

export interface MembersChange {
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** Who has connections to the members: the pool. */
export interface MemberConnections {
  hasIdle(member: TargetMember): boolean;
  closeIdle(member: TargetMember): void;
  /** A place for one connection that is not the pool's. */
  takePlace(member: TargetMember): boolean;
  givePlace(member: TargetMember): void;
  /** Other targets can be chosen than before: whoever waits may go on. */
  onChoiceChanged(): void;
}

const DEFAULT_SPILL_BELOW = 0.7;
/** Of each new head's time in the average. */
const LATENCY_GAIN = 0.2;
const MAX_ERROR_TEXT = 300;

export class TargetSet implements HealthBoard {
  readonly name: string;
  readonly #options: TargetSetOptions;
  readonly #clock: Clock;
  readonly #health: TargetHealth | undefined;
  #rules: TargetSetRules;
  #balancer: Balancer;
  #members: TargetMember[] = [];
  readonly #byKey = new Map<string, TargetMember>();
  /** Left, with connections open or requests under way. */
  readonly #draining = new Set<TargetMember>();
  #connections: MemberConnections | undefined;
  /** The balancer does not know yet. */
  #stale = true;
  #usable: readonly TargetMember[] = [];
  #pending: boolean;
  #unresolved: string | undefined;
  readonly #leaveNames: (() => void) | undefined;
  readonly #stateChanges: Partial<Record<HealthState, number>> = {};

  constructor(options: TargetSetOptions) {
    this.name = options.name;
    this.#options = options;
    this.#rules = options;
    this.#clock = options.clock ?? systemClock;
    this.#balancer = options.balancer ?? new RoundRobin();
    this.#pending = options.pending ?? false;
    this.#health = options.createHealth?.(this);
    this.#leaveNames = options.names?.onMoved((name) => this.#nameMoved(name));
    this.#replace(options.targets);
  }

  get members(): readonly TargetMember[] {
    return this.#members;
  }

  /** The balancer's choice must be kept: another target with a connection to spare will not do. */
  get isBinding(): boolean {
    return this.#balancer.binding === true;
  }

  /** How often one of them came into each state; those that have left count on. */
  get stateChanges(): Readonly<Partial<Record<HealthState, number>>> {
    return this.#stateChanges;
  }

  /** Nobody knows yet who belongs to it. */
  get isPending(): boolean {
    return this.#pending;
  }

  /** Why nobody is known. */
  get unresolved(): string | undefined {
    return this.#unresolved;
  }

  /** The pool says that it is there. */
  attach(connections: MemberConnections): void {
    this.#connections = connections;
  }

  /** For connections. */
  get lookup(): LookupFunction | undefined {
    return this.#options.names?.lookup;
  }

  /** Monotonic, milliseconds. */
  now(): number {
    return this.#clock.monotonic();
  }

  member(key: string): TargetMember | undefined {
    return this.#byKey.get(key);
  }

  /** Those that `onTarget` called by one of these addresses. */
  membersAt(addresses: ReadonlySet<string>): Set<TargetMember> {
    return new Set(this.#members.filter(({ target }) => addresses.has(targetAddress(target))));
  }

  // --- what a request does ---

  /**
   * The target for a request, other than those in `avoid` if there is another at all; `undefined` if there is none that
   * may be used.
   */
  pick(request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): TargetMember | undefined {
    if (this.#stale) this.#refresh();
    const member = this.#balancer.pick(request, avoid) as TargetMember | undefined;
    if (member === undefined) return undefined;
    if (member.state !== "half-open" && avoid === undefined) return member;
    return this.#reconsider(request, member, avoid);
  }

  /** The Set-Cookie that brings the client back to this target. */
  setCookie(request: BalanceRequest, member: TargetMember): string | undefined {
    return this.#balancer.setCookie?.(request, member);
  }

  begun(member: TargetMember): void {
    member.active += 1;
    this.#balancer.begun?.(member);
    this.#health?.begun(member);
  }

  observed(member: TargetMember, outcome: Outcome): void {
    const { headMs } = outcome;
    if (headMs !== undefined) {
      member.latencyMs =
        member.latencyMs === 0
          ? Math.max(headMs, Number.MIN_VALUE)
          : member.latencyMs + (headMs - member.latencyMs) * LATENCY_GAIN;
    }
    if (!member.left) this.#health?.observed(member, outcome);
  }

  ended(member: TargetMember): void {
    member.active -= 1;
    this.#balancer.ended?.(member);
    if (member.left) this.settle(member);
    else this.#health?.ended(member);
  }

  /**
   * No connection could be made to it. True if the same target may be somewhere else by now, so that one more attempt
   * makes sense.
   */
  unreachable(member: TargetMember): boolean {
    this.#options.onUnreachable?.();
    const { hostname, address, socketPath } = member.target;
    if (address !== undefined || socketPath !== undefined || isIP(hostname) !== 0) return false;
    return this.#options.names?.failed(hostname) ?? false;
  }

  /** For the status: what went wrong last. */
  noteError(member: TargetMember, message: string): void {
    member.lastError = { message: message.slice(0, MAX_ERROR_TEXT), at: this.#clock.now() };
  }

  /** A connection of a target that has left may have been its last. */
  settle(member: TargetMember): void {
    if (member.left && member.open === 0 && member.active <= 0) this.#draining.delete(member);
  }

  // --- what changes the set ---

  /** Targets with the key of one that is here keep that object and its connections; those that are missing leave. */
  setMembers(targets: readonly Target[]): void {
    this.#pending = false;
    this.#unresolved = undefined;
    const { joined, left } = this.#replace(targets);
    if (left.length > 0) for (const member of left) this.#connections?.closeIdle(member);
    if (joined.length > 0 || left.length > 0) {
      this.#options.onMembersChange?.({
        joined: joined.map(({ key }) => key),
        left: left.map(({ key }) => key),
      });
    }
    this.#connections?.onChoiceChanged();
  }

  /** They could not be looked up. Those that are known stay; if none is, requests no longer wait for them. */
  setUnresolved(reason: string): void {
    this.#pending = false;
    this.#unresolved = reason;
    this.#connections?.onChoiceChanged();
  }

  setBalancer(balancer: Balancer): void {
    this.#balancer = balancer;
    this.#stale = true;
  }

  setRules(rules: TargetSetRules): void {
    this.#rules = rules;
    this.#stale = true;
  }

  setHealthRules(rules: HealthRules): void {
    this.#health?.setRules(rules);
  }

  /** What is behind the name is something else now: connections from before are not used again. */
  renew(member: TargetMember): void {
    member.epoch += 1;
    this.#connections?.closeIdle(member);
  }

  close(): void {
    this.#leaveNames?.();
    this.#health?.close();
  }

  // --- HealthBoard ---

  setState(member: TargetMember, to: HealthState, reason: string): void {
    const from = member.state;
    if (from === to || member.left) return;
    member.state = to;
    this.#stateChanges[to] = (this.#stateChanges[to] ?? 0) + 1;
    this.#stale = true;
    this.#options.onHealthChange?.({ key: member.key, from, to, reason });
    this.#connections?.onChoiceChanged();
  }

  setShare(member: TargetMember, share: number): void {
    if (member.share === share) return;
    member.share = share;
    member.weight = member.target.weight * share;
    this.#stale = true;
  }

  hasIdle(member: TargetMember): boolean {
    return this.#connections?.hasIdle(member) ?? false;
  }

  closeIdle(member: TargetMember): void {
    this.#connections?.closeIdle(member);
  }

  takePlace(member: TargetMember): boolean {
    return !member.left && this.#connections?.takePlace(member) === true;
  }

  givePlace(member: TargetMember): void {
    this.#connections?.givePlace(member);
  }

  stats(): TargetStats[] {
    return [...this.#members, ...this.#draining].map((member) => ({
      key: member.key,
      state: member.state,
      draining: member.left,
      open: member.open,
      idle: member.idle,
      active: member.active,
      weight: member.weight,
      priority: member.priority,
      latencyMs: Math.round(member.latencyMs * 10) / 10,
      lastError: member.lastError,
    }));
  }

  // --- private ---

  #nameMoved(name: string): void {
    for (const member of this.#members) {
      const { hostname, address } = member.target;
      if (hostname === name && address === undefined) this.renew(member);
    }
  }

  #replace(targets: readonly Target[]): { joined: TargetMember[]; left: TargetMember[] } {
    const wanted = new Map<string, Target>();
    for (const target of targets) {
      const key = targetKey(target);
      const same = wanted.get(key);
      // Written twice, it gets the share of two.
      wanted.set(
        key,
        same === undefined ? target : { ...same, weight: same.weight + target.weight },
      );
    }
    const left = this.#members.filter((member) => !wanted.has(member.key));
    const joined: TargetMember[] = [];
    const members: TargetMember[] = [];
    for (const [key, target] of wanted) {
      let member = this.#byKey.get(key);
      if (member === undefined) {
        member = new TargetMember(target);
        joined.push(member);
      } else {
        member.target = target;
        member.weight = target.weight * member.share;
        member.priority = target.priority ?? 0;
      }
      members.push(member);
    }
    this.#members = members;
    this.#stale = true;
    for (const member of left) {
      this.#byKey.delete(member.key);
      member.left = true;
      this.#draining.add(member);
      this.#health?.removed(member);
      this.settle(member);
    }
    for (const member of joined) this.#byKey.set(member.key, member);
    for (const member of joined) this.#health?.added(member);
    return { joined, left };
  }

  /** Tables are made once for all changes since the last request. */
  #refresh(): void {
    this.#stale = false;
    for (const member of this.#usable) member.usable = false;
    this.#usable = this.#chooseUsable();
    for (const member of this.#usable) member.usable = true;
    this.#balancer.update(this.#usable);
  }

  #chooseUsable(): TargetMember[] {
    const members = this.#members;
    const healthy = members.filter(isHealthy);
    const { panicThreshold = 0, spillBelow = DEFAULT_SPILL_BELOW } = this.#rules;
    if (healthy.length === 0 || healthy.length < members.length * panicThreshold) {
      return members.filter((member) => member.state !== "open");
    }
    const usable: TargetMember[] = [];
    for (const priority of priorities(members)) {
      const level = members.filter((member) => member.priority === priority);
      const up = level.filter(isHealthy);
      usable.push(...up);
      if (up.length > 0 && up.length >= level.length * spillBelow) break;
    }
    return usable;
  }

  /** The balancer's choice has failed this request before, or takes only a few requests to see whether it is well. */
  #reconsider(
    request: BalanceRequest,
    first: TargetMember,
    avoid: ReadonlySet<BalanceTarget> | undefined,
  ): TargetMember | undefined {
    let member: TargetMember | undefined = first;
    const passed = new Set(avoid);
    // All but a few are refused only while all but a few are on trial.
    while (member !== undefined && !passed.has(member)) {
      if (member.state !== "half-open" || this.#health?.admits(member) !== false) return member;
      passed.add(member);
      member = this.#balancer.pick(request, passed) as TargetMember | undefined;
    }
    // Nobody else in its priority: before the same one is tried again, one of the next, then one that is not well.
    const others = this.#members.filter((other) => !passed.has(other) && other.state !== "open");
    others.sort((a, b) => Number(isHealthy(b)) - Number(isHealthy(a)) || a.priority - b.priority);
    const other = others.find(
      (one) => one.state !== "half-open" || this.#health?.admits(one) !== false,
    );
    if (other !== undefined) return other;
    // Only what has failed this request is left.
    return this.#usable.find((one) => one.state !== "half-open");
  }
}

function isHealthy(member: TargetMember): boolean {
  return member.state === "up" || member.state === "half-open";
}

function priorities(members: readonly TargetMember[]): number[] {
  return [...new Set(members.map(({ priority }) => priority))].sort((a, b) => a - b);
}
