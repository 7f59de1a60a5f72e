/**
 * Which request gets which HTTP/2 connection. Connections are filled in the order they were opened, up to what the
 * upstream and `maxStreams` allow, so that surplus ones fall idle and close; then another one is opened, up to the cap;
 * then requests wait in order of arrival.
 *
 * A connection that the upstream is closing (GOAWAY) takes no requests and does not count against the cap: else one long
 * stream on it could keep a new one from being opened.
 */
import type { ProxyError } from "../errors.ts";
import { Http2Connection, type Http2ConnectionOwner, type KeepAlive } from "./http2-connection.ts";
import {
  TargetPool,
  type PoolLimits,
  type TargetPoolCall,
  type TargetPoolOptions,
} from "./target-pool.ts";
import type { TargetMember } from "./targets/target-member.ts";
import type { UpstreamStats } from "./upstream.ts";

export interface Http2PoolLimits extends PoolLimits {
  /** Most requests at once on one connection. */
  readonly maxStreams: number;
}

export interface Http2PoolOptions extends TargetPoolOptions, Http2PoolLimits {
  readonly keepAlive?: KeepAlive | undefined;
}

/** A request, as the pool sees it. */
export interface Http2PooledCall extends TargetPoolCall {
  /** Sends the request on this connection. */
  start(connection: Http2Connection): void;
  /** There is no connection; nothing was sent. */
  connectFailed(connection: Http2Connection, error: ProxyError): void;
}

export class Http2Pool
  extends TargetPool<Http2PooledCall, Http2PoolLimits>
  implements Http2ConnectionOwner
{
  readonly #options: Http2PoolOptions;
  /** Oldest first, without those that drain. */
  readonly #connections = new Map<TargetMember, Http2Connection[]>();
  /** Calls for connections that are being made. */
  readonly #waiting = new Map<Http2Connection, Set<Http2PooledCall>>();
  readonly #draining = new Set<Http2Connection>();

  constructor(options: Http2PoolOptions) {
    super(options);
    this.#options = options;
  }

  /** Connections, not streams. */
  stats(): UpstreamStats {
    let idle = 0;
    for (const [member, connections] of this.#connections) {
      member.idle = connections.filter(isIdle).length;
      idle += member.idle;
    }
    const open = this.open + this.#draining.size;
    return { open, idle, active: open - idle, queued: this.queue.size };
  }

  // --- for the target set and the budget ---

  override hasIdle(member: TargetMember): boolean {
    return this.#connections.get(member)?.some(isIdle) ?? false;
  }

  override closeIdle(member: TargetMember): void {
    for (const connection of [...(this.#connections.get(member) ?? [])]) {
      if (isIdle(connection)) connection.drain();
    }
  }

  override yieldIdle(): boolean {
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
    this.queue.leave(call);
    this.settleClose();
  }

  /** Once more: the upstream did not process it. */
  startAgain(call: Http2PooledCall): void {
    this.startFirst(call);
  }

  /** Another target for a request that could not be sent. False if there is none. */
  startElsewhere(connection: Http2Connection, call: Http2PooledCall): boolean {
    const member = this.pickElsewhere(connection.member, call);
    if (member === undefined) return false;
    this.startFirst(call, member);
    return true;
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
      if (left.length > 0) this.queue.enterFirst(left);
    }
    this.pump();
    // Everybody who waited for it has given up.
    if (connection.streams === 0) this.#rest(connection);
  }

  onFailed(connection: Http2Connection, error: ProxyError): void {
    const calls = this.#waiting.get(connection);
    this.#waiting.delete(connection);
    this.#discard(connection);
    if (calls !== undefined) for (const call of calls) call.connectFailed(connection, error);
    this.pump();
    this.settleClose();
  }

  onReleased(connection: Http2Connection): void {
    this.pump();
    if (connection.streams === 0) this.#rest(connection);
  }

  onDraining(connection: Http2Connection): void {
    if (!this.#discard(connection)) return;
    connection.member.open += 1;
    this.#draining.add(connection);
    this.pump();
  }

  onClosed(connection: Http2Connection): void {
    if (this.#draining.delete(connection)) {
      connection.member.open -= 1;
      this.targets.settle(connection.member);
    }
    this.#discard(connection);
    this.pump();
    this.settleClose();
  }

  onIdle(connection: Http2Connection): void {
    connection.drain();
  }

  // --- scheduling ---

  protected override get isEmpty(): boolean {
    return this.open === 0 && this.#draining.size === 0;
  }

  protected override serve(member: TargetMember, call: Http2PooledCall): boolean {
    const connection = this.#connectionFor(member, call);
    if (connection === undefined) return false;
    this.queue.leave(call);
    if (connection.state === "connecting") this.#waiting.get(connection)?.add(call);
    else call.start(connection);
    return true;
  }

  /** To this target if possible; at the cap, to any that has room. */
  #connectionFor(member: TargetMember, call: Http2PooledCall): Http2Connection | undefined {
    const own = this.#withRoom(member);
    if (own !== undefined) return own;
    if (member.hasRoom && this.budget.tryTake(this)) return this.#connect(member, call);
    if (!this.targets.isBinding) {
      for (const other of this.#connections.keys()) {
        if (!this.mayTakeOver(other, call)) continue;
        const connection = this.#withRoom(other);
        if (connection !== undefined) return connection;
      }
    }
    if (!this.giveWay(member)) return undefined;
    return this.budget.tryTake(this) ? this.#connect(member, call) : undefined;
  }

  /** Of another target. A connection whose upstream allows no streams is not idle, it is in use. */
  protected override giveWay(member: TargetMember): boolean {
    if (!member.hasRoom || this.budget.overdrawn) return false;
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
      if (connection.state === "open" && this.isWornOut(connection)) spent = connection;
      else if (this.#roomOf(connection) > 0) return connection;
    }
    if (spent === undefined) return undefined;
    // One at a time: it is replaced by the connection that is made now.
    spent.drain();
    return undefined;
  }

  #roomOf(connection: Http2Connection): number {
    const taken = this.#waiting.get(connection)?.size ?? connection.streams;
    return Math.min(this.limits.maxStreams - taken, connection.peerRoom);
  }

  /** Its place is taken. */
  #connect(member: TargetMember, call: Http2PooledCall): Http2Connection {
    this.count(member);
    const connection = new Http2Connection({
      member,
      openedAt: this.targets.now(),
      upstream: this.#options.name,
      wheel: this.wheel,
      connectTimeoutMs: call.connectTimeoutMs,
      socketTerms: this.socketTerms,
      keepAlive: this.#options.keepAlive,
      owner: this,
    });
    const connections = this.#connections.get(member);
    if (connections === undefined) this.#connections.set(member, [connection]);
    else connections.push(connection);
    this.#waiting.set(connection, new Set());
    return connection;
  }

  #rest(connection: Http2Connection): void {
    if (connection.state !== "open") return;
    if (this.isClosing || this.budget.overdrawn || this.isWornOut(connection)) {
      connection.drain();
    } else connection.rest(this.limits.idleTimeoutMs);
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
    this.uncount(member);
    return true;
  }
}

function isIdle(connection: Http2Connection): boolean {
  return connection.state === "open" && connection.streams === 0;
}
