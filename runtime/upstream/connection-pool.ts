// Over 400 lines: scheduling is one state machine over targets, connections and the queue; parts of it make no sense alone.
/**
 * Which request gets which connection, over all targets of an upstream: a strict cap, a lower one for each target that
 * has one, the connection used last first (so that surplus ones grow old and close), a bounded queue in order of arrival.
 *
 * At the cap a request takes an idle connection of whatever target rather than close one to open another: the balancer
 * says where connections are opened, load decides the rest. A balancer whose choice is binding (a session, a hash) gets
 * its target all the same: the connection that was idle longest gives way.
 *
 * With the PROXY protocol a connection belongs to the client that its header names: a request only gets one with the
 * header that it would write itself. There, too, the connection that was idle longest gives way at the cap.
 *
 * More than 300 lines: taking, keeping and giving back change the same counts, and apart nobody could check that they
 * add up.
 */
import type { DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { ProxyHeaderVersion } from "../http/proxy-protocol.ts";
import type { BalanceRequest } from "./balance/balancer.ts";
import { Connection } from "./connection.ts";
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
import type { UpstreamStats } from "./upstream.ts";

export interface PoolLimits extends QueueLimits {
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  /** A connection that is older takes no more requests. Default: none is too old. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** Requests that a connection serves in its life. Default: any number. */
  readonly maxRequestsPerConnection?: number | undefined;
}

export interface PoolOptions extends PoolLimits {
  readonly name: string;
  readonly targets: TargetSet;
  readonly wheel: DeadlineWheel;
  /** Default: one of its own. */
  readonly budget?: ConnectionBudget | undefined;
  readonly tls?: UpstreamTls | undefined;
  /** In place of the network. */
  readonly open?: OpenConnection | undefined;
  /** Tell the targets by a PROXY header whose connection it is. */
  readonly proxyProtocol?: ProxyHeaderVersion | undefined;
  /** A receiver threw on its last call: nobody is left to be told. */
  readonly onFault?: (error: unknown) => void;
}

/** A request, as the pool sees it. */
export interface PooledCall extends QueuedCall {
  readonly request: BalanceRequest;
  readonly connectTimeoutMs: number;
  /** The PROXY header of the connection that it needs; empty for none. */
  readonly preface: string;
  /** Targets that have failed it. */
  avoided: Set<TargetMember> | undefined;
  /** Sends the request on this connection. */
  start(connection: Connection): void;
}

/** Waiting requests that are looked at, when the first one's target is full and the choice is binding. */
const MAX_LOOK_AHEAD = 64;

export class ConnectionPool implements MemberConnections, BudgetHolder {
  readonly targets: TargetSet;
  readonly #socketTerms: SocketTerms;
  readonly #options: PoolOptions;
  #limits: PoolLimits;
  readonly #budget: ConnectionBudget;
  readonly #leaveBudget: () => void;
  readonly #queue: RequestQueue<PooledCall>;
  /** Used last at the end. Only members with an idle connection are here. */
  readonly #idleOf = new Map<TargetMember, Connection[]>();
  #open = 0;
  #idle = 0;
  #closing: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#limits = options;
    this.targets = options.targets;
    this.#budget = options.budget ?? new LocalBudget(options.maxConnections);
    this.#leaveBudget = this.#budget.join(this);
    this.#queue = new RequestQueue(options.name, options, options.wheel, () => this.#settleClose());
    this.#socketTerms = { tls: options.tls, lookup: options.targets.lookup, open: options.open };
    this.targets.attach(this);
  }

  stats(): UpstreamStats {
    return {
      open: this.#open,
      idle: this.#idle,
      active: this.#open - this.#idle,
      queued: this.#queue.size,
    };
  }

  /** Limits for what comes from now on; living connections keep their idle time. Surplus ones close as they fall idle. */
  adjust(limits: PoolLimits): void {
    this.#limits = limits;
    this.#queue.limits = limits;
    this.#budget.setLimit(limits.maxConnections);
    while (this.#budget.overdrawn && this.yieldIdle());
    this.#pump();
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#closing = { promise, resolve };
      this.targets.close();
      for (const member of this.#idleOf.keys()) this.closeIdle(member);
      this.#settleClose();
    }
    return this.#closing.promise;
  }

  dispatch(call: PooledCall): void {
    if (this.#closing !== null) {
      const message = `upstream ${this.#options.name} is closed`;
      call.failLater(new ProxyError("PROXY_UPSTREAM_CLOSED", { message }));
      return;
    }
    // Those that wait for a target of their own do not hold up the requests for others.
    const isNext = this.#queue.size === 0 || this.targets.isBinding;
    if (isNext && this.#start(call)) return;
    this.#queue.enter(call);
  }

  // --- for the target set and the budget ---

  hasIdle(member: TargetMember): boolean {
    return this.#idleOf.has(member);
  }

  closeIdle(member: TargetMember): void {
    const idle = this.#idleOf.get(member);
    if (idle === undefined) return;
    for (const connection of [...idle]) this.#close(connection);
  }

  takePlace(member: TargetMember): boolean {
    if (this.#closing !== null) return false;
    const has = member.hasRoom && this.#budget.tryTake(this);
    if (!has && !(this.#giveWay(member) && this.#budget.tryTake(this))) return false;
    member.open += 1;
    return true;
  }

  givePlace(member: TargetMember): void {
    member.open -= 1;
    this.targets.settle(member);
    this.#budget.give();
    this.#pump();
  }

  onChoiceChanged(): void {
    this.#pump();
  }

  onRoom(): void {
    this.#pump();
  }

  /** Of the target that has most of them, the one that was idle longest. */
  yieldIdle(): boolean {
    let most: Connection[] | undefined;
    for (const idle of this.#idleOf.values()) {
      if (most === undefined || idle.length > most.length) most = idle;
    }
    const oldest = most?.[0];
    if (oldest === undefined) return false;
    this.#discard(oldest);
    oldest.destroy();
    return true;
  }

  // --- for calls ---

  /** The call is given up while it waits, or between two attempts. */
  forget(call: PooledCall): void {
    if (this.#queue.leave(call)) this.#settleClose();
  }

  /** The connection is no more, or is about to be. */
  drop(connection: Connection): void {
    if (!this.#discard(connection)) return;
    this.#pump();
    this.#settleClose();
  }

  /** undici would not take the request. */
  unused(connection: Connection): void {
    if (connection.usable) this.#onReleased(connection, true);
    else this.drop(connection);
  }

  /** Another connection to the same target in place of one that has died, ahead of the queue. */
  replace(connection: Connection, call: PooledCall): void {
    const { member } = connection;
    // Its place goes on to the new one: others who draw on the budget do not come between.
    const keepsPlace = this.#discard(connection, true);
    if (keepsPlace || this.#budget.tryTake(this)) call.start(this.#connect(member, call));
    else this.#queue.enterFirst([call]);
  }

  /** Another target for a request that could not be sent. False if there is none. */
  startElsewhere(connection: Connection, call: PooledCall): boolean {
    const failed = connection.member;
    const avoided = (call.avoided ??= new Set());
    avoided.add(failed);
    const member = this.targets.pick(call.request, avoided);
    if (member === undefined || avoided.has(member)) return false;
    this.#discard(connection);
    if (!this.#start(call, member)) this.#queue.enterFirst([call]);
    return true;
  }

  reportFault(error: unknown): void {
    this.#options.onFault?.(error);
  }

  // --- scheduling ---

  /** False if it has to wait. */
  #start(call: PooledCall, chosen?: TargetMember): boolean {
    let passed: Set<TargetMember> | undefined = call.avoided;
    let member = chosen ?? this.targets.pick(call.request, passed);
    for (;;) {
      if (member === undefined) return this.#refuse(call);
      const connection = this.#takeFor(member, call);
      if (connection !== undefined) {
        this.#hand(connection, call);
        return true;
      }
      // What failed was the cap over all targets, or this target is the only one that will do.
      if (member.hasRoom || this.targets.isBinding) return false;
      passed = new Set(passed).add(member);
      member = this.targets.pick(call.request, passed);
      if (member === undefined || passed.has(member)) return false;
    }
  }

  /** Out of the queue first: what happens within `start` must not find it there again. */
  #hand(connection: Connection, call: PooledCall): void {
    this.#queue.leave(call);
    call.start(connection);
  }

  #takeFor(member: TargetMember, call: PooledCall): Connection | undefined {
    const idle = this.#takeIdle(member, call);
    if (idle !== undefined) return idle;
    if (member.hasRoom && this.#budget.tryTake(this)) return this.#connect(member, call);
    if (this.#idle === 0) return undefined;
    if (!this.targets.isBinding) {
      const other = this.#takeAnyIdle(call);
      if (other !== undefined) return other;
    }
    if (!this.#giveWay(member)) return undefined;
    return this.#budget.tryTake(this) ? this.#connect(member, call) : undefined;
  }

  /** There is no target that may be used. */
  #refuse(call: PooledCall): boolean {
    const error = refusal(this.targets);
    if (error === undefined) return false;
    this.#queue.leave(call);
    call.failLater(error);
    return true;
  }

  #pump(): void {
    if (this.#queue.size === 0) return;
    this.#queue.offer(this.#offered, this.targets.isBinding ? MAX_LOOK_AHEAD : 1);
  }

  /** Its place is taken. */
  #connect(member: TargetMember, call: PooledCall): Connection {
    this.#open += 1;
    member.open += 1;
    return new Connection({
      member,
      wheel: this.#options.wheel,
      now: this.#now,
      idleTimeoutMs: this.#limits.idleTimeoutMs,
      connectTimeoutMs: call.connectTimeoutMs,
      socketTerms: this.#socketTerms,
      preface: call.preface,
      onClosed: this.#onClosed,
      onReleased: this.#onReleased,
    });
  }

  #takeIdle(member: TargetMember, call: PooledCall): Connection | undefined {
    const idle = this.#idleOf.get(member);
    if (idle === undefined) return undefined;
    for (let at = idle.length - 1; at >= 0; at--) {
      const connection = idle[at] as Connection;
      if (connection.preface !== call.preface) continue;
      this.#takeOut(idle, at, connection);
      connection.state = "active";
      // Being closed at this moment: it reports by itself.
      if (!connection.usable) continue;
      if (!this.#isSpent(connection)) return connection;
      this.#discard(connection);
      connection.destroy();
    }
    return undefined;
  }

  #takeAnyIdle(call: PooledCall): Connection | undefined {
    for (const member of this.#idleOf.keys()) {
      if (!this.#mayTakeOver(member, call)) continue;
      const connection = this.#takeIdle(member, call);
      if (connection !== undefined) return connection;
    }
    return undefined;
  }

  /** A target that nobody chose for this request, but that has a connection for it. */
  #mayTakeOver(member: TargetMember, call: PooledCall): boolean {
    return member.usable && member.state !== "half-open" && call.avoided?.has(member) !== true;
  }

  /** Closes an idle connection for a new one to this target. False if none is idle or that would not help. */
  #giveWay(member: TargetMember): boolean {
    if (this.#budget.overdrawn) return false;
    if (member.hasRoom) return this.yieldIdle();
    // At the target's own cap only its own count: those of other clients (PROXY protocol).
    const oldest = this.#idleOf.get(member)?.[0];
    if (oldest === undefined) return false;
    this.#discard(oldest);
    oldest.destroy();
    return member.hasRoom;
  }

  readonly #offered = (call: PooledCall): boolean => this.#start(call);

  readonly #now = (): number => this.targets.now();

  readonly #onReleased = (connection: Connection, usable: boolean): void => {
    // A dying connection's slot is free when its socket is closed.
    if (connection.state !== "active" || connection.call !== null || !usable) return;
    const { member } = connection;
    if (this.#isSpent(connection) || this.#budget.overdrawn) {
      this.#close(connection);
      return;
    }
    const next = this.#queue.first;
    if (next === undefined && this.#closing !== null) {
      this.#close(connection);
    } else if (next === undefined) {
      this.#rest(connection);
    } else if (next.preface !== connection.preface) {
      // Another client's: its place is for whoever has waited longest.
      this.#close(connection);
    } else if (!this.targets.isBinding && this.#mayTakeOver(member, next)) {
      this.#hand(connection, next);
    } else {
      this.#rest(connection);
      this.#pump();
    }
  };

  readonly #onClosed = (connection: Connection): void => {
    this.drop(connection);
  };

  /** It takes no more requests, whoever waits. */
  #isSpent(connection: Connection): boolean {
    const { member } = connection;
    const { maxConnectionAgeMs, maxRequestsPerConnection } = this.#limits;
    return (
      member.left ||
      member.epoch !== connection.epoch ||
      member.open > (member.target.maxConnections ?? Number.POSITIVE_INFINITY) ||
      (maxRequestsPerConnection !== undefined && connection.served >= maxRequestsPerConnection) ||
      (maxConnectionAgeMs !== undefined && this.#now() - connection.openedAt >= maxConnectionAgeMs)
    );
  }

  #rest(connection: Connection): void {
    const { member } = connection;
    connection.state = "idle";
    const idle = this.#idleOf.get(member);
    if (idle === undefined) this.#idleOf.set(member, [connection]);
    else idle.push(connection);
    member.idle += 1;
    this.#idle += 1;
  }

  #takeOut(idle: Connection[], at: number, connection: Connection): void {
    const { member } = connection;
    if (at === idle.length - 1) idle.pop();
    else idle.splice(at, 1);
    if (idle.length === 0) this.#idleOf.delete(member);
    member.idle -= 1;
    this.#idle -= 1;
  }

  #close(connection: Connection): void {
    this.drop(connection);
    connection.destroy();
  }

  /** No longer counted; with `keepsPlace` its place stays taken. False if it was not counted. */
  #discard(connection: Connection, keepsPlace = false): boolean {
    if (connection.state === "gone") return false;
    const { member } = connection;
    if (connection.state === "idle") {
      const idle = this.#idleOf.get(member) as Connection[];
      // The oldest are first, and the oldest close first.
      this.#takeOut(idle, idle.indexOf(connection), connection);
    }
    connection.state = "gone";
    this.#open -= 1;
    member.open -= 1;
    this.targets.settle(member);
    if (!keepsPlace) this.#budget.give();
    return true;
  }

  #settleClose(): void {
    if (this.#closing === null || this.#open > 0 || this.#queue.size > 0) return;
    this.#leaveBudget();
    this.#closing.resolve();
  }
}
