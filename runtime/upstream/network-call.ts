/**
 * One request to a network upstream, from the queue to the last byte: the handler that undici calls, turned into the
 * receiver's calls. What is decided here: when a failed attempt may be made again, and that the receiver gets exactly
 * one last call, never within `dispatch`, whatever undici and the receiver itself do.
 *
 * RFC 9112 responses, as strict as undici's parser: folded lines, bare line ends, control bytes in values (RFC 9110 §5.5)
 * and ambiguous lengths fail the request with 502; bytes 0x80 to 0xFF pass. Request trailers are not sent.
 *
 * Over 400 lines: one state machine over two directions and their ends, whose states would else be shared between files.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";

import type { Deadline } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import { responseFraming } from "../http/framing.ts";
import type { RawFields } from "../http/raw-fields.ts";
import { hasNoContent } from "../http/status.ts";
import type { Connection, ConnectionUser } from "./connection.ts";
import type { ConnectionPool, PooledCall } from "./connection-pool.ts";
import { ContentBridge, type UploadObserver } from "./content-bridge.ts";
import { fromForeignError, isConnectionLoss, receiverFault } from "./foreign-errors.ts";
import { idleError, mayBeQuiet, Silence } from "./idle-limit.ts";
import { toRawFields } from "./raw-head.ts";
import { requestHeaders } from "./request-headers.ts";
import { IDEMPOTENT, MAX_CONNECT_RETRIES } from "./pool-retries.ts";
import { targetAddress } from "./target.ts";
import type { TargetMember } from "./targets/target-member.ts";
import { TargetUse } from "./targets/target-use.ts";
import type { UpstreamCall, UpstreamReceiver, UpstreamRequest } from "./upstream.ts";

type Controller = Dispatcher.DispatchController;

export class NetworkCall
  implements UpstreamCall, PooledCall, ConnectionUser, UploadObserver, Dispatcher.DispatchHandler
{
  readonly request: UpstreamRequest;
  readonly preface: string;
  readonly givesChunksAway = true;
  queueDeadline: Deadline | null = null;
  previousLinked: this | null = null;
  nextLinked: this | null = null;
  avoided: Set<TargetMember> | undefined;
  readonly #pool: ConnectionPool;
  readonly #receiver: UpstreamReceiver;
  #connection: Connection | null = null;
  readonly #use: TargetUse;
  #controller: Controller | null = null;
  /** The receiver has had its last call, or wants none. */
  #over = false;
  #dispatching = false;
  #headReceived = false;
  #closeDelimited = false;
  #paused = false;
  #resuming = false;
  #retriedStale = false;
  #connectRetries = 0;
  /** The request's content is waited for: the upstream may rightly be silent. */
  #waitsForSource = false;
  #head: RawFields | null = null;
  readonly #silence = new Silence();

  /** `preface`: the PROXY header of its connection, if it needs one. */
  constructor(
    pool: ConnectionPool,
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
    preface: string,
  ) {
    this.preface = preface;
    this.#pool = pool;
    this.#use = new TargetUse(pool.targets);
    this.request = request;
    this.#receiver = receiver;
  }

  // --- PooledCall ---

  get connectTimeoutMs(): number {
    return this.request.connectTimeoutMs;
  }

  start(connection: Connection): void {
    const { request } = this;
    this.#connection = connection;
    this.#use.enter(connection.member);
    this.#controller = null;
    connection.call = this;
    const content = request.content;
    const options = {
      path: request.path,
      method: request.method,
      headers: requestHeaders(request, connection.target),
      body: content === undefined ? null : this.#body(content),
      upgrade: request.upgrade ?? null,
      // undici closes after HEAD and after content with a method that does not expect any. The former costs every HEAD
      // a connection; the latter stays, because an upstream that overlooks such content takes it for a request, whose
      // answer the next client would get.
      reset: request.method === "HEAD" && content === undefined ? false : null,
      // The same for all requests: undici closes a TLS connection when it changes.
      servername: connection.target.hostname,
    };
    this.#dispatching = true;
    connection.client.dispatch(options as Dispatcher.DispatchOptions, this);
    this.#dispatching = false;
  }

  /** Ends without an attempt, or after the last: told in a later tick. */
  failLater(error: ProxyError): void {
    if (this.#over) return;
    process.nextTick(deliverFailure, this, error);
  }

  // --- UpstreamCall ---

  get target(): string | undefined {
    return this.#connection === null ? undefined : targetAddress(this.#connection.target);
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#silence.heard = true;
    if (this.#resuming || this.#controller === null) return;
    // undici parses within resume() and must not be within another connection's parser then.
    this.#resuming = true;
    queueMicrotask(() => {
      this.#resuming = false;
      if (!this.#paused && !this.#over) this.#controller?.resume();
    });
  }

  abort(fault?: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    if (fault !== undefined && !this.#headReceived) this.#use.blame(fault);
    this.#stop();
    this.#use.leave();
  }

  // --- ConnectionUser ---

  timedOut(): void {
    if (this.#over) return;
    if (this.#headReceived) {
      this.#checkSilence();
      return;
    }
    const message = `no response head within ${this.request.responseHeadTimeoutMs} ms`;
    this.#giveUp(new ProxyError("PROXY_UPSTREAM_HEAD_TIMEOUT", { message }));
  }

  // --- UploadObserver ---

  uploadWaitsForSource(): void {
    this.#waitsForSource = true;
    if (!this.#headReceived) this.#connection?.disarm();
  }

  uploadWaitsForUpstream(): void {
    this.#waitsForSource = false;
    this.#silence.heard = true;
    if (!this.#headReceived) this.#connection?.arm(this.request.responseHeadTimeoutMs);
  }

  get uploadIsTaken(): boolean {
    return this.#connection?.isDrained === true;
  }

  // --- undici's handler ---

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    this.#connection?.begin();
    if (this.#paused) controller.pause();
    if (this.#dispatching) return;
    try {
      this.#announce();
    } catch (error) {
      this.#giveUp(receiverFault(error));
    }
  }

  onRequestSent(): void {
    this.#waitsForSource = false;
    this.#silence.heard = true;
    if (!this.#headReceived) this.#connection?.arm(this.request.responseHeadTimeoutMs);
  }

  onResponseStart(controller: Controller, status: number): void {
    if (this.#over) return;
    try {
      this.#announce();
      const fields = toRawFields(controller.rawHeaders as Buffer[]);
      if (status < 200) {
        // A 101 without the upgrade that it belongs to is not a response to anything.
        if (status === 101)
          throw new ProxyError("PROXY_UPSTREAM_PROTOCOL", { message: "unasked 101" });
        this.#receiver.onInformational(status, fields);
        return;
      }
      this.#headReceived = true;
      this.#head = fields;
      this.#armIdle();
      // The parser takes the chunks off and leaves other transfer codings inside the content: refused here.
      const framing = responseFraming(fields);
      if ("error" in framing) {
        throw new ProxyError("PROXY_UPSTREAM_PROTOCOL", { message: framing.message });
      }
      this.#use.observe(status, false);
      this.#closeDelimited =
        framing.length === undefined &&
        !framing.chunked &&
        !hasNoContent(this.request.method, status);
      this.#receiver.onHead(status, fields);
    } catch (error) {
      this.#giveUp(receiverFault(error));
    }
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    // undici gives an empty chunk at each resume. A reader that pauses after every chunk and resumes for the next would
    // go round in microtasks for ever and let nothing else run.
    if (this.#over || chunk.length === 0) return;
    this.#silence.heard = true;
    try {
      this.#receiver.onData(chunk);
    } catch (error) {
      this.#giveUp(receiverFault(error));
    }
  }

  onResponseEnd(controller: Controller): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#controller = null;
    this.#use.leave();
    connection?.disarm();
    connection?.release();
    if (this.#over) return;
    this.#over = true;
    const trailers = controller.rawTrailers as Buffer[] | null | undefined;
    try {
      this.#receiver.onEnd(
        trailers == null || trailers.length === 0 ? [] : toRawFields(trailers),
        !this.#closeDelimited,
      );
    } catch (error) {
      this.#pool.reportFault(error);
    }
  }

  onRequestUpgrade(
    controller: Controller,
    _status: number,
    _headers: unknown,
    socket: Duplex,
  ): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#controller = null;
    connection?.disarm();
    connection?.becomeTunnel(socket as Socket);
    this.#use.observe(101, false);
    // As long as the tunnel stands, it is a request under way.
    socket.once("close", () => this.#use.leave());
    if (this.#over) {
      socket.destroy();
      return;
    }
    const fields: RawFields = toRawFields(controller.rawHeaders as Buffer[]);
    this.#over = true;
    try {
      this.#announceOn(connection);
      this.#receiver.onUpgrade(fields, socket);
    } catch (error) {
      socket.destroy();
      this.#pool.reportFault(error);
    }
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    const connection = this.#connection;
    const started = this.#controller !== null;
    this.#connection = null;
    this.#controller = null;
    if (connection === null) return;
    connection.disarm();
    connection.call = null;
    if (this.#dispatching) {
      this.#use.leave();
      // undici refused the request itself; the connection has not seen it.
      this.#pool.unused(connection);
      if (!this.#over) this.failLater(fromForeignError(error, "head"));
      return;
    }
    if (this.#over) {
      this.#use.leave();
      if (!started) this.#pool.drop(connection);
      return;
    }
    if (!started) {
      this.#connectFailed(connection, error);
      return;
    }
    if (this.#mayRetry(connection, error)) {
      this.#retriedStale = true;
      this.#announceSafely(connection);
      // A connection that grew old is nobody's fault.
      this.#use.leave();
      this.#pool.replace(connection, this);
      return;
    }
    this.#fail(this.#exchangeError(connection, error), connection);
  }

  // --- what becomes of a failure ---

  #connectFailed(connection: Connection, error: Error): void {
    const failure = fromForeignError(error, "connect");
    const hasMoved = this.#pool.targets.unreachable(connection.member);
    this.#use.blame(failure);
    this.#use.leave();
    this.#announceSafely(connection);
    // Nothing was sent, so another target may have it, whatever the method.
    this.#connectRetries += 1;
    if (this.#connectRetries <= MAX_CONNECT_RETRIES) {
      if (this.#pool.startElsewhere(connection, this)) return;
      if (hasMoved) {
        this.#pool.replace(connection, this);
        return;
      }
    }
    this.#pool.drop(connection);
    this.#fail(failure, connection);
  }

  /** RFC 9112 §9.3.1: closed just as we used it again, before it can have seen the request. */
  #mayRetry(connection: Connection, error: Error): boolean {
    const content = this.request.content;
    return (
      !this.#retriedStale &&
      this.#isStale(connection, error) &&
      (content === undefined || content.bytes !== undefined) &&
      this.request.upgrade === undefined
    );
  }

  /** An idempotent request on a connection from before that broke without a byte of an answer. */
  #isStale(connection: Connection, error: Error): boolean {
    return (
      connection.reused &&
      !connection.answered &&
      !this.#headReceived &&
      isConnectionLoss(error) &&
      IDEMPOTENT.has(this.request.method)
    );
  }

  // --- silence within the content ---

  #armIdle(): void {
    const { idleTimeoutMs } = this.request;
    if (idleTimeoutMs === undefined) this.#connection?.disarm();
    else this.#connection?.arm(idleTimeoutMs / 2);
  }

  #checkSilence(): void {
    const { idleTimeoutMs } = this.request;
    if (idleTimeoutMs === undefined || mayBeQuiet(this.#head)) return;
    const mayWait = this.#paused || this.#waitsForSource;
    if (this.#silence.isTooLong(mayWait)) this.#giveUp(idleError(idleTimeoutMs));
    else this.#armIdle();
  }

  #exchangeError(connection: Connection, error: Error): ProxyError {
    if (this.#isStale(connection, error)) {
      const message = "a connection from the pool was closed as the request went out";
      return new ProxyError("PROXY_UPSTREAM_STALE", { cause: error, message });
    }
    return fromForeignError(error, this.#headReceived ? "content" : "head");
  }

  /** Ends this request by our own decision. */
  #giveUp(error: ProxyError): void {
    if (this.#over) return;
    const connection = this.#connection;
    this.#over = true;
    this.#stop();
    this.#over = false;
    this.#fail(error, connection);
  }

  #fail(error: ProxyError, connection: Connection | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#use.blame(error);
    this.#use.leave();
    this.request.content?.cancel();
    try {
      this.#announceOn(connection);
      this.#receiver.onError(error);
    } catch (fault) {
      this.#pool.reportFault(fault);
    }
  }

  /** Lets go of queue, connection and content. `#over` is set: what undici still says is not heard. */
  #stop(): void {
    const connection = this.#connection;
    const controller = this.#controller;
    if (connection === null) {
      this.#pool.forget(this);
    } else if (controller === null) {
      // Not sent yet: it waits for the connection, which is of no use to anybody else now.
      this.#pool.drop(connection);
      connection.destroy();
    } else {
      connection.disarm();
      controller.abort(ABORTED);
    }
    this.request.content?.cancel();
  }

  #announce(): void {
    this.#announceOn(this.#connection);
  }

  #announceOn(connection: Connection | null): void {
    if (connection !== null) this.#use.announce(connection, this.request, this.#receiver);
  }

  /** Another attempt follows, whatever the receiver makes of this one. */
  #announceSafely(connection: Connection): void {
    try {
      this.#announceOn(connection);
    } catch (fault) {
      this.#pool.reportFault(fault);
    }
  }

  #body(content: NonNullable<UpstreamRequest["content"]>): Buffer | ContentBridge | null {
    const bytes = content.bytes;
    if (bytes !== undefined) {
      if (bytes.byteLength === 0) return null;
      if (Buffer.isBuffer(bytes)) return bytes;
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return content.length === 0 ? null : new ContentBridge(content, this);
  }

  /** @internal for deliverFailure */
  deliver(error: ProxyError): void {
    this.#fail(error, null);
  }
}

const ABORTED = new Error("the request was given up");

function deliverFailure(call: NetworkCall, error: ProxyError): void {
  call.deliver(error);
}
