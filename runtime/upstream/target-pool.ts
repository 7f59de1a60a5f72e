/**
 * What pools of both protocols do alike: a strict cap over all targets of an upstream and a lower one for each target
 * that has one, a bounded queue in order of arrival, another target where the chosen one is full, an orderly end. Which
 * connection a request gets, and when one is surplus, is the protocol's.
 */
import type { DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { BalanceRequest } from "./balance/balancer.ts";
import type { OpenConnection } from "./network.ts";
import type { SocketTerms, UpstreamTls } from "./open-socket.ts";
import {
  LocalBudget,
  type BudgetHolder,
  type ConnectionBudget,
} from "./targets/connection-budget.ts";
import { refusal } from "./targets/refusal.ts";
import { RequestQueue, type QueuedCall, type QueueLimits } from "./targets/request-queue.ts";
import type { TargetMember } from "./targets/target-member.ts";
import type { MemberConnections, TargetSet } from "./targets/target-set.ts";

export interface PoolLimits extends QueueLimits {
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  /** A connection that is older takes no more requests. Default: none is too old. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** Requests that a connection serves in its life. Default: any number. */
  readonly maxRequestsPerConnection?: number | undefined;
}

export interface TargetPoolOptions extends PoolLimits {
  readonly name: string;
  readonly targets: TargetSet;
  readonly wheel: DeadlineWheel;
  /** Default: one of its own. */
  readonly budget?: ConnectionBudget | undefined;
  readonly tls?: UpstreamTls | undefined;
  /** In place of the network. */
  readonly open?: OpenConnection | undefined;
  /** A receiver threw on its last call: nobody is left to be told. */
  readonly onFault?: (error: unknown) => void;
}

/** A request, as a pool sees it. */
export interface TargetPoolCall extends QueuedCall {
  readonly request: BalanceRequest;
  readonly connectTimeoutMs: number;
  /** Targets that have failed it. */
  avoided: Set<TargetMember> | undefined;
}

/** What makes a connection too old for another request. */
interface Wear {
  readonly member: TargetMember;
  readonly epoch: number;
  readonly openedAt: number;
  /** Requests so far. */
  readonly served: number;
}

/** Waiting requests that are looked at, when the first one's target is full and the choice is binding. */
const MAX_LOOK_AHEAD = 64;

export abstract class TargetPool<C extends TargetPoolCall, L extends PoolLimits = PoolLimits>
  implements MemberConnections, BudgetHolder
{
  readonly targets: TargetSet;
  protected limits: L;
  protected readonly budget: ConnectionBudget;
  protected readonly queue: RequestQueue<C>;
  protected readonly wheel: DeadlineWheel;
  protected readonly socketTerms: SocketTerms;
  /** Connections that count against the cap. */
  protected open = 0;
  readonly #name: string;
  readonly #onFault: ((error: unknown) => void) | undefined;
  readonly #leaveBudget: () => void;
  #closing: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(options: TargetPoolOptions & L) {
    const { name, targets, wheel } = options;
    this.#name = name;
    this.#onFault = options.onFault;
    this.limits = options;
    this.targets = targets;
    this.wheel = wheel;
    this.budget = options.budget ?? new LocalBudget(options.maxConnections);
    this.#leaveBudget = this.budget.join(this);
    this.queue = new RequestQueue(name, options, wheel, () => this.settleClose());
    this.socketTerms = { tls: options.tls, lookup: targets.lookup, open: options.open };
    targets.attach(this);
  }

  /** Limits for what comes from now on; living connections keep their idle time. Surplus ones close as they fall idle. */
  adjust(limits: L): void {
    this.limits = limits;
    this.queue.limits = limits;
    this.budget.setLimit(limits.maxConnections);
    while (this.budget.overdrawn && this.yieldIdle());
    this.pump();
  }

  /** Requests that wait or are under way go to their end. */
  close(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = Promise.withResolvers<void>();
      this.targets.close();
      while (this.yieldIdle());
      this.pump();
      this.settleClose();
    }
    return this.#closing.promise;
  }

  dispatch(call: C): void {
    if (this.isClosing) {
      const message = `upstream ${this.#name} is closed`;
      call.failLater(new ProxyError("PROXY_UPSTREAM_CLOSED", { message }));
      return;
    }
    // Those that wait for a target of their own do not hold up the requests for others.
    const isNext = this.queue.size === 0 || this.targets.isBinding;
    if (isNext && this.start(call)) return;
    this.queue.enter(call);
  }

  reportFault(error: unknown): void {
    this.#onFault?.(error);
  }

  // --- for the target set and the budget ---

  abstract hasIdle(member: TargetMember): boolean;

  abstract closeIdle(member: TargetMember): void;

  abstract yieldIdle(): boolean;

  takePlace(member: TargetMember): boolean {
    if (this.isClosing) return false;
    const has = member.hasRoom && this.budget.tryTake(this);
    if (!has && !(this.giveWay(member) && this.budget.tryTake(this))) return false;
    member.open += 1;
    return true;
  }

  givePlace(member: TargetMember): void {
    member.open -= 1;
    this.targets.settle(member);
    this.budget.give();
    this.pump();
  }

  onChoiceChanged(): void {
    this.pump();
  }

  onRoom(): void {
    this.pump();
  }

  // --- for the pool of a protocol ---

  /** Gives the request a connection of this target, or of another where that is better. False if there is none for it. */
  protected abstract serve(member: TargetMember, call: C): boolean;

  /** Closes an idle connection for a new one to this target. False if none is idle or that would not help. */
  protected abstract giveWay(member: TargetMember): boolean;

  protected get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** The last connection is closed. */
  protected get isEmpty(): boolean {
    return this.open === 0;
  }

  /** False if it has to wait. */
  protected start(call: C, chosen?: TargetMember): boolean {
    let passed: Set<TargetMember> | undefined = call.avoided;
    let member = chosen ?? this.targets.pick(call.request, passed);
    for (;;) {
      if (member === undefined) return this.#refuse(call);
      if (this.serve(member, call)) return true;
      // What failed was the cap over all targets, or this target is the only one that will do.
      if (member.hasRoom || this.targets.isBinding) return false;
      passed = new Set(passed).add(member);
      member = this.targets.pick(call.request, passed);
      if (member === undefined || passed.has(member)) return false;
    }
  }

  /** Ahead of those that wait. */
  protected startFirst(call: C, chosen?: TargetMember): void {
    if (!this.start(call, chosen)) this.queue.enterFirst([call]);
  }

  /** Another target for a request that could not be sent to this one. */
  protected pickElsewhere(failed: TargetMember, call: C): TargetMember | undefined {
    const avoided = (call.avoided ??= new Set());
    avoided.add(failed);
    const member = this.targets.pick(call.request, avoided);
    return member === undefined || avoided.has(member) ? undefined : member;
  }

  /** A target that nobody chose for this request, but that has a connection for it. */
  protected mayTakeOver(member: TargetMember, call: C): boolean {
    return member.usable && member.state !== "half-open" && call.avoided?.has(member) !== true;
  }

  protected pump(): void {
    if (this.queue.size === 0) return;
    this.queue.offer(this.#offered, this.targets.isBinding ? MAX_LOOK_AHEAD : 1);
  }

  /** A connection takes no more requests, whoever waits. */
  protected isWornOut({ member, epoch, openedAt, served }: Wear): boolean {
    const { maxConnectionAgeMs, maxRequestsPerConnection } = this.limits;
    return (
      member.left ||
      member.epoch !== epoch ||
      (maxRequestsPerConnection !== undefined && served >= maxRequestsPerConnection) ||
      (maxConnectionAgeMs !== undefined && this.targets.now() - openedAt >= maxConnectionAgeMs)
    );
  }

  /** A connection is made; its place is taken. */
  protected count(member: TargetMember): void {
    this.open += 1;
    member.open += 1;
  }

  /** A connection is closed; with `keepsPlace` its place stays taken, for another one. */
  protected uncount(member: TargetMember, keepsPlace = false): void {
    this.open -= 1;
    member.open -= 1;
    this.targets.settle(member);
    if (!keepsPlace) this.budget.give();
  }

  protected settleClose(): void {
    if (this.#closing === null || this.queue.size > 0 || !this.isEmpty) return;
    this.#leaveBudget();
    this.#closing.resolve();
  }

  // --- inside ---

  readonly #offered = (call: C): boolean => this.start(call);

  /** There is no target that may be used. */
  #refuse(call: C): boolean {
    const error = refusal(this.targets);
    if (error === undefined) return false;
    this.queue.leave(call);
    call.failLater(error);
    return true;
  }
}
