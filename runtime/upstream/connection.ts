import type { Socket } from "node:net";
import { Client, type buildConnector } from "undici";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import { ContinueFilter } from "./continue-filter.ts";
import { fromForeignError } from "./foreign-errors.ts";
import { openSocket, openTcp, secureSocket, type SocketTerms } from "./open-socket.ts";
import { targetAddress, type Target } from "./target.ts";
import type { TargetMember } from "./targets/target-member.ts";

export interface ConnectionOptions {
  readonly member: TargetMember;
  readonly wheel: DeadlineWheel;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly socketTerms: SocketTerms;
  /** PROXY header (Latin-1) that begins its sockets; empty for none. */
  readonly preface: string;
  /** The socket is gone and no request waits for another one. */
  readonly onClosed: (connection: Connection) => void;
  /** The response is over; `usable` says whether the socket lives on. */
  readonly onReleased: (connection: Connection, usable: boolean) => void;
}

/** The request that a connection serves. */
export interface ConnectionUser {
  /** The time that was armed is over. */
  timedOut(): void;
}

type ConnectCallback = buildConnector.Callback;

const MAX_HEAD_BYTES = 65_536;
/** A connection is given up this long before the upstream's `Keep-Alive: timeout` says that it will close it. */
const KEEP_ALIVE_MARGIN_MS = 1000;
const PROTOCOLS = ["http/1.1"];

/**
 * One connection to a target: an undici Client of its own, whose socket we open ourselves. undici opens a second socket
 * by itself if the first is found closed before anything of a waiting request was written; there is never more than one.
 */
export class Connection {
  readonly member: TargetMember;
  /** As it was when the connection was made. */
  readonly target: Target;
  readonly epoch: number;
  /** Says whose requests it carries: only those with the same one may use it. */
  readonly preface: string;
  readonly client: Client;
  /** Whose request it serves. */
  call: ConnectionUser | null = null;
  state: "active" | "idle" | "tunnel" | "gone" = "active";
  /** The present socket has carried a whole exchange before: it may be stale. */
  reused = false;
  /** Exchanges that it has carried. */
  served = 0;
  openedAt = 0;
  #socket: Socket | null = null;
  #filter: ContinueFilter | null = null;
  readonly #options: ConnectionOptions;
  readonly #deadline: Deadline;
  #connecting: ConnectCallback | null = null;
  #releasing = false;

