/**
 * Which request gets which HTTP/2 connection, over all targets of an upstream. Connections are filled in the order they
 * were opened, up to what the upstream and `maxStreams` allow, so that surplus ones fall idle and close; then another
 * one is opened, up to the cap; then requests wait in order of arrival.
 *
 * A connection that the upstream is closing (GOAWAY) takes no requests and does not count against the cap: else one long
 * stream on it could keep a new one from being opened.
 */
import { Deadline, type DeadlineWheel } from "../clock.ts";
import type { ErrorCode, ProxyError } from "../errors.ts";
import { Http2Connection, type Http2ConnectionOwner, type KeepAlive } from "./http2-connection.ts";
import type { PoolLimits } from "./connection-pool.ts";
import type { UpstreamTls } from "./open-socket.ts";
import type { Target } from "./target.ts";
import type { UpstreamStats } from "./upstream.ts";
import { WeightedRotation } from "./weighted-rotation.ts";

export interface Http2PoolLimits extends PoolLimits {
  /** Most requests at once on one connection. */
  readonly maxStreams: number;
}

export interface Http2PoolOptions extends Http2PoolLimits {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly wheel: DeadlineWheel;
  readonly tls?: UpstreamTls | undefined;
  readonly keepAlive?: KeepAlive | undefined;
  /** A receiver threw on its last call: nobody is left to be told. */
  readonly onFault?: (error: unknown) => void;
}

/** A request, as the pool sees it. */
export interface Http2PooledCall {
  readonly connectTimeoutMs: number;
  /** The pool's: armed while the call is queued. */
  queueDeadline: Deadline | null;
  /** Sends the request on this connection. */
  start(connection: Http2Connection): void;
  /** There is no connection; nothing was sent. */
  connectFailed(connection: Http2Connection, error: ProxyError): void;
  /** Ends it without one. */
  failWith(code: ErrorCode, message: string): void;
}

interface TargetState {
  readonly target: Target;
  readonly position: number;
  /** Oldest first, without those that drain. */
  readonly connections: Http2Connection[];
}

