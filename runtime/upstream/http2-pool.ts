// Over 400 lines: scheduling is one state machine over targets, connections and the queue; parts of it make no sense alone.
/**
 * Which request gets which HTTP/2 connection, over all targets of an upstream. Connections are filled in the order they
 * were opened, up to what the upstream and `maxStreams` allow, so that surplus ones fall idle and close; then another
 * one is opened, up to the cap; then requests wait in order of arrival.
 *
 * A connection that the upstream is closing (GOAWAY) takes no requests and does not count against the cap: else one long
 * stream on it could keep a new one from being opened.
 */
import type { DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { BalanceRequest } from "./balance/balancer.ts";
import type { PoolLimits } from "./connection-pool.ts";
import { Http2Connection, type Http2ConnectionOwner, type KeepAlive } from "./http2-connection.ts";
import type { OpenConnection } from "./network.ts";
import type { SocketTerms, UpstreamTls } from "./open-socket.ts";
import {
  LocalBudget,
  type BudgetHolder,
  type ConnectionBudget,
} from "./targets/connection-budget.ts";
import { refusal } from "./targets/refusal.ts";
import { RequestQueue, type QueuedCall } from "./targets/request-queue.ts";
import type { TargetMember } from "./targets/target-member.ts";
import type { MemberConnections, TargetSet } from "./targets/target-set.ts";
import type { UpstreamStats } from "./upstream.ts";

export interface Http2PoolLimits extends PoolLimits {
  /** Most requests at once on one connection. */
  readonly maxStreams: number;
}

export interface Http2PoolOptions extends Http2PoolLimits {
  readonly name: string;
  readonly targets: TargetSet;
  readonly wheel: DeadlineWheel;
  /** Default: one of its own. */
  readonly budget?: ConnectionBudget | undefined;
  readonly tls?: UpstreamTls | undefined;
  /** In place of the network. */
  readonly open?: OpenConnection | undefined;
  readonly keepAlive?: KeepAlive | undefined;
  /** A receiver threw on its last call: nobody is left to be told. */
  readonly onFault?: (error: unknown) => void;
}

/** A request, as the pool sees it. */
export interface Http2PooledCall extends QueuedCall {
  readonly request: BalanceRequest;
  readonly connectTimeoutMs: number;
  /** Targets that have failed it. */
  avoided: Set<TargetMember> | undefined;
  /** Sends the request on this connection. */
  start(connection: Http2Connection): void;
  /** There is no connection; nothing was sent. */
  connectFailed(connection: Http2Connection, error: ProxyError): void;
}

export class Http2Pool implements Http2ConnectionOwner, MemberConnections, BudgetHolder {
  readonly targets: TargetSet;
  readonly #socketTerms: SocketTerms;
  readonly #options: Http2PoolOptions;
  #limits: Http2PoolLimits;
  readonly #budget: ConnectionBudget;
  readonly #leaveBudget: () => void;
  readonly #queue: RequestQueue<Http2PooledCall>;
  /** Oldest first, without those that drain. */
  readonly #connections = new Map<TargetMember, Http2Connection[]>();
  /** Calls for connections that are being made. */
  readonly #waiting = new Map<Http2Connection, Set<Http2PooledCall>>();
  /** Without those that drain. */
  #open = 0;
  readonly #draining = new Set<Http2Connection>();
  #closing: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(options: Http2PoolOptions) {
    this.#options = options;
    this.#limits = options;
    this.targets = options.targets;
    this.#budget = options.budget ?? new LocalBudget(options.maxConnections);
    this.#leaveBudget = this.#budget.join(this);
    this.#queue = new RequestQueue(options.name, options, options.wheel, () => this.#settleClose());
    this.#socketTerms = { tls: options.tls, lookup: options.targets.lookup, open: options.open };
    this.targets.attach(this);
  }

  /** Connections, not streams. */
  stats(): UpstreamStats {
    let idle = 0;
    for (const [member, connections] of this.#connections) {
      member.idle = connections.filter(isIdle).length;
      idle += member.idle;
    }
    const open = this.#open + this.#draining.size;
    return { open, idle, active: open - idle, queued: this.#queue.size };
  }

  /** Limits for what comes from now on. Surplus connections close as they fall idle. */
  adjust(limits: Http2PoolLimits): void {
    this.#limits = limits;
    this.#queue.limits = limits;
    this.#budget.setLimit(limits.maxConnections);
    while (this.#budget.overdrawn && this.yieldIdle());
    this.#pump();
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = Promise.withResolvers<void>();
      this.targets.close();
      while (this.yieldIdle());
      this.#settleClose();
    }
    return this.#closing.promise;
  }

  dispatch(call: Http2PooledCall): void {
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
    return this.#connections.get(member)?.some(isIdle) ?? false;
  }

  closeIdle(member: TargetMember): void {
    for (const connection of [...(this.#connections.get(member) ?? [])]) {
      if (isIdle(connection)) connection.drain();
    }
  }

  takePlace(member: TargetMember): boolean {
    if (this.#closing !== null || !member.hasRoom) return false;
    const has = this.#budget.tryTake(this);
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

  yieldIdle(): boolean {
    for (const connections of this.#connections.values()) {
      const connection = connections.find(isIdle);
      if (connection === undefined) continue;
      connection.drain();
      return true;
    }
    return false;
  }

  // --- for calls ---

  /** The call is given up while it waits. */
  forget(call: Http2PooledCall): void {
    for (const calls of this.#waiting.values()) calls.delete(call);
    this.#queue.leave(call);
    this.#settleClose();
  }

  /** Once more, ahead of those that wait: the upstream did not process it. */
  startAgain(call: Http2PooledCall): void {
    if (!this.#start(call)) this.#queue.enterFirst([call]);
  }

  /** Another target for a request that could not be sent. False if there is none. */
  startElsewhere(connection: Http2Connection, call: Http2PooledCall): boolean {
    const avoided = (call.avoided ??= new Set());
    avoided.add(connection.member);
    const member = this.targets.pick(call.request, avoided);
    if (member === undefined || avoided.has(member)) return false;
    if (!this.#start(call, member)) this.#queue.enterFirst([call]);
    return true;
  }

  reportFault(error: unknown): void {
    this.#options.onFault?.(error);
  }

  // --- for connections ---

  onReady(connection: Http2Connection): void {
    const calls = this.#waiting.get(connection);
    if (calls !== undefined) {
      this.#waiting.delete(connection);
      const left: Http2PooledCall[] = [];
      for (const call of calls) {
        if (this.#roomOf(connection) > 0) call.start(connection);
        else left.push(call);
      }
      if (left.length > 0) this.#queue.enterFirst(left);
    }
    this.#pump();
    // Everybody who waited for it has given up.
    if (connection.streams === 0) this.#rest(connection);
  }

  onFailed(connection: Http2Connection, error: ProxyError): void {
    const calls = this.#waiting.get(connection);
    this.#waiting.delete(connection);
    this.#discard(connection);
    if (calls !== undefined) for (const call of calls) call.connectFailed(connection, error);
    this.#pump();
    this.#settleClose();
  }

  onReleased(connection: Http2Connection): void {
    this.#pump();
    if (connection.streams === 0) this.#rest(connection);
  }

  onDraining(connection: Http2Connection): void {
    if (!this.#discard(connection)) return;
    connection.member.open += 1;
    this.#draining.add(connection);
    this.#pump();
  }

  onClosed(connection: Http2Connection): void {
    if (this.#draining.delete(connection)) {
      connection.member.open -= 1;
      this.targets.settle(connection.member);
    }
    this.#discard(connection);
    this.#pump();
    this.#settleClose();
  }

  onIdle(connection: Http2Connection): void {
    connection.drain();
  }

  // --- scheduling ---

  /** False if it has to wait. */
  #start(call: Http2PooledCall, chosen?: TargetMember): boolean {
    let passed: Set<TargetMember> | undefined = call.avoided;
    let member = chosen ?? this.targets.pick(call.request, passed);
    for (;;) {
      if (member === undefined) {
        const error = refusal(this.targets);
        if (error === undefined) return false;
        this.#queue.leave(call);
        call.failLater(error);
        return true;
      }
      const connection = this.#connectionFor(member, call);
      if (connection !== undefined) {
        this.#queue.leave(call);
        if (connection.state === "connecting") this.#waiting.get(connection)?.add(call);
        else call.start(connection);
        return true;
      }
      // What failed was the cap over all targets, or this target is the only one that will do.
      if (member.hasRoom || this.targets.isBinding) return false;
      passed = new Set(passed).add(member);
      member = this.targets.pick(call.request, passed);
      if (member === undefined || passed.has(member)) return false;
    }
  }

  /** To this target if possible; at the cap, to any that has room. */
  #connectionFor(member: TargetMember, call: Http2PooledCall): Http2Connection | undefined {
    const own = this.#withRoom(member);
    if (own !== undefined) return own;
    if (member.hasRoom && this.#budget.tryTake(this)) return this.#connect(member, call);
    if (!this.targets.isBinding) {
      for (const other of this.#connections.keys()) {
        if (!other.usable || other.state === "half-open" || call.avoided?.has(other)) continue;
        const connection = this.#withRoom(other);
        if (connection !== undefined) return connection;
      }
    }
    if (!member.hasRoom || this.#budget.overdrawn || !this.#giveWay(member)) return undefined;
    return this.#budget.tryTake(this) ? this.#connect(member, call) : undefined;
  }

  /** Closes an idle connection of another target. One whose upstream allows no streams is not idle, it is in use. */
  #giveWay(member: TargetMember): boolean {
    for (const [other, connections] of this.#connections) {
      if (other === member) continue;
      const connection = connections.find((one) => isIdle(one) && this.#roomOf(one) > 0);
      if (connection === undefined) continue;
      connection.drain();
      return true;
    }
    return false;
  }

  #withRoom(member: TargetMember): Http2Connection | undefined {
    const connections = this.#connections.get(member);
    if (connections === undefined) return undefined;
    let spent: Http2Connection | undefined;
    for (const connection of connections) {
      if (connection.state === "open" && this.#isSpent(connection)) spent = connection;
      else if (this.#roomOf(connection) > 0) return connection;
    }
    if (spent === undefined) return undefined;
    // One at a time: it is replaced by the connection that is made now.
    spent.drain();
    return undefined;
  }

  /** It takes no more requests. */
  #isSpent(connection: Http2Connection): boolean {
    const { member } = connection;
    const { maxConnectionAgeMs, maxRequestsPerConnection } = this.#limits;
    return (
      member.left ||
      member.epoch !== connection.epoch ||
      (maxRequestsPerConnection !== undefined && connection.begun >= maxRequestsPerConnection) ||
      (maxConnectionAgeMs !== undefined &&
        this.targets.now() - connection.openedAt >= maxConnectionAgeMs)
    );
  }

  #roomOf(connection: Http2Connection): number {
    const taken = this.#waiting.get(connection)?.size ?? connection.streams;
    return Math.min(this.#limits.maxStreams - taken, connection.peerRoom);
  }

  /** Its place is taken. */
  #connect(member: TargetMember, call: Http2PooledCall): Http2Connection {
    this.#open += 1;
    member.open += 1;
    const connection = new Http2Connection({
      member,
      openedAt: this.targets.now(),
      upstream: this.#options.name,
      wheel: this.#options.wheel,
      connectTimeoutMs: call.connectTimeoutMs,
      socketTerms: this.#socketTerms,
      keepAlive: this.#options.keepAlive,
      owner: this,
    });
    const connections = this.#connections.get(member);
    if (connections === undefined) this.#connections.set(member, [connection]);
    else connections.push(connection);
    this.#waiting.set(connection, new Set());
    return connection;
  }

  #pump(): void {
    const looks = this.targets.isBinding ? MAX_LOOK_AHEAD : 1;
    this.#queue.offer((call) => this.#start(call), looks);
  }

  #rest(connection: Http2Connection): void {
    if (connection.state !== "open") return;
    if (this.#closing !== null || this.#budget.overdrawn || this.#isSpent(connection)) {
      connection.drain();
    } else connection.rest(this.#limits.idleTimeoutMs);
  }

  /** No longer counted. False if it was not. */
  #discard(connection: Http2Connection): boolean {
    const { member } = connection;
    const connections = this.#connections.get(member);
    const at = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || at === -1) return false;
    connections.splice(at, 1);
    if (connections.length === 0) {
      this.#connections.delete(member);
      member.idle = 0;
    }
    this.#open -= 1;
    member.open -= 1;
    this.targets.settle(member);
    this.#budget.give();
    return true;
  }

  #settleClose(): void {
    if (this.#closing === null || this.#queue.size > 0) return;
    if (this.#open > 0 || this.#draining.size > 0) return;
    this.#leaveBudget();
    this.#closing.resolve();
  }
}

/** Waiting requests that are looked at, when the first one's target is full and the choice is binding. */
const MAX_LOOK_AHEAD = 64;

function isIdle(connection: Http2Connection): boolean {
  return connection.state === "open" && connection.streams === 0;
}