  constructor(options: ConnectionOptions) {
    this.member = options.member;
    this.target = options.member.target;
    this.epoch = options.member.epoch;
    this.preface = options.preface;
    this.#options = options;
    this.#deadline = new Deadline(() => this.#onDue());
    const idleTimeoutMs = Math.max(1, options.idleTimeoutMs);
    this.client = new Client(clientOrigin(this.target), {
      pipelining: 1,
      allowH2: false,
      // Time is kept by the wheel.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleTimeoutMs,
      keepAliveMaxTimeout: idleTimeoutMs,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
      connect: (_options, callback) => this.#connect(callback),
    });
    this.client.on("disconnect", () => this.#onDisconnect());
  }

  /** A socket that can take a request at once. */
  get usable(): boolean {
    return this.#socket !== null && !this.#socket.destroyed && this.#connecting === null;
  }

  /** Nothing that was written waits here. */
  get isDrained(): boolean {
    return this.#socket?.writableLength === 0;
  }

  /** A byte of the current answer was read. */
  get answered(): boolean {
    return this.#filter?.answered ?? false;
  }

  /** The request is about to be written. */
  begin(): void {
    this.#filter?.expect();
  }

  /** The call is told `ms` from now, unless it disarms or arms again. */
  arm(ms: number): void {
    this.#options.wheel.arm(this.#deadline, ms);
  }

  disarm(): void {
    this.#options.wheel.disarm(this.#deadline);
  }

  /**
   * The exchange is over. Whether undici keeps the socket is known only when its parser has returned: in the next tick or
   * microtask, whichever is first, because the request that follows (pipelined behind this one, or a hook's next `fetch`)
   * comes in one or the other and must find this connection free instead of opening one.
   */
  release(): void {
    this.call = null;
    this.#releasing = true;
    process.nextTick(this.#onParserReturned);
    queueMicrotask(this.#onParserReturned);
  }

  /** The socket's bytes belong to two other parties now. It counts as open until it is closed. */
  becomeTunnel(socket: Socket): void {
    this.call = null;
    this.state = "tunnel";
    this.#filter?.remove();
    socket.once("close", () => this.#options.onClosed(this));
  }

  /** Closes the socket now, whatever it is doing. */
  destroy(): void {
    this.disarm();
    this.#connecting = null;
    this.client.destroy(ignore);
    this.#socket?.destroy();
  }

  readonly #onParserReturned = (): void => {
    if (!this.#releasing) return;
    this.#releasing = false;
    this.reused = true;
    this.served += 1;
    this.#options.onReleased(this, this.usable);
  };

  #onDisconnect(): void {
    // An upgrade also "disconnects". With a call left, undici is about to open another socket for it.
    if (this.state === "tunnel" || this.call !== null) return;
    this.#options.onClosed(this);
  }

  #connect(callback: ConnectCallback): void {
    const { target } = this;
    const { wheel, connectTimeoutMs, socketTerms } = this.#options;
    this.reused = false;
    this.served = 0;
    this.openedAt = this.#options.now();
    this.#connecting = callback;
    wheel.arm(this.#deadline, connectTimeoutMs);
    if (this.preface !== "") this.#connectWithPreface();
    else this.#use(openSocket(this.member, socketTerms, PROTOCOLS), target.scheme === "https");
  }

  /** The header is the first thing on the wire, before TLS too (proxy-protocol.txt §2). */
  #connectWithPreface(): void {
    const { target } = this;
    const { socketTerms } = this.#options;
    const socket = openTcp(target, socketTerms);
    socket.once("connect", () => socket.write(this.preface, "latin1"));
    if (target.scheme === "http") {
      this.#use(socket, false);
      return;
    }
    this.#watch(socket);
    socket.once("connect", () =>
      this.#use(secureSocket(socket, this.member, socketTerms.tls, PROTOCOLS), true),
    );
  }

  /** The socket that requests will go over. */
  #use(socket: Socket, secure: boolean): void {
    this.#watch(socket);
    this.#filter = new ContinueFilter(socket);
    socket.once(secure ? "secureConnect" : "connect", () => this.#takeConnecting()?.(null, socket));
  }

  #watch(socket: Socket): void {
    this.#socket = socket;
    // Stays for the socket's life: an error on an upgraded socket must not be unheard.
    socket.on("error", (error) => {
      this.#takeConnecting()?.(fromForeignError(error, "connect"), null);
    });
    socket.once("close", () => {
      const message = "the connection was closed while it was being made";
      this.#takeConnecting()?.(new ProxyError("PROXY_UPSTREAM_CONNECT", { message }), null);
    });
  }

  #takeConnecting(): ConnectCallback | undefined {
    const connecting = this.#connecting;
    if (connecting === null) return undefined;
    this.#connecting = null;
    this.#options.wheel.disarm(this.#deadline);
    return connecting;
  }

  #onDue(): void {
    const connecting = this.#takeConnecting();
    if (connecting === undefined) {
      this.call?.timedOut();
      return;
    }
    const message = `no connection to ${targetAddress(this.target)} within ${this.#options.connectTimeoutMs} ms`;
    this.#socket?.destroy();
    connecting(new ProxyError("PROXY_UPSTREAM_CONNECT_TIMEOUT", { message }), null);
  }
}

/** undici only takes URLs; where the socket really goes is decided in `connect`. */
function clientOrigin(target: Target): string {
  const place = target.socketPath === undefined ? targetAddress(target) : "localhost";
  return `${target.scheme}://${place}`;
}

function ignore(): void {}
