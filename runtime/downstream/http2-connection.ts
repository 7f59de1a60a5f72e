import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { constants, performServerHandshake } from "node:http2";
import type { Socket } from "node:net";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { LinkedSet } from "../linked-set.ts";
import type { Refusal as Reason } from "../http/refusal.ts";
import { SocketFacts, type ListenerFacts } from "./connection-facts.ts";
import type { ConnectionFacts, Exchange } from "./exchange.ts";
import { Http2Content } from "./http2-content.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import { createHttp2HeadFacts, readHttp2Head } from "./http2-request-head.ts";
import { sessionOptions, STREAMS_WINDOW_BYTES } from "./http2-settings.ts";
import { cutStream, EXCHANGE, ignoreStreamError, type ExchangeStream } from "./http2-stream.ts";
import type { ListenerLimits } from "./limits.ts";
import { RateBudget } from "./rate-budget.ts";
import { refusalContent, type Refusal } from "./refusal.ts";
import type { SecureConnection } from "./secure-connection.ts";

/** What a connection needs of the acceptor that made it. */
export interface Http2ConnectionOwner extends ListenerFacts {
  readonly limits: ListenerLimits;
  readonly wheel: DeadlineWheel;
  serve(exchange: Exchange): void;
  mayUpgrade(token: string): boolean;
  onError(error: unknown): void;
  onRefused(refusal: Refusal): void;
  onConnectionClosed(connection: Http2Connection): void;
}

/** Time limits are looked at this often within themselves, so that a request costs no timer operation. */
const LOOKS = 4;
/** After GOAWAY and the last stream: how long the client may take to close. */
const CLOSE_GRACE_MS = 1000;
/** After a cut: how long its GOAWAY has to leave. */
const CUT_GRACE_MS = 250;
/** RFC 9113 §6.8: the highest stream there can be. */
const MAX_STREAM_ID = 2 ** 31 - 1;

const CONNECTION = Symbol("Http2Connection");

interface LinkedSession extends ServerHttp2Session {
  [CONNECTION]?: Http2Connection;
}

const facts = createHttp2HeadFacts();

/** One HTTP/2 client connection: its streams, its budgets and its orderly end. */
export class Http2Connection {
  readonly scheme: "http" | "https";
  readonly facts: ConnectionFacts;

  readonly #socket: Socket;
  readonly #owner: Http2ConnectionOwner;
  readonly #secure: SecureConnection | undefined;
  readonly #session: LinkedSession;
  readonly #exchanges = new LinkedSet<Http2Exchange>();
  readonly #deadline: Deadline;
  readonly #resets: RateBudget;
  readonly #controlFrames: RateBudget;
  #state: "open" | "closing" | "closed" = "open";
  /** It has shown that it speaks HTTP/2. */
  #greeted = false;
  #touched = true;
  #idleMs = 0;
  #lookMs = 0;
  #bytesAtLook = 0;

