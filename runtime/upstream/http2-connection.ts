/**
 * One HTTP/2 connection to a target (RFC 9113), many requests at once. It is ready when the upstream's SETTINGS have
 * come: then its stream limit is known, and a server that speaks something else has been found out before a request was
 * lost on it.
 */
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Settings,
} from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { RawFields } from "../http/raw-fields.ts";
import { holdSessionWhileCollectable } from "./http2-lifetime.ts";
import { fromForeignError } from "./foreign-errors.ts";
import { openSocket, type SocketTerms } from "./open-socket.ts";
import { targetAddress, type Target } from "./target.ts";
import type { TargetMember } from "./targets/target-member.ts";

/** What a connection tells its pool. */
export interface Http2ConnectionOwner {
  /** SETTINGS came, at first or anew: requests may be started. */
  onReady(connection: Http2Connection): void;
  /** There will be no connection. */
  onFailed(connection: Http2Connection, error: ProxyError): void;
  /** A stream is over. */
  onReleased(connection: Http2Connection): void;
  /** No new streams from now on. */
  onDraining(connection: Http2Connection): void;
  /** The socket is closed. */
  onClosed(connection: Http2Connection): void;
  /** Nothing has run on it for the idle time. */
  onIdle(connection: Http2Connection): void;
}

export interface Http2ConnectionOptions {
  readonly member: TargetMember;
  /** Monotonic, milliseconds. */
  readonly openedAt: number;
  readonly upstream: string;
  readonly wheel: DeadlineWheel;
  readonly connectTimeoutMs: number;
  readonly socketTerms: SocketTerms;
  readonly owner: Http2ConnectionOwner;
  readonly keepAlive?: KeepAlive | undefined;
}

/** When a silent upstream is asked whether it still lives. */
export interface KeepAlive {
  /** Silence, with requests running, until the first PING. */
  readonly silenceMs: number;
  /** Between two PINGs with no response in between. */
  readonly intervalMs: number;
  /** For the answer. */
  readonly timeoutMs: number;
}

/**
 * gRPC servers end connections that PING more often than every five minutes without having had anything from them; a
 * response resets their count. Hence one early PING after each sign of life, and rare ones after that.
 */
const DEFAULT_KEEP_ALIVE: KeepAlive = {
  silenceMs: 30_000,
  intervalMs: 310_000,
  timeoutMs: 20_000,
};

/** What one stalled response can hold: the rest waits at the upstream. 25 MB/s over 10 ms. */
const STREAM_WINDOW_BYTES = 262_144;
/** Node gives the connection's window back at once, whoever stalls: it only has to be large enough for the bandwidth. */
const CONNECTION_WINDOW_BYTES = 16_777_216;
const MAX_HEAD_BYTES = 65_536;
const MAX_HEAD_LINES = 2000;
const MAX_SENT_HEAD_BYTES = 1_048_576;
const SESSION_MEMORY_MB = 64;
const CLOSE_MS = 1000;
/** Odd ids of 31 bits (RFC 9113 §5.1.1), with room for what is under way. */
const MAX_STREAMS_EVER = 1_073_000_000;

/** What the one deadline is for at the moment. */
type Duty = "connect" | "idle" | "silence" | "ping" | "close";

export class Http2Connection {
  readonly member: TargetMember;
  /** As it was when the connection was made. */
  readonly target: Target;
  readonly epoch: number;
  readonly openedAt: number;
  state: "connecting" | "open" | "draining" | "gone" = "connecting";
  /** Running streams. */
  streams = 0;
  /** Streams so far. */
  served = 0;
  /** Why it ended, if it was an error. */
  error: Error | null = null;
  /** The upstream said GOAWAY. */
  goneAway = false;
  /** RFC 9113 §6.8: streams above it were not processed. */
  lastStreamId = Number.MAX_SAFE_INTEGER;
  /** The upstream takes extended CONNECT (RFC 8441 §3). */
  allowsConnectProtocol = false;
  readonly #options: Http2ConnectionOptions;
  readonly #socket: Socket;
  readonly #deadline: Deadline;
  #session: ClientHttp2Session | null = null;
  #duty: Duty | "none" = "none";
  /** A response's bytes came since the last look. */
  #heard = false;
  /** Since the last PING, counted in silences; none yet since the upstream was last heard. */
  #sincePingMs = Number.POSITIVE_INFINITY;
  #peerMaxStreams = 0;

