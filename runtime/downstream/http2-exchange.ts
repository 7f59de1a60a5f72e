import { constants } from "node:http2";
import type { Duplex } from "node:stream";

import { ProxyError } from "../errors.ts";
import type { Linked } from "../linked-set.ts";
import { NO_FIELDS, type RawFields, type ReadonlyRawFields } from "../http/raw-fields.ts";
import type { ConnectionFacts, Exchange, ExchangeReceiver } from "./exchange.ts";
import type { Http2Connection } from "./http2-connection.ts";
import type { Http2Content } from "./http2-content.ts";
import type { Http2HeadFacts } from "./http2-request-head.ts";
import { fieldObject, writeHttp2ResponseHead } from "./http2-response-head.ts";
import { cutStream, EXCHANGE, type ExchangeStream } from "./http2-stream.ts";
import { Http2Tunnel } from "./http2-tunnel.ts";

const head = { list: [] as string[], hasContent: false, length: -1 };

/** node only reads them. */
const END = { endStream: true };
const WAIT = { waitForTrailers: true };

/** How often a response whose last bytes wait for the socket is looked at. */
const END_LOOK_MS = 20;

/** Where a response stands. */
type Phase = "open" | "head" | "content" | "ended" | "tunnel" | "over";

/** One HTTP/2 stream (RFC 9113 §8.1): a request and its response. */
export class Http2Exchange implements Exchange, Linked {
  readonly protocol = "HTTP/2";
  readonly scheme: "http" | "https";
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: ReadonlyRawFields;
  readonly upgrade: string | undefined;
  readonly expectsContinue: boolean;
  content: Http2Content | undefined;
  receiver: ExchangeReceiver | null = null;
  headSent = false;
  bytesSent = 0;
  /** For the connection: what the client had taken when it was last looked at, and since when that has not grown. */
  takenAtLook = 0;
  stalledMs = 0;

  /** Among those of its connection. */
  previousLinked: this | null = null;
  nextLinked: this | null = null;

  readonly #connection: Http2Connection;
  readonly #stream: ExchangeStream;
  readonly #acceptsTrailers: boolean;
  #phase: Phase = "open";
  /** Head that is written but has not left. */
  #head: string[] | undefined;
  #hasContent = false;
  /** Bytes that Content-Length promises and that are not written yet; -1 where none is. */
  #left = -1;
  /** node holds END_STREAM back until it gets trailers, or an empty list of them. */
  #waits = false;
  #trailers: ReadonlyRawFields = NO_FIELDS;
  #trailersSent = false;
  #listensForDrain = false;
  /** The stream's last bytes were given to node. */
  #completing = false;
  #abortedByUs = false;
  #tunnel: Http2Tunnel | undefined;

  constructor(connection: Http2Connection, stream: ExchangeStream, facts: Http2HeadFacts) {
    this.#connection = connection;
    this.#stream = stream;
    this.scheme = connection.scheme;
    this.method = facts.method;
    this.target = facts.target;
    this.authority = facts.authority;
    this.fields = facts.fields;
    this.upgrade = facts.upgrade;
    this.expectsContinue = facts.expectsContinue;
    this.#acceptsTrailers = facts.acceptsTrailers;
    stream[EXCHANGE] = this;
    stream.on("close", onClose);
  }

  get connection(): ConnectionFacts {
    return this.#connection.facts;
  }

  get bytesReceived(): number {
    return this.content?.received ?? this.#tunnel?.bytesReceived ?? 0;
  }

  get takenBytes(): number {
    return this.writtenBytes - this.waitingBytes;
  }

  get isTunnel(): boolean {
    return this.#phase === "tunnel";
  }

  get writtenBytes(): number {
    return this.#tunnel?.bytesSent ?? this.bytesSent;
  }

  /** Bytes that were written and that the client's window has not taken. */
  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Reset with NO_ERROR while content waited: Node 24 closes such a stream and never says so. */
  get isAbandoned(): boolean {
    return this.#stream.closed && !this.#stream.destroyed && this.waitingBytes > 0;
  }

  /** The client gave it up: neither we nor the end did. */
  get wasReset(): boolean {
    return !this.#abortedByUs && !this.#hasEnd && this.#phase !== "tunnel";
  }

