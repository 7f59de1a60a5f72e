import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import type { ListenerLimits } from "./limits.ts";
import { ProxyError } from "../errors.ts";
import type { Refusal as Reason } from "../http/refusal.ts";
import { SocketFacts, type ListenerFacts } from "./connection-facts.ts";
import type { ConnectionFacts, Exchange } from "./exchange.ts";
import { EarlyBytes } from "./early-bytes.ts";
import { Http1Content } from "./http1-content.ts";
import { Http1Exchange } from "./http1-exchange.ts";
import type { Http1Request } from "./http1-request.ts";
import { LingeringClose } from "./lingering-close.ts";
import { isPeerGone } from "./peer-gone.ts";
import { refusalBytes, type Refusal } from "./refusal.ts";
import { createHeadFacts, readHead } from "./request-head.ts";
import type { SecureConnection } from "./secure-connection.ts";
import { StalledReader } from "./stalled-reader.ts";

/** What a connection needs of the listener that accepted it. */
export interface ConnectionOwner extends ListenerFacts {
  readonly limits: ListenerLimits;
  readonly wheel: DeadlineWheel;
  readonly draining: boolean;
  serve(exchange: Exchange): void;
  mayUpgrade(token: string): boolean;
  onError(error: unknown): void;
  onRefused(refusal: Refusal): void;
  onConnectionClosed(connection: Http1Connection): void;
}

/** The limits are looked at this often within the shorter of them, so that a request costs no timer operation. */
const LOOKS = 4;
/** How long a connection that has sent nothing yet may still do so when the listener drains. */
const UNUSED_GRACE_MS = 1000;
/** How soon the reset of a client whose content nobody reads is noticed. */
const PEER_LOOK_MS = 500;

const facts = createHeadFacts();

/** One client connection: its requests one after the other, and its orderly end. */
export class Http1Connection {
  readonly socket: Socket;
  readonly scheme: "http" | "https";
  readonly facts: ConnectionFacts;
  /** For the write that completes a response: one function for all of them. */
  readonly onWritten: (error?: Error | null) => void;

  readonly #owner: ConnectionOwner;
  readonly #secure: SecureConnection | undefined;
  readonly #deadline: Deadline;
  #peerLook: Deadline | undefined;
  #state: "open" | "tunnel" | "closing" | "closed" = "open";
  #current: Http1Exchange | null = null;
  readonly #waiting: Http1Request[] = [];
  /** A refusal that has to wait for the responses before it. */
  #refusal: { reason: Reason; request: Http1Request | undefined } | undefined;
  #closeAfterCurrent = false;
  #used = false;
  #touched = true;
  /** Since anybody asked for anything. */
  #idleMs = 0;
  readonly #reader: StalledReader;
  #lingering: LingeringClose | undefined;
  #early: EarlyBytes | undefined;