  constructor(options: Http2ConnectionOptions) {
    this.#options = options;
    this.member = options.member;
    this.target = options.member.target;
    this.epoch = options.member.epoch;
    this.openedAt = options.openedAt;
    this.#deadline = new Deadline(() => this.#onDue());
    this.#socket = openSocket(options.member, options.socketTerms, ["h2"]);
    this.#socket.on("error", this.#onError);
    this.#socket.once("close", () => this.#onSocketClosed());
    const event = this.target.scheme === "https" ? "secureConnect" : "connect";
    this.#socket.once(event, () => this.#onConnected());
    this.#arm("connect", options.connectTimeoutMs);
  }

  /** How many more streams the upstream allows; before its SETTINGS nobody knows. */
  get peerRoom(): number {
    if (this.state === "connecting") return Number.MAX_SAFE_INTEGER;
    const session = this.#session;
    if (this.state !== "open" || session === null) return 0;
    return session.closed || session.destroyed ? 0 : this.#peerMaxStreams - this.streams;
  }

  /** The connection itself is no more, not only a stream. */
  get lost(): boolean {
    return this.#session === null || this.#session.destroyed;
  }

  /** Throws if the head cannot be sent. Only in state `open`. */
  request(head: RawFields, endStream: boolean, waitForTrailers: boolean): ClientHttp2Stream {
    const session = this.#session as ClientHttp2Session;
    // The types know of heads as objects only.
    const stream = session.request(head as never, { endStream, waitForTrailers });
    holdSessionWhileCollectable(stream, session);
    this.streams += 1;
    this.served += 1;
    stream.once("close", this.#onStreamClosed);
    if (this.streams === 1) {
      this.#heard = true;
      this.#arm("silence", this.#keepAlive.silenceMs);
    }
    if (this.served >= MAX_STREAMS_EVER) this.drain();
    return stream;
  }

  /** A sign of life from the upstream. */
  heard(): void {
    this.#heard = true;
  }

  /** Counts the idle time from now. */
  rest(idleTimeoutMs: number): void {
    this.#arm("idle", idleTimeoutMs);
  }

  /** No new streams; closes when the last one is over. */
  drain(): void {
    if (this.state === "draining" || this.state === "gone") return;
    this.state = "draining";
    this.#options.owner.onDraining(this);
    if (this.streams === 0) this.destroy(null);
  }

  /** Closes now. Streams that run end with the error. */
  destroy(error: ProxyError | null): void {
    this.error ??= error;
    this.#disarm();
    const session = this.#session;
    if (session === null) {
      this.#socket.destroy();
      this.#fail(error ?? new ProxyError("PROXY_UPSTREAM_CLOSED"));
    } else if (!session.destroyed) {
      // Sends GOAWAY. After one from the upstream, node waits for it to close the connection, perhaps forever.
      this.#arm("close", CLOSE_MS);
      session.destroy();
    }
  }

  get #keepAlive(): KeepAlive {
    return this.#options.keepAlive ?? DEFAULT_KEEP_ALIVE;
  }

  #onConnected(): void {
    if (this.state !== "connecting") return;
    const { target } = this;
    const protocol = (this.#socket as Partial<TLSSocket>).alpnProtocol;
    if (target.scheme === "https" && protocol !== "h2") {
      // RFC 7301 §3.2: it knows nothing of ALPN and goes on without.
      this.#fail(this.#notHttp2(undefined, `it chose ${protocol || "no protocol"} by ALPN`));
      return;
    }
    const session = connect(`${target.scheme}://${target.authority}`, {
      createConnection: () => this.#socket,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: MAX_HEAD_BYTES,
      },
      maxHeaderListPairs: MAX_HEAD_LINES,
      maxSendHeaderBlockLength: MAX_SENT_HEAD_BYTES,
      maxSessionMemory: SESSION_MEMORY_MB,
      // A repeated field is the upstream's to judge.
      strictSingleValueFields: false,
    } as Parameters<typeof connect>[1]);
    this.#session = session;
    session.on("error", this.#onError);
    session.on("remoteSettings", (settings) => this.#onSettings(settings));
    session.on("goaway", (code, lastStreamId) => this.#onGoaway(code, lastStreamId));
    session.once("connect", () => {
      if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    });
    session.once("close", () => this.#onSocketClosed());
  }

  #onSettings(settings: Settings): void {
    this.#peerMaxStreams = settings.maxConcurrentStreams ?? Number.MAX_SAFE_INTEGER;
    this.allowsConnectProtocol = settings.enableConnectProtocol === true;
    if (this.state === "connecting") {
      this.#disarm();
      this.state = "open";
    }
    this.#options.owner.onReady(this);
  }

  /** RFC 9113 §6.8. Streams above the id are closed by the library, with REFUSED_STREAM. */
  #onGoaway(code: number, lastStreamId: number): void {
    this.goneAway = true;
    this.lastStreamId = lastStreamId;
    if (this.state === "connecting") {
      const message = `${targetAddress(this.target)} answered with GOAWAY (code ${code})`;
      this.#fail(new ProxyError("PROXY_UPSTREAM_CONNECT", { message }));
      this.destroy(null);
      return;
    }
    this.drain();
  }

  readonly #onStreamClosed = (): void => {
    this.streams -= 1;
    if (this.streams === 0 && this.#duty !== "close") this.#disarm();
    if (this.state === "draining" && this.streams === 0) this.destroy(null);
    else this.#options.owner.onReleased(this);
  };

  readonly #onError = (error: Error): void => {
    this.error ??= error;
    if (this.state === "connecting") this.#fail(this.#connectError(error));
  };