  /** node has the end of the stream, with the last byte that was declared or by itself. */
  get #hasEnd(): boolean {
    return this.#completing || this.#phase === "ended";
  }

  writeInformational(status: number, fields: ReadonlyRawFields): void {
    if (this.#phase !== "open" || status < 100 || status > 199 || status === 101) return;
    if (this.#stream.destroyed || this.#stream.closed) return;
    this.#stream.additionalHeaders({ ":status": status, ...fieldObject(fields) });
  }

  /** RFC 9110 §10.1.1: 100 goes out when somebody starts to read, so that a refusal costs the client no upload. */
  sendContinue(): void {
    this.writeInformational(100, NO_FIELDS);
  }

  writeHead(status: number, fields: ReadonlyRawFields): void {
    if (this.#phase !== "open") return;
    if (this.upgrade !== undefined && status < 300) {
      // RFC 8441 §4: any 2xx opens the tunnel, whatever the upstream meant by it.
      throw new ProxyError("PROXY_UPSTREAM_PROTOCOL", {
        message: `status ${status} is no answer to an extended CONNECT`,
      });
    }
    writeHttp2ResponseHead(status, fields, this.method, head);
    this.#head = head.list;
    this.#hasContent = head.hasContent;
    this.#left = head.hasContent ? head.length : -1;
    // Trailers of a response with a length are possible in HTTP/2 only; gRPC, whose clients say so, has them. And where
    // the request had content, node destroys the stream with the frame that ends it, before it has told that the content
    // is written: only that it asks for trailers tells then.
    this.#waits =
      head.hasContent &&
      (head.length === -1 || this.#acceptsTrailers || !this.#stream.endAfterHeaders);
    this.headSent = true;
    this.#phase = "head";
    process.nextTick(flushTick, this);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#phase !== "head" && this.#phase !== "content") return true;
    let size = chunk.byteLength;
    if (size === 0 || !this.#hasContent) return true;
    if (this.#left >= 0) {
      if (size > this.#left) {
        // RFC 9113 §8.1.1: a byte more makes the response malformed.
        chunk = chunk.subarray(0, this.#left);
        size = this.#left;
        if (size === 0) return true;
      }
      this.#left -= size;
    }
    if (this.#phase === "head") this.#respond(this.#waits ? WAIT : undefined);
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return true;
    this.bytesSent += size;
    if (this.#left === 0 && !this.#acceptsTrailers) {
      // END_STREAM goes with it, or right behind it.
      this.#completing = true;
      stream.end(chunk);
      return true;
    }
    const room = stream.write(chunk);
    if (!room && !this.#listensForDrain) {
      this.#listensForDrain = true;
      stream.on("drain", onDrain);
    }
    return room;
  }

  end(trailers: ReadonlyRawFields = NO_FIELDS): void {
    if (this.#phase !== "head" && this.#phase !== "content") {
      // A message without a head cannot be ended as a whole one.
      if (this.#phase === "open") this.abort();
      return;
    }
    if (this.#left > 0) {
      this.abort();
      return;
    }
    this.#trailers = trailers;
    if (this.#phase === "head") {
      const waits = this.#waits && trailers.length > 0;
      this.#waits = waits;
      this.#respond(waits ? WAIT : END);
      if (waits) this.#stream.end();
    } else if (!this.#completing) {
      this.#stream.end();
    }
    this.#phase = "ended";
    if (this.content?.isComplete === false || this.upgrade !== undefined) {
      if (this.#stream.writableFinished) setImmediate(leaveLater, this);
      else this.#stream.on("finish", onFinish);
    }
  }

  abort(): void {
    if (this.#phase === "over" || this.#phase === "ended" || this.#phase === "tunnel") return;
    this.cut();
  }

  /** RST_STREAM, whatever is under way. */
  cut(): void {
    this.#abortedByUs = true;
    this.#head = undefined;
    cutStream(this.#stream);
  }

  closeAfter(): void {
    // Streams do not depend on each other's framing: what is broken ends with its stream.
  }

  acceptUpgrade(fields: ReadonlyRawFields): Duplex {
    if (this.#phase !== "open" || this.upgrade === undefined) {
      throw new TypeError(
        "only an exchange that asks for an upgrade, and has no response yet, can be upgraded",
      );
    }
    // RFC 8441 §5.1: 200 instead of 101, and no proof of a key that the client did not send.
    const kept: RawFields = [];
    for (let at = 0; at < fields.length; at += 2) {
      if ((fields[at] as string).toLowerCase() === "sec-websocket-accept") continue;
      kept.push(fields[at] as string, fields[at + 1] as string);
    }
    writeHttp2ResponseHead(200, kept, this.method, head);
    this.#head = head.list;
    this.headSent = true;
    this.#respond(undefined);
    this.#phase = "tunnel";
    this.#tunnel = new Http2Tunnel(this.#stream);
    return this.#tunnel;
  }

  /** END_STREAM is all that is missing, and what comes with it. */
  sendTrailers(): void {
    const stream = this.#stream;
    if (this.#trailersSent || stream.destroyed || stream.closed) return;
    this.#trailersSent = true;
    try {
      stream.sendTrailers(fieldObject(this.#trailers));
    } catch (error) {
      this.#connection.fault(error, stream);
      return;
    }
  }

  /** The stream is gone. */
  closed(): void {
    if (this.#phase === "over") return;
    const isTunnel = this.#phase === "tunnel";
    const complete =
      isTunnel ||
      (this.#hasEnd &&
        !this.#abortedByUs &&
        (this.#waits ? this.#trailersSent : this.#stream.writableFinished));
    if (isTunnel) this.bytesSent = this.#tunnel?.bytesSent ?? 0;
    this.#phase = "over";
    this.#head = undefined;
    // node keeps streams in a Map whose old tables can hold them for long (see linked-set.ts): nothing of ours with them.
    this.#stream[EXCHANGE] = undefined;
    this.receiver?.onClose(complete);
    if (this.content?.isOver === false) {
      this.content.fail(new ProxyError("PROXY_CLIENT_ABORTED"));
    }
  }

  streamClosed(): void {
    this.#connection.streamClosed(this);
  }

  drained(): void {
    try {
      this.receiver?.onDrain();
    } catch (error) {
      this.#connection.fault(error, this.#stream);
    }
  }

  /** End of the tick in which the head was written: it leaves now, if nothing followed. */
  flush(): void {
    if (this.#phase === "head") this.#respond(this.#waits ? WAIT : undefined);
  }

  /**
   * RFC 9113 §8.1: a response may be complete before its request. What is still to come is not wanted: RST_STREAM with
   * NO_ERROR. Not before END_STREAM is out: nghttp2 drops what a stream that is being reset has not sent.
   */
  leaveContent(): void {
    const stream = this.#stream;
    this.content?.leave();
    if (stream.destroyed || stream.closed) return;
    stream.resume();
    const { localClose, remoteClose } = stream.state;
    if (remoteClose === 1) return;
    if (localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
    else setTimeout(leaveLater, END_LOOK_MS, this).unref();
  }

  #respond(options: typeof END | typeof WAIT | undefined): void {
    const list = this.#head;
    this.#head = undefined;
    this.#phase = "content";
    const stream = this.#stream;
    if (list === undefined || stream.destroyed || stream.closed) return;
    if (options === WAIT) stream.on("wantTrailers", onWantTrailers);
    stream.respond(list as never, options);
  }
}

function flushTick(exchange: Http2Exchange): void {
  exchange.flush();
}

function leaveLater(exchange: Http2Exchange): void {
  exchange.leaveContent();
}

function onClose(this: ExchangeStream): void {
  this[EXCHANGE]?.streamClosed();
}

function onDrain(this: ExchangeStream): void {
  this[EXCHANGE]?.drained();
}

function onFinish(this: ExchangeStream): void {
  const exchange = this[EXCHANGE];
  // node has the last bytes; they leave at the end of its turn.
  if (exchange !== undefined) setImmediate(leaveLater, exchange);
}

function onWantTrailers(this: ExchangeStream): void {
  this[EXCHANGE]?.sendTrailers();
}