  /** `secure`: what TLS has settled, on a connection that speaks it. */
  constructor(socket: Socket, secure: SecureConnection | undefined, owner: ConnectionOwner) {
    this.socket = socket;
    this.scheme = secure === undefined ? "http" : "https";
    this.#owner = owner;
    this.#secure = secure;
    this.facts = new SocketFacts(socket, secure, owner);
    this.onWritten = (error) => {
      const exchange = this.#current;
      if (exchange === null || (error !== undefined && error !== null)) return;
      // A response without content is out before its upstream's connection is free again: the request behind it waits
      // a tick, so that it finds that connection.
      if (this.#waiting.length === 0) exchange.flushed();
      else process.nextTick(flushed, exchange);
    };
    socket.on("error", ignoreError);
    socket.on("drain", () => this.#drained());
    socket.on("close", () => this.#closed());
    this.#reader = new StalledReader(socket);
    this.#deadline = new Deadline(() => this.#look());
    this.#arm();
  }

  get limits(): ListenerLimits {
    return this.#owner.limits;
  }

  get wheel(): DeadlineWheel {
    return this.#owner.wheel;
  }

  /** Bytes that came after the head of an upgrade that is not answered yet. */
  get earlySize(): number {
    return this.#early?.size ?? 0;
  }

  get isTunnel(): boolean {
    return this.#state === "tunnel";
  }

  get isIdle(): boolean {
    return this.#state === "open" && this.#current === null;
  }

  /** A request's head has arrived. */
  receive(request: Http1Request): void {
    if (this.#state !== "open" || this.#refusal !== undefined) {
      // Read on, so that the connection comes to its end.
      request.resume();
      return;
    }
    if (this.#current === null) {
      this.#begin(request, undefined);
    } else if (this.#waiting.length < this.limits.pipelined) {
      this.#waiting.push(request);
    } else {
      // More than a client has reason to send ahead: work that would pile up here.
      this.#waiting.length = 0;
      this.socket.destroy();
    }
  }

  /** Whether a request that asks for an upgrade may have one. If not, it is an ordinary request. */
  mayUpgrade(request: Http1Request, token: string | undefined): boolean {
    return (
      token !== undefined &&
      !request.hasContent &&
      request.method === "GET" &&
      request.httpVersionMajor === 1 &&
      request.httpVersionMinor === 1 &&
      // node lets go of the socket at once: responses before this one could not be finished.
      this.isIdle &&
      this.#refusal === undefined &&
      this.#owner.mayUpgrade(token)
    );
  }

  /** node has let go of the socket; `early` is what came after the head. */
  receiveUpgrade(request: Http1Request, token: string, early: Buffer): void {
    if (this.#state !== "open") return;
    this.#closeAfterCurrent = true;
    this.#early = new EarlyBytes(this.socket, early, () => this.socket.destroy());
    this.#begin(request, token);
  }

  /** CONNECT would be an open proxy (RFC 9110 §9.3.6). node has let go of the socket. */
  receiveConnect(request: Http1Request): void {
    this.refuse({ error: "PROXY_REQUEST_METHOD", message: "CONNECT" }, request);
  }

  /** Answers an error by itself and closes, once the responses before it are out. */
  refuse(reason: Reason, request: Http1Request | undefined): void {
    if (this.#state !== "open" || this.#refusal !== undefined) return;
    if (this.#current !== null) {
      this.#refusal = { reason, request };
      return;
    }
    const code = reason.error;
    this.#owner.onRefused({
      code,
      message: reason.message,
      peerAddress: this.facts.peerAddress,
      method: request?.method,
      target: request?.url,
    });
    if (this.socket.writable) this.socket.write(refusalBytes(code, request?.method));
    request?.resume();
    this.#closeGracefully(true);
  }

  /** What the client sent is not HTTP. */
  receiveBroken(reason: Reason): void {
    const content = this.#current?.content;
    if (content !== undefined && !content.hasArrived && this.#waiting.length === 0) {
      // The request that is being served is the broken one: whoever serves it answers.
      this.closeAfterCurrent();
      content.fail(new ProxyError(reason.error, { message: reason.message }));
      return;
    }
    this.refuse(reason, undefined);
  }

  /** Whether the response of `exchange` is the last one here: then it says so. */
  closesAfter(exchange: Http1Exchange): boolean {
    if (this.#closeAfterCurrent || exchange.request.response?.shouldKeepAlive !== true) return true;
    const content = exchange.content;
    // Nobody will read the rest, so the next request cannot be reached.
    if (content !== undefined && !content.isOpen && !content.skippable) return true;
    return this.#owner.draining && this.#waiting.length === 0;
  }

  closeAfterCurrent(): void {
    this.#closeAfterCurrent = true;
  }

  /** The current content may be kept waiting: until it is read on, no read would tell that the client has gone. */
  watchPeer(): void {
    this.#peerLook ??= new Deadline(() => this.#lookAtPeer());
    if (!this.#peerLook.armed) this.wheel.arm(this.#peerLook, PEER_LOOK_MS);
  }

  sendContinue(): void {
    this.#current?.sendContinue();
  }

  /** The whole response is with the kernel. */
  exchangeOver(exchange: Http1Exchange): void {
    const { request } = exchange;
    const isStuck = exchange.content !== undefined && !exchange.content.skippable;
    this.#current = null;
    this.#touched = true;
    this.#notifyClosed(exchange);
    exchange.content?.leave();
    // node: take this request off the list, read and drop what is left of its content, go on with the next.
    request.response?.emit("finish");
    if (exchange.content !== undefined) request.resume();
    if (this.#state !== "open") return;
    if (this.#closeAfterCurrent || isStuck) {
      this.#closeGracefully(exchange.content !== undefined && !exchange.content.hasArrived);
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next, undefined);
    else if (this.#refusal !== undefined) this.#refuseNow();
    else if (this.#owner.draining) this.#closeGracefully(false);
  }

  /** The bytes are the new protocol's from here on. */
  openTunnel(): Duplex {
    this.#state = "tunnel";
    this.#early?.giveBack();
    return this.socket;
  }

  /** The listener drains: idle connections close now, unused ones after a moment, busy ones after their response. */
  drain(): void {
    if (!this.isIdle) return;
    if (this.#used) this.#closeGracefully(false);
    else this.wheel.arm(this.#deadline, UNUSED_GRACE_MS);
  }

  /** Whoever serves a request threw where nobody could catch it: that request fails, and nothing else. */
  fault(error: unknown): void {
    this.#owner.onError(error);
    this.cut();
  }

  /** At once. A message that ends with its connection must not look whole. */
  cut(): void {
    if (this.#current !== null && this.#state === "open") this.#current.abort();
    this.socket.destroy();
  }

  #begin(request: Http1Request, upgrade: string | undefined): void {
    this.#used = true;
    this.#touched = true;
    const reason = readHead(request, this.limits, facts);
    if (reason !== undefined) {
      this.refuse(reason, request);
      return;
    }
    if (this.#secure?.mayServe(facts.authority) === false) {
      const message = `${facts.authority} on a connection for ${this.#secure.servername ?? "no name"}`;
      this.refuse({ error: "PROXY_REQUEST_MISDIRECTED", message }, request);
      return;
    }
    const content = facts.hasContent
      ? new Http1Content(request, this, facts.length, facts.expectsContinue)
      : undefined;
    const exchange = new Http1Exchange(this, request, facts, content, upgrade);
    // node's parser stops after a head with Upgrade and drops what came with it in one packet, declined or not.
    if (request.upgradeDeclined) this.#closeAfterCurrent = true;
    this.#current = exchange;
    if (content !== undefined) this.watchPeer();
    try {
      this.#owner.serve(exchange);
    } catch (error) {
      this.#owner.onError(error);
      if (exchange.headSent) {
        exchange.abort();
      } else {
        this.#current = null;
        this.#tellClosed(exchange, new ProxyError("PROXY_INTERNAL"));
        this.refuse({ error: "PROXY_INTERNAL", message: "serve failed" }, request);
      }
    }
  }

  #refuseNow(): void {
    const waiting = this.#refusal;
    if (waiting === undefined) return;
    this.#refusal = undefined;
    this.refuse(waiting.reason, waiting.request);
  }

  #notifyClosed(exchange: Http1Exchange): void {
    try {
      exchange.receiver?.onClose(true);
    } catch (error) {
      this.#owner.onError(error);
    }
  }

  #closed(): void {
    const exchange = this.#current;
    this.#state = "closed";
    this.#current = null;
    this.#waiting.length = 0;
    this.wheel.disarm(this.#deadline);
    if (this.#peerLook !== undefined) this.wheel.disarm(this.#peerLook);
    this.#lingering?.stop();
    this.#owner.onConnectionClosed(this);
    if (exchange !== null) this.#tellClosed(exchange, new ProxyError("PROXY_CLIENT_ABORTED"));
  }

  #tellClosed(exchange: Http1Exchange, error: ProxyError): void {
    try {
      exchange.closed(error);
    } catch (thrown) {
      this.#owner.onError(thrown);
    }
  }

  #drained(): void {
    try {
      this.#current?.receiver?.onDrain();
    } catch (error) {
      this.fault(error);
    }
  }

  #closeGracefully(contentOwed: boolean): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#state = "closing";
    this.#waiting.length = 0;
    this.wheel.disarm(this.#deadline);
    this.#early?.discard();
    this.#lingering = new LingeringClose(this.socket, this.wheel, contentOwed);
  }

  #lookAtPeer(): void {
    if (this.#current?.content?.isHeld !== true) return;
    if (isPeerGone(this.socket)) this.socket.destroy();
    else this.watchPeer();
  }

  /**
   * The limits of keep-alive and of a client that takes nothing of what waits for it, and in a draining listener the
   * grace of a connection that was not used yet.
   */
  #look(): void {
    if (this.#reader.look(this.#lookPeriod) >= this.limits.sendIdleMs) {
      this.cut();
      return;
    }
    if (this.#state === "tunnel") {
      if (isPeerGone(this.socket)) this.socket.destroy();
      else this.#arm();
      return;
    }
    if (this.#owner.draining) {
      if (this.isIdle) this.#closeGracefully(false);
      return;
    }
    if (this.#touched || !this.isIdle || !this.#used) {
      // An unused connection has the head's time limit instead.
      this.#touched = false;
      this.#idleMs = 0;
    } else {
      this.#idleMs += this.#lookPeriod;
      if (this.#idleMs >= this.limits.keepAliveMs) {
        this.#closeGracefully(false);
        return;
      }
    }
    this.#arm();
  }

  get #lookPeriod(): number {
    return Math.min(this.limits.keepAliveMs, this.limits.sendIdleMs) / LOOKS;
  }

  #arm(): void {
    this.wheel.arm(this.#deadline, this.#lookPeriod);
  }
}

function flushed(exchange: Http1Exchange): void {
  exchange.flushed();
}

function ignoreError(): void {
  // Every error of a socket is followed by its close, which is what counts.
}