  #onSocketClosed(): void {
    if (this.state === "connecting") {
      const message = "the connection was closed while it was being made";
      this.#fail(this.#connectError(new Error(message)));
    }
    if (this.state === "gone" || !this.#socket.destroyed) return;
    this.#disarm();
    this.state = "gone";
    this.#options.owner.onClosed(this);
  }

  #connectError(error: Error): ProxyError {
    if (this.#session !== null) return this.#notHttp2(error, error.message);
    const { code } = error as { code?: unknown };
    if (code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL") {
      return this.#notHttp2(error, "it refused ALPN's h2");
    }
    return fromForeignError(error, "connect");
  }

  /** A server that is reached and speaks something else: that is a config to be mended. */
  #notHttp2(cause: Error | undefined, what: string): ProxyError {
    const { target } = this;
    const { upstream } = this.#options;
    const message = `${targetAddress(target)} does not speak HTTP/2 (${what}): remove \`http2\` from the upstream ${upstream}`;
    return new ProxyError("PROXY_UPSTREAM_CONNECT", { cause, message });
  }

  #fail(error: ProxyError): void {
    if (this.state !== "connecting") return;
    this.state = "gone";
    this.#disarm();
    this.#socket.destroy();
    this.#session?.destroy();
    this.#options.owner.onFailed(this, error);
  }

  // --- time ---

  #arm(duty: Duty, ms: number): void {
    this.#duty = duty;
    this.#options.wheel.arm(this.#deadline, ms);
  }

  #disarm(): void {
    this.#duty = "none";
    this.#options.wheel.disarm(this.#deadline);
  }

  #onDue(): void {
    switch (this.#duty) {
      case "connect": {
        const message = `no HTTP/2 connection to ${targetAddress(this.target)} within ${this.#options.connectTimeoutMs} ms`;
        this.#fail(new ProxyError("PROXY_UPSTREAM_CONNECT_TIMEOUT", { message }));
        break;
      }
      case "idle":
        this.#options.owner.onIdle(this);
        break;
      case "silence":
        this.#onSilence();
        break;
      case "ping": {
        const message = `no answer to PING within ${this.#keepAlive.timeoutMs} ms`;
        this.destroy(new ProxyError("PROXY_UPSTREAM_RESET", { message }));
        break;
      }
      case "close":
        this.#socket.destroy();
        break;
      case "none":
    }
  }

  #onSilence(): void {
    const { silenceMs, intervalMs, timeoutMs } = this.#keepAlive;
    const session = this.#session;
    if (session === null || this.streams === 0) return;
    this.#sincePingMs += silenceMs;
    if (this.#heard) {
      this.#heard = false;
      this.#sincePingMs = Number.POSITIVE_INFINITY;
      this.#arm("silence", silenceMs);
    } else if (session.closed || this.#sincePingMs < intervalMs) {
      this.#arm("silence", silenceMs);
    } else {
      this.#sincePingMs = 0;
      this.#arm("ping", timeoutMs);
      session.ping(() => {
        if (this.#duty === "ping") this.#arm("silence", silenceMs);
      });
    }
  }
}
