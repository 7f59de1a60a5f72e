/**
 * Which request gets which HTTP/1.1 connection: the one used last first, so that surplus ones grow old and close.
 *
 * At the cap a request takes an idle connection of whatever target rather than close one to open another: the balancer
 * says where connections are opened, load decides the rest. A balancer whose choice is binding (a session, a hash) gets
 * its target all the same: the connection that was idle longest gives way.
 *
 * With the PROXY protocol a connection belongs to the client that its header names: a request only gets one with the
 * header that it would write itself. There, too, the connection that was idle longest gives way at the cap.
 */
import type { ProxyHeaderVersion } from "../http/proxy-protocol.ts";
import { Connection } from "./connection.ts";
import { TargetPool, type TargetPoolCall, type TargetPoolOptions } from "./target-pool.ts";
import type { TargetMember } from "./targets/target-member.ts";
import type { UpstreamStats } from "./upstream.ts";

export interface PoolOptions extends TargetPoolOptions {
  /** Tell the targets by a PROXY header whose connection it is. */
  readonly proxyProtocol?: ProxyHeaderVersion | undefined;
}

/** A request, as the pool sees it. */
export interface PooledCall extends TargetPoolCall {
  /** The PROXY header of the connection that it needs; empty for none. */
  readonly preface: string;
  /** Sends the request on this connection. */
  start(connection: Connection): void;
}

export class ConnectionPool extends TargetPool<PooledCall> {
  /** Used last at the end. Only members with an idle connection are here. */
  readonly #idleOf = new Map<TargetMember, Connection[]>();
  #idle = 0;

  stats(): UpstreamStats {
    const { open, queue } = this;
    const idle = this.#idle;
    return { open, idle, active: open - idle, queued: queue.size };
  }

  // --- for the target set and the budget ---

  override hasIdle(member: TargetMember): boolean {
    return this.#idleOf.has(member);
  }

  override closeIdle(member: TargetMember): void {
    const idle = this.#idleOf.get(member);
    if (idle === undefined) return;
    for (const connection of [...idle]) this.#close(connection);
  }

  /** Of the target that has most of them, the one that was idle longest. */
  override yieldIdle(): boolean {
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
    if (this.queue.leave(call)) this.settleClose();
  }

  /** The connection is no more, or is about to be. */
  drop(connection: Connection): void {
    if (!this.#discard(connection)) return;
    this.pump();
    this.settleClose();
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
    if (keepsPlace || this.budget.tryTake(this)) call.start(this.#connect(member, call));
    else this.queue.enterFirst([call]);
  }

  /** Another target for a request that could not be sent. False if there is none. */
  startElsewhere(connection: Connection, call: PooledCall): boolean {
    const member = this.pickElsewhere(connection.member, call);
    if (member === undefined) return false;
    this.#discard(connection);
    this.startFirst(call, member);
    return true;
  }

  // --- scheduling ---

  protected override serve(member: TargetMember, call: PooledCall): boolean {
    const connection = this.#takeFor(member, call);
    if (connection === undefined) return false;
    this.#hand(connection, call);
    return true;
  }

  /** Out of the queue first: what happens within `start` must not find it there again. */
  #hand(connection: Connection, call: PooledCall): void {
    this.queue.leave(call);
    call.start(connection);
  }

  #takeFor(member: TargetMember, call: PooledCall): Connection | undefined {
    const idle = this.#takeIdle(member, call);
    if (idle !== undefined) return idle;
    if (member.hasRoom && this.budget.tryTake(this)) return this.#connect(member, call);
    if (this.#idle === 0) return undefined;
    if (!this.targets.isBinding) {
      const other = this.#takeAnyIdle(call);
      if (other !== undefined) return other;
    }
    if (!this.giveWay(member)) return undefined;
    return this.budget.tryTake(this) ? this.#connect(member, call) : undefined;
  }

  /** Its place is taken. */
  #connect(member: TargetMember, call: PooledCall): Connection {
    this.count(member);
    return new Connection({
      member,
      wheel: this.wheel,
      now: this.#now,
      idleTimeoutMs: this.limits.idleTimeoutMs,
      connectTimeoutMs: call.connectTimeoutMs,
      socketTerms: this.socketTerms,
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
      if (!this.mayTakeOver(member, call)) continue;
      const connection = this.#takeIdle(member, call);
      if (connection !== undefined) return connection;
    }
    return undefined;
  }

  protected override giveWay(member: TargetMember): boolean {
    if (this.budget.overdrawn) return false;
    if (member.hasRoom) return this.yieldIdle();
    // At the target's own cap only its own count: those of other clients (PROXY protocol).
    const oldest = this.#idleOf.get(member)?.[0];
    if (oldest === undefined) return false;
    this.#discard(oldest);
    oldest.destroy();
    return member.hasRoom;
  }

  readonly #now = (): number => this.targets.now();

  readonly #onReleased = (connection: Connection, usable: boolean): void => {
    // A dying connection's slot is free when its socket is closed.
    if (connection.state !== "active" || connection.call !== null || !usable) return;
    const { member } = connection;
    if (this.#isSpent(connection) || this.budget.overdrawn) {
      this.#close(connection);
      return;
    }
    const next = this.queue.first;
    if (next === undefined && this.isClosing) {
      this.#close(connection);
    } else if (next === undefined) {
      this.#rest(connection);
    } else if (next.preface !== connection.preface) {
      // Another client's: its place is for whoever has waited longest.
      this.#close(connection);
    } else if (!this.targets.isBinding && this.mayTakeOver(member, next)) {
      this.#hand(connection, next);
    } else {
      this.#rest(connection);
      this.pump();
    }
  };

  readonly #onClosed = (connection: Connection): void => {
    this.drop(connection);
  };

  /** It takes no more requests, whoever waits. */
  #isSpent(connection: Connection): boolean {
    const { member } = connection;
    const cap = member.target.maxConnections ?? Number.POSITIVE_INFINITY;
    return member.open > cap || this.isWornOut(connection);
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
    this.uncount(member, keepsPlace);
    return true;
  }
}