  /** `secure`: what TLS has settled, on a connection that speaks it. */
  constructor(socket: Socket, secure: SecureConnection | undefined, owner: Http2ConnectionOwner) {
    this.#socket = socket;
    this.scheme = secure === undefined ? "http" : "https";
    this.#secure = secure;
    this.facts = new SocketFacts(socket, secure, owner);
    this.#owner = owner;
    this.#resets = new RateBudget(owner.limits.resets);
    this.#controlFrames = new RateBudget(owner.limits.controlFrames);
    // HTTP/2 has no use for a half-closed connection: who says no more has gone.
    socket.allowHalfOpen = false;
    socket.on("error", ignoreStreamError);
    socket.on("close", () => this.#closed());
    this.#deadline = new Deadline(() => this.#look());
    const session: LinkedSession = performServerHandshake(socket, sessionOptions(owner.limits));
    this.#session = session;
    session[CONNECTION] = this;
    session.on("error", ignoreStreamError);
    session.on("stream", onStream);
    session.on("ping", onControlFrame);
    session.on("remoteSettings", onSettings);
    session.on("goaway", onGoaway);
    session.setLocalWindowSize(STREAMS_WINDOW_BYTES);
    this.#arm(owner.limits.headTimeMs);
  }

  get limits(): ListenerLimits {
    return this.#owner.limits;
  }

  get wheel(): DeadlineWheel {
    return this.#owner.wheel;
  }

  get isIdle(): boolean {
    return this.#state === "open" && this.#exchanges.size === 0;
  }

  get tunnels(): number {
    let count = 0;
    for (const exchange of this.#exchanges.toArray()) if (exchange.isTunnel) count += 1;
    return count;
  }

  /** A request's head has arrived. */
  receive(stream: ExchangeStream, raw: readonly string[]): void {
    stream.on("error", ignoreStreamError);
    this.#greeted = true;
    this.#touched = true;
    if (stream.destroyed || stream.closed) {
      // Given up within the packet that began it.
      this.countReset();
      return;
    }
    const reason = readHttp2Head(raw, this.limits, facts) ?? this.#misdirected(facts.authority);
    if (reason !== undefined) {
      this.#refuse(stream, reason, facts.method, raw);
      return;
    }
    const { upgrade } = facts;
    if (upgrade !== undefined && !this.#owner.mayUpgrade(upgrade)) {
      const message = `CONNECT with protocol ${upgrade}`;
      this.#refuse(stream, { error: "PROXY_REQUEST_METHOD", message }, "CONNECT", raw);
      return;
    }
    const exchange = new Http2Exchange(this, stream, facts);
    if (upgrade === undefined && !stream.endAfterHeaders) {
      if (facts.length === 0) stream.resume();
      else exchange.content = new Http2Content(stream, this, facts.length, facts.expectsContinue);
    }
    this.#exchanges.add(exchange);
    try {
      this.#owner.serve(exchange);
    } catch (error) {
      this.fault(error, stream);
    }
  }

  /** A stream has come to its end, whichever. */
  streamClosed(exchange: Http2Exchange): void {
    this.#exchanges.delete(exchange);
    this.#touched = true;
    const wasReset = exchange.wasReset;
    try {
      exchange.closed();
    } catch (error) {
      this.#owner.onError(error);
    }
    if (wasReset) this.countReset();
    this.#endIfDone();
  }

  /**
   * Rapid reset (CVE-2023-44487): each cancelled request has cost us a dispatch, and its place among the concurrent ones
   * is free at once. Streams that the client makes node reset by breaking the protocol count too.
   */
  countReset(): void {
    if (this.#state === "closed" || this.#session.destroyed) return;
    if (!this.#resets.take(this.limits.resets)) this.#cutAbusive("too many cancelled requests");
  }

  /** Answered by nghttp2 at no cost to the sender, and never by more than a few honest ones a second. */
  countControlFrame(): void {
    if (!this.#controlFrames.take(this.limits.controlFrames)) {
      this.#cutAbusive("too many PING or SETTINGS frames");
    }
  }

  greeted(): void {
    if (this.#greeted) return;
    this.#greeted = true;
    this.#arm(this.#lookPeriod());
  }

  /** The client says goodbye: node lets the streams end and then closes. */
  leaving(): void {
    if (this.#state === "open") this.#state = "closing";
    this.#endIfDone();
  }

  /** Whoever serves a request threw where nobody could catch it: that request fails, and nothing else. */
  fault(error: unknown, stream: ExchangeStream): void {
    this.#owner.onError(error);
    const exchange = stream[EXCHANGE];
    if (exchange === undefined) cutStream(stream);
    else exchange.cut();
  }

  /**
   * RFC 9113 §6.8: no new streams; those there are end in peace. The first GOAWAY with the highest number, the second
   * with the last stream that is served, so that the client knows which of those under way it may send again. Both at
   * once: nghttp2 takes no stream after the first, so that time between them would only keep such streams waiting.
   */
  drain(): void {
    if (this.#state !== "open" || this.#session.destroyed) return;
    this.#state = "closing";
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID);
    this.#session.close();
    this.#endIfDone();
  }

  /** At once. */
  cut(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  #refuse(stream: ServerHttp2Stream, reason: Reason, method: string, raw: readonly string[]): void {
    const pathAt = raw.indexOf(":path");
    this.#owner.onRefused({
      code: reason.error,
      message: reason.message,
      peerAddress: this.facts.peerAddress,
      method: method === "" ? undefined : method,
      target: pathAt === -1 ? undefined : raw[pathAt + 1],
    });
    const { status, fields, bytes } = refusalContent(reason.error);
    stream.respond([":status", `${status}`, ...fields] as never, { endStream: method === "HEAD" });
    // Nobody reads the content: node resets the stream with NO_ERROR once the answer is out.
    if (method !== "HEAD") stream.end(bytes);
  }

  /** RFC 9113 §9.1.1: browsers use one connection for all hosts that its certificate names. */
  #misdirected(authority: string): Reason | undefined {
    if (this.#secure?.mayServe(authority) !== false) return undefined;
    const message = `${authority} on a connection for ${this.#secure.servername ?? "no name"}`;
    return { error: "PROXY_REQUEST_MISDIRECTED", message };
  }

  #cutAbusive(message: string): void {
    if (this.#session.destroyed) return;
    this.#owner.onRefused({
      code: "PROXY_REQUEST_MALFORMED",
      message,
      peerAddress: this.facts.peerAddress,
      method: undefined,
      target: undefined,
    });
    this.#state = "closing";
    // A number is taken as the code; the types do not know.
    this.#session.destroy(constants.NGHTTP2_ENHANCE_YOUR_CALM as never);
    this.#arm(CUT_GRACE_MS);
  }

  #endIfDone(): void {
    if (this.#state === "closing" && this.#exchanges.size === 0) this.#arm(CLOSE_GRACE_MS);
  }

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.wheel.disarm(this.#deadline);
    // node closes the streams too, but only while it still knows the session.
    for (const exchange of this.#exchanges.toArray()) {
      this.#exchanges.delete(exchange);
      try {
        exchange.closed();
      } catch (error) {
        this.#owner.onError(error);
      }
    }
    this.#session.destroy();
    this.#owner.onConnectionClosed(this);
  }

  #look(): void {
    if (this.#state === "closed") return;
    if (this.#session.destroyed || (this.#state === "closing" && this.#exchanges.size === 0)) {
      this.#socket.destroy();
      return;
    }
    if (!this.#greeted) {
      this.cut();
      return;
    }
    this.#lookAtStalled();
    if (this.#exchanges.size > 0 || this.#touched) {
      this.#touched = false;
      this.#idleMs = 0;
    } else {
      this.#idleMs += this.#lookMs;
      if (this.#idleMs >= this.limits.keepAliveMs) {
        this.drain();
        return;
      }
    }
    this.#arm(this.#lookPeriod());
  }

  /**
   * A client that never opens its window holds an upstream's connection and what is buffered for it. One such stream is
   * reset; where nothing at all moves, the connection is cut, since a reset would not get through either.
   */
  #lookAtStalled(): void {
    const bytes = this.#socket.bytesWritten;
    const moves = bytes !== this.#bytesAtLook;
    this.#bytesAtLook = bytes;
    for (const exchange of this.#exchanges.toArray()) {
      if (exchange.isAbandoned) {
        exchange.cut();
        continue;
      }
      const waiting = exchange.waitingBytes;
      const taken = exchange.writtenBytes - waiting;
      if (waiting === 0 || taken !== exchange.takenAtLook) {
        exchange.takenAtLook = taken;
        exchange.stalledMs = 0;
        continue;
      }
      exchange.stalledMs += this.#lookMs;
      if (exchange.stalledMs < this.limits.sendIdleMs) continue;
      if (moves) exchange.cut();
      else {
        this.#cutAbusive("the client takes nothing");
        return;
      }
    }
  }

  #lookPeriod(): number {
    return Math.min(this.limits.keepAliveMs, this.limits.sendIdleMs) / LOOKS;
  }

  #arm(ms: number): void {
    this.#lookMs = ms;
    this.wheel.arm(this.#deadline, ms);
  }
}

function onStream(
  this: LinkedSession,
  stream: ServerHttp2Stream,
  _fields: IncomingHttpHeaders,
  _flags: number,
  raw: readonly string[],
): void {
  this[CONNECTION]?.receive(stream, raw);
}

function onControlFrame(this: LinkedSession): void {
  this[CONNECTION]?.countControlFrame();
}

function onSettings(this: LinkedSession): void {
  this[CONNECTION]?.greeted();
  this[CONNECTION]?.countControlFrame();
}

function onGoaway(this: LinkedSession): void {
  this[CONNECTION]?.leaving();
}
