/**
 * One request to an HTTP/2 upstream, from the queue to the last byte: a stream of node:http2 turned into the receiver's
 * calls (RFC 9113 §8.1). What is decided here: when a request may be sent again, that a response only counts as whole
 * if its END_STREAM came, and that the receiver gets exactly one last call, never within `dispatch`.
 *
 * Requests that want another protocol become extended CONNECT (RFC 8441).
 *
 * Over 400 lines: it is one state machine over two directions and their ends; the stream's listeners (http2-stream.ts), heads,
 * errors and tunnels are elsewhere.
 */
import { createHash } from "node:crypto";
import { constants, type ClientHttp2Stream } from "node:http2";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { isProxyError, ProxyError, toProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import { fieldValue, type RawFields, type ReadonlyRawFields } from "../http/raw-fields.ts";
import { receiverFault } from "./foreign-errors.ts";
import type { Http2Connection } from "./http2-connection.ts";
import { codeName, fromStreamFailure, wasNotProcessed } from "./http2-errors.ts";
import { http2RequestHead, http2ResponseFields, http2Trailers } from "./http2-head.ts";
import type { Http2Pool, Http2PooledCall } from "./http2-pool.ts";
import { listenTo, startData, type Http2StreamUser } from "./http2-stream.ts";
import { idleError, mayBeQuiet, Silence } from "./idle-limit.ts";
import { Http2Tunnel } from "./http2-tunnel.ts";
import { IDEMPOTENT, MAX_CONNECT_RETRIES } from "./pool-retries.ts";
import { targetAddress } from "./target.ts";
import type { TargetMember } from "./targets/target-member.ts";
import { TargetUse } from "./targets/target-use.ts";
import type { UpstreamCall, UpstreamReceiver, UpstreamRequest } from "./upstream.ts";

const { NGHTTP2_CANCEL } = constants;

export class Http2Call implements UpstreamCall, Http2PooledCall, ContentSink, Http2StreamUser {
  readonly request: UpstreamRequest;
  queueDeadline: Deadline | null = null;
  previousLinked: this | null = null;
  nextLinked: this | null = null;
  avoided: Set<TargetMember> | undefined;
  readonly #pool: Http2Pool;
  readonly #wheel: DeadlineWheel;
  readonly #receiver: UpstreamReceiver;
  readonly #deadline: Deadline;
  #connection: Http2Connection | null = null;
  readonly #use: TargetUse;
  #stream: ClientHttp2Stream | null = null;
  /** What of the request is still to be sent. */
  #uploading: ContentSource | null = null;
  #requestTrailers: ReadonlyRawFields = [];
  #responseTrailers: RawFields = [];
  /** The receiver has had its last call, or wants none. */
  #over = false;
  #dispatching = true;
  #headReceived = false;
  #endReceived = false;
  /** Content-Length of the response, if it has one, and what of it has come. */
  #length = -1;
  #received = 0;
  #answered = false;
  #paused = false;
  #contentOpened = false;
  /** The connection had served others before. */
  #reused = false;
  #retried = false;
  #connectRetries = 0;
  #streamError: Error | null = null;
  #head: RawFields | null = null;
  readonly #silence = new Silence();

  constructor(
    pool: Http2Pool,
    wheel: DeadlineWheel,
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
  ) {
    this.#pool = pool;
    this.#use = new TargetUse(pool.targets);
    this.#wheel = wheel;
    this.request = request;
    this.#receiver = receiver;
    this.#deadline = new Deadline(() => this.#timedOut());
  }

  dispatch(): this {
    this.#pool.dispatch(this);
    this.#dispatching = false;
    return this;
  }

  // --- Http2PooledCall ---

  get connectTimeoutMs(): number {
    return this.request.connectTimeoutMs;
  }

  start(connection: Http2Connection): void {
    const { request } = this;
    const content = request.upgrade === undefined ? request.content : undefined;
    const bytes = content?.bytes;
    const isEmpty = request.upgrade === undefined && (content?.length ?? bytes?.byteLength) === 0;
    const endStream = request.upgrade === undefined && (content === undefined || isEmpty);
    this.#connection = connection;
    this.#use.enter(connection.member);
    this.#streamError = null;
    this.#reused = connection.served > 0;
    if (request.upgrade !== undefined && !connection.allowsConnectProtocol) {
      const message = `${targetAddress(connection.target)} speaks HTTP/2 without extended CONNECT (RFC 8441), so ${request.upgrade} cannot be reached through it: route upgrades to an upstream without \`http2\``;
      this.failLater(new ProxyError("PROXY_UPSTREAM_PROTOCOL", { message }));
      return;
    }
    const streamed = !endStream && content !== undefined && bytes === undefined;
    let stream: ClientHttp2Stream;
    try {
      const head = http2RequestHead(request, connection.target);
      stream = connection.request(head, endStream, streamed);
    } catch (error) {
      this.failLater(toProxyError(error, "PROXY_INTERNAL", "the head cannot be sent"));
      return;
    }
    this.#stream = stream;
    listenTo(stream, this);
    if (!this.#dispatching) this.#tell(() => this.#announce());
    if (this.#over) return;
    if (streamed) {
      this.#uploading = content;
      this.#contentOpened = true;
      content.open(this);
    } else {
      this.#armHead();
      if (bytes !== undefined && !endStream) stream.end(bytes);
    }
  }

  connectFailed(connection: Http2Connection, error: ProxyError): void {
    if (this.#over) return;
    this.#connection = connection;
    this.#use.enter(connection.member);
    const hasMoved = this.#pool.targets.unreachable(connection.member);
    this.#use.blame(error);
    this.#use.leave();
    this.#announceSafely();
    // Nothing was sent, so another target may have it, whatever the method.
    this.#connectRetries += 1;
    if (this.#connectRetries <= MAX_CONNECT_RETRIES) {
      if (this.#pool.startElsewhere(connection, this)) return;
      if (hasMoved) {
        this.#pool.startAgain(this);
        return;
      }
    }
    this.#fail(error);
  }

  /** Told in a later tick. */
  failLater(error: ProxyError): void {
    if (!this.#over) process.nextTick(deliverFailure, this, error);
  }

  // --- UpstreamCall ---

  get target(): string | undefined {
    return this.#connection === null ? undefined : targetAddress(this.#connection.target);
  }

  pause(): void {
    this.#paused = true;
    if (this.#headReceived) this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#silence.heard = true;
    if (this.#headReceived) this.#stream?.resume();
  }

  abort(fault?: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    if (fault !== undefined && !this.#headReceived) this.#use.blame(fault);
    this.#stop();
    this.#use.leave();
  }

  // --- ContentSink: the request's content ---

  onData(chunk: Uint8Array): void {
    const stream = this.#stream;
    if (this.#uploading === null || stream === null || chunk.byteLength === 0) return;
    if (stream.closed || stream.destroyed) return;
    if (stream.write(chunk)) return;
    this.#uploading.pause();
    // Time that the client takes is not the upstream's; this is.
    this.#armHead();
  }

  onEnd(trailers: RawFields): void {
    this.#requestTrailers = trailers;
    this.#uploading = null;
    this.#silence.heard = true;
    this.#armHead();
    this.#stream?.end();
  }

  /** Cuts the request: the upstream must see that it is not whole. */
  onError(error: Error): void {
    this.#uploading = null;
    this.#giveUp(toProxyError(error, "PROXY_REQUEST_CONTENT_INCOMPLETE"));
  }

  // --- the stream ---

  informed(status: number, raw: readonly string[]): void {
    if (this.#over) return;
    this.#heard();
    this.#tell(() => {
      this.#announce();
      // RFC 9113 §8.6: HTTP/2 has no 101.
      if (status < 100 || status > 199 || status === 101) throw malformed(`status ${status}`);
      this.#receiver.onInformational(status, http2ResponseFields(raw));
    });
  }

  answered(status: number, raw: readonly string[], ended: boolean): void {
    if (this.#over) return;
    this.#heard();
    this.#tell(() => {
      this.#announce();
      if (!(status >= 200 && status <= 999)) throw malformed(`status ${status}`);
      this.#headReceived = true;
      const stream = this.#stream as ClientHttp2Stream;
      const fields = http2ResponseFields(raw);
      this.#use.observe(status, false);
      if (this.request.upgrade !== undefined && status < 300) {
        this.#wheel.disarm(this.#deadline);
        this.#becomeTunnel(stream, fields);
        return;
      }
      this.#head = fields;
      this.#armIdle();
      this.#length = Number(fieldValue(fields, "content-length") ?? -1);
      if (this.#paused) stream.pause();
      this.#receiver.onHead(status, fields);
      if (this.#over) return;
      if (ended) {
        // At once, so that a response of nothing but a head (gRPC's Trailers-Only) stays one on its further way.
        this.#finish([]);
        return;
      }
      startData(stream);
      if (this.#paused) stream.pause();
    });
  }

  received(chunk: Buffer): void {
    if (this.#over) return;
    this.#connection?.heard();
    this.#received += chunk.length;
    this.#silence.heard = true;
    try {
      this.#receiver.onData(chunk);
    } catch (error) {
      this.#giveUp(receiverFault(error));
    }
  }

  trailed(raw: readonly string[]): void {
    this.#responseTrailers = http2ResponseFields(raw);
  }

  endSeen(): void {
    this.#endReceived = true;
  }

  /** Node says "end" also for streams that were cut. */
  ended(): void {
    if (this.#endReceived && this.#headReceived) this.#finish(this.#responseTrailers);
  }

  drained(): void {
    if (this.#over || this.#uploading === null) return;
    if (!this.#headReceived) this.#wheel.disarm(this.#deadline);
    this.#uploading.resume();
  }

  sendTrailers(stream: ClientHttp2Stream): void {
    try {
      stream.sendTrailers(http2Trailers(this.#requestTrailers));
    } catch (error) {
      this.#giveUp(toProxyError(error, "PROXY_INTERNAL", "the trailers cannot be sent"));
    }
  }

  streamFailed(error: Error): void {
    this.#streamError ??= error;
  }

  closed(stream: ClientHttp2Stream): void {
    if (this.#over || this.#stream !== stream) return;
    this.#stream = null;
    const connection = this.#connection as Http2Connection;
    const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
    if (code === constants.NGHTTP2_NO_ERROR && this.#received === this.#length) {
      // Node's own server resets large responses with NO_ERROR in place of END_STREAM if its app never read the request.
      this.#finish([]);
      return;
    }
    const isUnprocessed =
      !this.#answered &&
      (wasNotProcessed(code, this.#streamError) || (stream.id ?? 0) > connection.lastStreamId);
    const isStale =
      !this.#answered &&
      this.#reused &&
      connection.lost &&
      !connection.goneAway &&
      !isProxyError(connection.error) &&
      IDEMPOTENT.has(this.request.method);
    if ((isUnprocessed || isStale) && this.#mayRetry()) {
      this.#retried = true;
      this.#announceSafely();
      this.#wheel.disarm(this.#deadline);
      // Not processed, or lost with a connection that grew old: nobody's fault.
      this.#use.leave();
      this.#pool.startAgain(this);
      return;
    }
    if (isUnprocessed || isStale) {
      const message = isStale
        ? "a connection from the pool was closed as the request went out"
        : `the upstream refused the stream without processing it (${codeName(code)})`;
      this.#fail(new ProxyError("PROXY_UPSTREAM_STALE", { message }));
      return;
    }
    const { error, lost } = connection;
    const cause = error ?? this.#streamError;
    this.#fail(fromStreamFailure({ code, connectionError: cause, connectionLost: lost }));
  }

  // --- how it ends ---

  #mayRetry(): boolean {
    return !this.#retried && !this.#contentOpened && this.request.upgrade === undefined;
  }

  #finish(trailers: RawFields): void {
    if (this.#over) return;
    this.#over = true;
    this.#use.leave();
    this.#wheel.disarm(this.#deadline);
    const stream = this.#stream;
    this.#stopUpload();
    if (stream !== null) {
      // RFC 9113 §8.1: the answer is whole, so what is left of the request is not needed.
      if (!stream.writableEnded) stream.close(NGHTTP2_CANCEL);
      else stream.resume();
    }
    try {
      this.#receiver.onEnd(trailers, true);
    } catch (error) {
      this.#pool.reportFault(error);
    }
  }

  #becomeTunnel(stream: ClientHttp2Stream, fields: RawFields): void {
    this.#over = true;
    // As long as the tunnel stands, it is a request under way.
    stream.once("close", () => this.#use.leave());
    const key = fieldValue(this.request.fields, "sec-websocket-key");
    // RFC 8441 §5 has no handshake keys; a client that came over HTTP/1.1 waits for the answer to its own.
    if (key !== undefined) fields.push("Sec-WebSocket-Accept", acceptKey(key));
    try {
      this.#receiver.onUpgrade(fields, new Http2Tunnel(stream, () => this.#endReceived));
    } catch (error) {
      stream.close(NGHTTP2_CANCEL);
      this.#pool.reportFault(error);
    }
  }

  #timedOut(): void {
    if (this.#over) return;
    if (this.#headReceived) {
      this.#checkSilence();
      return;
    }
    const message = `no response head within ${this.request.responseHeadTimeoutMs} ms`;
    this.#giveUp(new ProxyError("PROXY_UPSTREAM_HEAD_TIMEOUT", { message }));
  }

  #armIdle(): void {
    const { idleTimeoutMs } = this.request;
    if (idleTimeoutMs === undefined) this.#wheel.disarm(this.#deadline);
    else this.#wheel.arm(this.#deadline, idleTimeoutMs / 2);
  }

  /** As in HTTP/1.1. While the request's content goes on, the upstream may rightly be silent. */
  #checkSilence(): void {
    const { idleTimeoutMs } = this.request;
    if (idleTimeoutMs === undefined || mayBeQuiet(this.#head)) return;
    const mayWait = this.#paused || this.#uploading !== null;
    if (this.#silence.isTooLong(mayWait)) this.#giveUp(idleError(idleTimeoutMs));
    else this.#armIdle();
  }

  /** Ends this request by our own decision. */
  #giveUp(error: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    this.#over = false;
    this.#fail(error);
  }

  #fail(error: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    this.#use.blame(error);
    this.#use.leave();
    this.#wheel.disarm(this.#deadline);
    this.#stopUpload();
    try {
      this.#announce();
      this.#receiver.onError(error);
    } catch (fault) {
      this.#pool.reportFault(fault);
    }
  }

  /** RFC 9113 §7: CANCEL, which tells a gRPC server that its client went away. */
  #stop(): void {
    this.#wheel.disarm(this.#deadline);
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null) this.#pool.forget(this);
    else if (!stream.closed) stream.close(NGHTTP2_CANCEL);
    this.#stopUpload();
  }

  #stopUpload(): void {
    this.#uploading = null;
    this.request.content?.cancel();
  }

  #armHead(): void {
    if (this.#over || this.#headReceived) return;
    this.#wheel.arm(this.#deadline, this.request.responseHeadTimeoutMs);
  }

  #heard(): void {
    this.#answered = true;
    this.#connection?.heard();
  }

  #announce(): void {
    const connection = this.#connection;
    if (connection !== null) this.#use.announce(connection, this.request, this.#receiver);
  }

  /** Another attempt follows, whatever the receiver makes of this one. */
  #announceSafely(): void {
    try {
      this.#announce();
    } catch (fault) {
      this.#pool.reportFault(fault);
    }
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#giveUp(receiverFault(error));
    }
  }

  /** @internal for deliverFailure */
  deliver(error: ProxyError): void {
    this.#fail(error);
  }
}

function deliverFailure(call: Http2Call, error: ProxyError): void {
  call.deliver(error);
}

function malformed(what: string): ProxyError {
  const message = `a response with ${what} is none in HTTP/2`;
  return new ProxyError("PROXY_UPSTREAM_PROTOCOL", { message });
}

/** RFC 6455 §4.2.2. */
function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
