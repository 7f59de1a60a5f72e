/**
 * Which request gets which connection, over all targets of an upstream: a strict cap, the connection used last first
 * (so that surplus ones grow old and close), a bounded queue in order of arrival.
 *
 * At the cap a request takes an idle connection of whatever target rather than close one to open another: the weights
 * say where connections are opened, load decides the rest.
 *
 * With the PROXY protocol a connection belongs to the client that its header names: a request only gets one with the
 * header that it would write itself. At the cap the connection that was idle longest gives way to a new one.
 */
import { Deadline, type DeadlineWheel } from "../clock.ts";
import type { ErrorCode } from "../errors.ts";
import { Connection } from "./connection.ts";
import type { UpstreamTls } from "./open-socket.ts";
import type { ProxyHeaderVersion } from "../http/proxy-protocol.ts";
import type { Target } from "./target.ts";
import type { UpstreamStats } from "./upstream.ts";
import { WeightedRotation } from "./weighted-rotation.ts";

export interface PoolLimits {
  readonly maxConnections: number;
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

export interface PoolOptions extends PoolLimits {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly wheel: DeadlineWheel;
  readonly tls?: UpstreamTls | undefined;
  /** Tell the targets by a PROXY header whose connection it is. */
  readonly proxyProtocol?: ProxyHeaderVersion | undefined;
  /** A receiver threw on its last call: nobody is left to be told. */
  readonly onFault?: (error: unknown) => void;
}

/** A request, as the pool sees it. */
export interface PooledCall {
  readonly connectTimeoutMs: number;
  /** The PROXY header of the connection that it needs; empty for none. */
  readonly preface: string;
  /** The pool's: armed while the call is queued. */
  queueDeadline: Deadline | null;
  /** Sends the request on this connection. */
  start(connection: Connection): void;
  /** Ends it without one. */
  failWith(code: ErrorCode, message: string): void;
}

interface TargetState {
  readonly target: Target;
  readonly position: number;
  /** Used last at the end. */
  readonly idle: Connection[];
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  #limits: PoolLimits;
  readonly #targets: readonly TargetState[];
  readonly #states = new Map<Target, TargetState>();
  readonly #rotation: WeightedRotation;
  readonly #queue = new Set<PooledCall>();
  #open = 0;
  #idle = 0;
  #closing: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(options: PoolOptions) {
    if (options.targets.length === 0) throw new RangeError("an upstream needs a target");
    this.#options = options;
    this.#limits = options;
    this.#targets = options.targets.map((target, position) => ({ target, position, idle: [] }));
    for (const state of this.#targets) this.#states.set(state.target, state);
    this.#rotation = new WeightedRotation(options.targets.map((target) => target.weight));
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
  adjust(limits: PoolLimits, weights?: readonly number[]): void {
    this.#limits = limits;
    weights?.forEach((weight, position) => this.#rotation.setWeight(position, weight));
    for (const state of this.#targets) {
      while (this.#open > limits.maxConnections && state.idle.length > 0) {
        this.#close(state.idle[0] as Connection);
      }
    }
    this.#pump();
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#closing = { promise, resolve };
      for (const state of this.#targets) {
        for (const connection of [...state.idle]) this.#close(connection);
      }
      this.#settleClose();
    }
    return this.#closing.promise;
  }

  dispatch(call: PooledCall): void {
    if (this.#closing !== null) {
      call.failWith("PROXY_UPSTREAM_CLOSED", `upstream ${this.#options.name} is closed`);
      return;
    }
    if (this.#queue.size === 0 && this.#start(call)) return;
    const { maxQueue, queueTimeoutMs } = this.#limits;
    if (this.#queue.size >= maxQueue) {
      call.failWith(
        "PROXY_UPSTREAM_QUEUE_FULL",
        `${maxQueue} requests wait for ${this.#options.name}`,
      );
      return;
    }
    call.queueDeadline = new Deadline(() => {
      if (!this.#queue.delete(call)) return;
      const message = `no connection of ${this.#options.name} was free within ${queueTimeoutMs} ms`;
      call.failWith("PROXY_UPSTREAM_QUEUE_TIMEOUT", message);
      this.#settleClose();
    });
    this.#options.wheel.arm(call.queueDeadline, queueTimeoutMs);
    this.#queue.add(call);
  }

  // --- for calls ---

  /** The call is given up while it waits, or between two attempts. */
  forget(call: PooledCall): void {
    if (!this.#dequeue(call)) return;
    this.#settleClose();
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
    this.#discard(connection);
    call.start(this.#connect(this.#stateOf(connection), call));
  }

  /** Another target for a request that could not be sent. False if there is none. */
  startElsewhere(connection: Connection, call: PooledCall): boolean {
    if (this.#targets.length < 2) return false;
    this.#discard(connection);
    const failed = this.#stateOf(connection).position;
    const state = this.#targets[this.#rotation.next(failed)] as TargetState;
    call.start(this.#takeIdle(state, call) ?? this.#connect(state, call));
    return true;
  }

  reportFault(error: unknown): void {
    this.#options.onFault?.(error);
  }

  // --- scheduling ---

  #start(call: PooledCall): boolean {
    const full = this.#open >= this.#limits.maxConnections;
    if (full && this.#idle === 0) return false;
    const state = this.#targets[this.#rotation.next()] as TargetState;
    let connection = this.#takeIdle(state, call);
    if (connection === undefined && this.#open < this.#limits.maxConnections) {
      connection = this.#connect(state, call);
    }
    connection ??= this.#takeAnyIdle(call);
    if (connection === undefined && this.#giveWay()) connection = this.#connect(state, call);
    if (connection === undefined) return false;
    call.start(connection);
    return true;
  }

  #pump(): void {
    while (this.#queue.size > 0) {
      const [call] = this.#queue as unknown as [PooledCall];
      if (!this.#start(call)) return;
      this.#dequeue(call);
    }
  }

  #dequeue(call: PooledCall): boolean {
    if (!this.#queue.delete(call)) return false;
    if (call.queueDeadline !== null) this.#options.wheel.disarm(call.queueDeadline);
    call.queueDeadline = null;
    return true;
  }

  #connect(state: TargetState, call: PooledCall): Connection {
    this.#open += 1;
    return new Connection({
      target: state.target,
      wheel: this.#options.wheel,
      idleTimeoutMs: this.#limits.idleTimeoutMs,
      connectTimeoutMs: call.connectTimeoutMs,
      tls: this.#options.tls,
      preface: call.preface,
      onClosed: this.#onClosed,
      onReleased: this.#onReleased,
    });
  }

  #takeIdle(state: TargetState, call: PooledCall): Connection | undefined {
    for (;;) {
      const connection = this.#popIdle(state, call.preface);
      if (connection === undefined) return undefined;
      this.#idle -= 1;
      connection.state = "active";
      // Being closed at this moment: it reports by itself.
      if (connection.usable) return connection;
    }
  }

  #popIdle(state: TargetState, preface: string): Connection | undefined {
    if (preface === "") return state.idle.pop();
    const at = state.idle.findLastIndex((connection) => connection.preface === preface);
    return at === -1 ? undefined : state.idle.splice(at, 1)[0];
  }

  /** Closes the connection that was idle longest, of the target that has most of them. False if none is idle. */
  #giveWay(): boolean {
    const state = this.#targets.reduce((most, one) =>
      one.idle.length > most.idle.length ? one : most,
    );
    const oldest = state.idle[0];
    if (oldest === undefined || this.#open > this.#limits.maxConnections) return false;
    this.#discard(oldest);
    oldest.destroy();
    return true;
  }

  #takeAnyIdle(call: PooledCall): Connection | undefined {
    for (const state of this.#targets) {
      const connection = this.#takeIdle(state, call);
      if (connection !== undefined) return connection;
    }
    return undefined;
  }

  readonly #onReleased = (connection: Connection, usable: boolean): void => {
    // A dying connection's slot is free when its socket is closed.
    if (connection.state !== "active" || connection.call !== null || !usable) return;
    if (this.#open > this.#limits.maxConnections) {
      this.#close(connection);
      return;
    }
    const [next] = this.#queue as unknown as [PooledCall | undefined];
    if (next !== undefined && next.preface !== connection.preface) {
      // Another client's: its place is for whoever has waited longest.
      this.#close(connection);
    } else if (next !== undefined) {
      this.#dequeue(next);
      next.start(connection);
    } else if (this.#closing !== null) {
      this.#close(connection);
    } else {
      connection.state = "idle";
      this.#stateOf(connection).idle.push(connection);
      this.#idle += 1;
    }
  };

  readonly #onClosed = (connection: Connection): void => {
    this.drop(connection);
  };

  #close(connection: Connection): void {
    this.drop(connection);
    connection.destroy();
  }

  /** No longer counted. False if it was not. */
  #discard(connection: Connection): boolean {
    if (connection.state === "gone") return false;
    if (connection.state === "idle") {
      const idle = this.#stateOf(connection).idle;
      // The oldest are first, and the oldest close first.
      idle.splice(idle.indexOf(connection), 1);
      this.#idle -= 1;
    }
    connection.state = "gone";
    this.#open -= 1;
    return true;
  }

  #stateOf(connection: Connection): TargetState {
    return this.#states.get(connection.target) as TargetState;
  }

  #settleClose(): void {
    if (this.#closing !== null && this.#open === 0 && this.#queue.size === 0)
      this.#closing.resolve();
  }
}