export class Http2Pool implements Http2ConnectionOwner {
  readonly #options: Http2PoolOptions;
  #limits: Http2PoolLimits;
  readonly #targets: readonly TargetState[];
  readonly #states = new Map<Target, TargetState>();
  readonly #rotation: WeightedRotation;
  #queue = new Set<Http2PooledCall>();
  /** Calls for connections that are being made. */
  readonly #waiting = new Map<Http2Connection, Set<Http2PooledCall>>();
  /** Without those that drain. */
  #open = 0;
  readonly #draining = new Set<Http2Connection>();
  #closing: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(options: Http2PoolOptions) {
    if (options.targets.length === 0) throw new RangeError("an upstream needs a target");
    this.#options = options;
    this.#limits = options;
    this.#targets = options.targets.map((target, position) => ({
      target,
      position,
      connections: [],
    }));
    for (const state of this.#targets) this.#states.set(state.target, state);
    this.#rotation = new WeightedRotation(options.targets.map((target) => target.weight));
  }

  /** Connections, not streams. */
  stats(): UpstreamStats {
    let idle = 0;
    for (const { connections } of this.#targets) {
      for (const one of connections) if (one.state === "open" && one.streams === 0) idle += 1;
    }
    const open = this.#open + this.#draining.size;
    return { open, idle, active: open - idle, queued: this.#queue.size };
  }

  /** Limits for what comes from now on. Surplus connections close as they fall idle. */
  adjust(limits: Http2PoolLimits, weights?: readonly number[]): void {
    this.#limits = limits;
    weights?.forEach((weight, position) => this.#rotation.setWeight(position, weight));
    this.#closeIdle(() => this.#open > limits.maxConnections);
    this.#pump();
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = Promise.withResolvers<void>();
      this.#closeIdle(() => true);
      this.#settleClose();
    }
    return this.#closing.promise;
  }

  dispatch(call: Http2PooledCall): void {
    if (this.#closing !== null) {
      call.failWith("PROXY_UPSTREAM_CLOSED", `upstream ${this.#options.name} is closed`);
      return;
    }
    if (this.#queue.size === 0 && this.#start(call)) return;
    const { maxQueue } = this.#limits;
    if (this.#queue.size >= maxQueue) {
      const message = `${maxQueue} requests wait for ${this.#options.name}`;
      call.failWith("PROXY_UPSTREAM_QUEUE_FULL", message);
      return;
    }
    this.#enqueue(call);
  }

  // --- for calls ---

  /** The call is given up while it waits. */
  forget(call: Http2PooledCall): void {
    for (const calls of this.#waiting.values()) calls.delete(call);
    this.#dequeue(call);
    this.#settleClose();
  }

  /** Once more, ahead of those that wait: the upstream did not process it. */
  startAgain(call: Http2PooledCall): void {
    if (!this.#start(call)) this.#enqueueFirst([call]);
  }

  /** Another target for a request that could not be sent. False if there is none. */
  startElsewhere(connection: Http2Connection, call: Http2PooledCall): boolean {
    if (this.#targets.length < 2) return false;
    const failed = this.#stateOf(connection).position;
    if (!this.#startOn(this.#targets[this.#rotation.next(failed)] as TargetState, call)) {
      this.#enqueueFirst([call]);
    }
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
      if (left.length > 0) this.#enqueueFirst(left);
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
    this.#draining.add(connection);
    this.#pump();
  }

  onClosed(connection: Http2Connection): void {
    this.#draining.delete(connection);
    this.#discard(connection);
    this.#pump();
    this.#settleClose();
  }

  onIdle(connection: Http2Connection): void {
    connection.drain();
  }

  // --- scheduling ---

  #start(call: Http2PooledCall): boolean {
    return this.#startOn(this.#targets[this.#rotation.next()] as TargetState, call);
  }

  /** On this target if possible; at the cap, on any that has room. */
  #startOn(state: TargetState, call: Http2PooledCall): boolean {
    let connection = this.#withRoom(state);
    if (connection === undefined && this.#open < this.#limits.maxConnections) {
      connection = this.#connect(state, call);
    }
    if (connection === undefined) {
      for (const other of this.#targets) {
        connection = this.#withRoom(other);
        if (connection !== undefined) break;
      }
    }
    if (connection === undefined) return false;
    if (connection.state === "connecting") this.#waiting.get(connection)?.add(call);
    else call.start(connection);
    return true;
  }

  #withRoom(state: TargetState): Http2Connection | undefined {
    for (const connection of state.connections) {
      if (this.#roomOf(connection) > 0) return connection;
    }
    return undefined;
  }

  #roomOf(connection: Http2Connection): number {
    const taken = this.#waiting.get(connection)?.size ?? connection.streams;
    return Math.min(this.#limits.maxStreams - taken, connection.peerRoom);
  }

  #connect(state: TargetState, call: Http2PooledCall): Http2Connection {
    this.#open += 1;
    const connection = new Http2Connection({
      target: state.target,
      upstream: this.#options.name,
      wheel: this.#options.wheel,
      connectTimeoutMs: call.connectTimeoutMs,
      tls: this.#options.tls,
      keepAlive: this.#options.keepAlive,
      owner: this,
    });
    state.connections.push(connection);
    this.#waiting.set(connection, new Set());
    return connection;
  }

  #pump(): void {
    while (this.#queue.size > 0) {
      const [call] = this.#queue as unknown as [Http2PooledCall];
      if (!this.#start(call)) return;
      this.#dequeue(call);
    }
  }

  #enqueue(call: Http2PooledCall): void {
    const { queueTimeoutMs } = this.#limits;
    call.queueDeadline = new Deadline(() => {
      if (!this.#queue.delete(call)) return;
      const message = `no connection of ${this.#options.name} had room within ${queueTimeoutMs} ms`;
      call.failWith("PROXY_UPSTREAM_QUEUE_TIMEOUT", message);
      this.#settleClose();
    });
    this.#options.wheel.arm(call.queueDeadline, queueTimeoutMs);
    this.#queue.add(call);
  }

  /** They had their turn before: ahead of all others, and beyond the queue's bound. */
  #enqueueFirst(calls: readonly Http2PooledCall[]): void {
    const rest = this.#queue;
    this.#queue = new Set();
    for (const call of calls) this.#enqueue(call);
    for (const call of rest) this.#queue.add(call);
  }

  #dequeue(call: Http2PooledCall): void {
    if (!this.#queue.delete(call)) return;
    if (call.queueDeadline !== null) this.#options.wheel.disarm(call.queueDeadline);
    call.queueDeadline = null;
  }

  #rest(connection: Http2Connection): void {
    if (connection.state !== "open") return;
    if (this.#closing !== null || this.#open > this.#limits.maxConnections) connection.drain();
    else connection.rest(this.#limits.idleTimeoutMs);
  }

  #closeIdle(surplus: () => boolean): void {
    for (const { connections } of this.#targets) {
      for (const connection of [...connections]) {
        if (surplus() && connection.state === "open" && connection.streams === 0) {
          connection.drain();
        }
      }
    }
  }

  /** No longer counted. False if it was not. */
  #discard(connection: Http2Connection): boolean {
    const { connections } = this.#stateOf(connection);
    const at = connections.indexOf(connection);
    if (at === -1) return false;
    connections.splice(at, 1);
    this.#open -= 1;
    return true;
  }

  #stateOf(connection: Http2Connection): TargetState {
    return this.#states.get(connection.target) as TargetState;
  }

  #settleClose(): void {
    if (this.#closing === null || this.#queue.size > 0) return;
    if (this.#open === 0 && this.#draining.size === 0) this.#closing.resolve();
  }
}
