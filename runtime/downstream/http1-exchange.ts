import type { Duplex } from "node:stream";

import type { ProxyError } from "../errors.ts";
import { NO_FIELDS, type ReadonlyRawFields } from "../http/raw-fields.ts";
import type { ConnectionFacts, Exchange, ExchangeReceiver } from "./exchange.ts";
import type { Http1Connection } from "./http1-connection.ts";
import type { Http1Content } from "./http1-content.ts";
import type { Http1Request } from "./http1-request.ts";
import type { HeadFacts } from "./request-head.ts";
import { unsentBytes } from "./stalled-reader.ts";
import { fieldLines, statusLine, writeResponseHead, type Framing } from "./response-head.ts";

/** Up to this size, head and content are copied into one buffer: cheaper than a gathered write. */
const MAX_COPIED_BYTES = 16 * 1024;

const CRLF = Buffer.from("\r\n");
const head = { text: "", framing: "none" as Framing, length: -1 };

/** Where a response stands. */
type Phase = "open" | "head" | "content" | "ended" | "tunnel" | "over";

/**
 * One request of an HTTP/1.1 connection and its response, written straight to the socket: the same for an ordinary
 * request and for one that asks for an upgrade (whose socket node has let go of).
 */
export class Http1Exchange implements Exchange {
  readonly protocol: "HTTP/1.0" | "HTTP/1.1";
  readonly scheme: "http" | "https";
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: ReadonlyRawFields;
  readonly content: Http1Content | undefined;
  readonly upgrade: string | undefined;
  readonly expectsContinue: boolean;
  readonly request: Http1Request;
  receiver: ExchangeReceiver | null = null;
  headSent = false;
  bytesSent = 0;

  readonly #connection: Http1Connection;
  #phase: Phase = "open";
  #framing: Framing = "none";
  /** Head that is written but has not left. */
  #head = "";
  /** Bytes that Content-Length promises and that are not written yet. */
  #left = 0;
  #corked = false;
  /** Bytes of the connection that are not the tunnel's; then, when it is closed, those that are. */
  #writtenBefore = 0;
  #readBefore = 0;
  #tunnelReceived = 0;
  /** The write that completes the message is under way; then it is with the kernel. */
  #completing = false;
  #flushed = false;

  constructor(
    connection: Http1Connection,
    request: Http1Request,
    facts: HeadFacts,
    content: Http1Content | undefined,
    upgrade: string | undefined,
  ) {
    this.#connection = connection;
    this.request = request;
    this.protocol = request.httpVersionMinor === 1 ? "HTTP/1.1" : "HTTP/1.0";
    this.scheme = connection.scheme;
    this.method = request.method as string;
    this.target = facts.target;
    this.authority = facts.authority;
    this.fields = request.rawHeaders;
    this.content = content;
    this.upgrade = upgrade;
    this.expectsContinue = content !== undefined && facts.expectsContinue;
  }

  get connection(): ConnectionFacts {
    return this.#connection.facts;
  }

  get bytesReceived(): number {
    return this.content === undefined ? this.#tunnelReceived : this.content.received;
  }

  get takenBytes(): number {
    return this.bytesSent - unsentBytes(this.#connection.socket);
  }

  writeInformational(status: number, fields: ReadonlyRawFields): void {
    // RFC 9110 §15.2: never to HTTP/1.0. 101 is `acceptUpgrade`.
    if (this.#phase !== "open" || this.protocol === "HTTP/1.0") return;
    if (status < 100 || status > 199 || status === 101) return;
    this.#connection.socket.write(`${statusLine(status)}${fieldLines(fields)}\r\n`, "latin1");
  }

  /** RFC 9110 §10.1.1: 100 goes out when somebody starts to read, so that a refusal costs the client no upload. */
  sendContinue(): void {
    this.writeInformational(100, NO_FIELDS);
  }

  writeHead(status: number, fields: ReadonlyRawFields): void {
    if (this.#phase !== "open") return;
    const isHttp11 = this.protocol === "HTTP/1.1";
    writeResponseHead(status, fields, this.method, isHttp11, head);
    this.#framing = head.framing;
    this.#left = head.framing === "length" ? head.length : 0;
    const connection = this.#connection;
    if (head.framing === "close") connection.closeAfterCurrent();
    if (connection.closesAfter(this)) {
      this.#head = `${head.text}Connection: close\r\n\r\n`;
      connection.closeAfterCurrent();
    } else {
      this.#head = isHttp11 ? `${head.text}\r\n` : `${head.text}Connection: keep-alive\r\n\r\n`;
    }
    this.headSent = true;
    this.#phase = "head";
    process.nextTick(flushTick, this);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#phase !== "head" && this.#phase !== "content") return true;
    let size = chunk.byteLength;
    if (size === 0 || this.#framing === "none") return true;
    if (this.#framing === "length") {
      if (size > this.#left) {
        // RFC 9112 §6.3: a byte more would be read as the start of the next response.
        this.#connection.closeAfterCurrent();
        chunk = chunk.subarray(0, this.#left);
        size = this.#left;
        if (size === 0) return true;
      }
      this.#left -= size;
    }
    this.bytesSent += size;
    const { socket, onWritten } = this.#connection;
    const isLast = this.#framing === "length" && this.#left === 0;
    this.#completing = isLast;
    if (this.#phase === "head") {
      this.#phase = "content";
      if (isLast && size <= MAX_COPIED_BYTES) return socket.write(this.#joined(chunk), onWritten);
      socket.cork();
      this.#corked = true;
      socket.write(this.#head, "latin1");
      this.#head = "";
    }
    if (this.#framing !== "chunked") {
      return isLast ? socket.write(chunk, onWritten) : socket.write(chunk);
    }
    const corkedHere = !this.#corked;
    if (corkedHere) socket.cork();
    socket.write(`${size.toString(16)}\r\n`, "latin1");
    socket.write(chunk);
    const room = socket.write(CRLF);
    if (corkedHere) socket.uncork();
    return room;
  }

  end(trailers?: ReadonlyRawFields): void {
    if (this.#phase !== "head" && this.#phase !== "content") {
      // A message without a head cannot be ended as a whole one.
      if (this.#phase === "open") this.abort();
      return;
    }
    if (this.#left > 0) {
      this.abort();
      return;
    }
    const { socket, onWritten } = this.#connection;
    let tail = "";
    if (this.#framing === "chunked") {
      const hasTrailers = trailers !== undefined && trailers.length > 0;
      tail = hasTrailers ? `0\r\n${fieldLines(trailers)}\r\n` : "0\r\n\r\n";
    }
    this.#phase = "ended";
    if (!this.#completing) socket.write(this.#head + tail, "latin1", onWritten);
    else if (this.#flushed) process.nextTick(flushedTick, this);
    this.#head = "";
    this.#uncork();
  }

  abort(): void {
    if (this.#phase === "over" || this.#phase === "ended" || this.#phase === "tunnel") return;
    const socket = this.#connection.socket;
    // Where the end of the connection is the end of the message, only a reset says that it is not whole.
    if (this.#framing === "close" && this.#phase === "content") socket.resetAndDestroy();
    else socket.destroy();
  }

  closeAfter(): void {
    this.#connection.closeAfterCurrent();
  }

  acceptUpgrade(fields: ReadonlyRawFields): Duplex {
    if (this.#phase !== "open" || this.upgrade === undefined) {
      throw new TypeError(
        "only an exchange that asks for an upgrade, and has no response yet, can be upgraded",
      );
    }
    const lines = fieldLines(fields);
    this.#phase = "tunnel";
    this.headSent = true;
    const { socket } = this.#connection;
    socket.write(`${statusLine(101)}Connection: Upgrade\r\n${lines}\r\n`, "latin1");
    this.#writtenBefore = socket.bytesWritten;
    this.#readBefore = socket.bytesRead - this.#connection.earlySize;
    return this.#connection.openTunnel();
  }

  /** The connection: what was written last is with the kernel. */
  flushed(): void {
    this.#flushed = true;
    if (this.#phase === "ended") this.#finish();
  }

  /** The connection is gone. */
  closed(error: ProxyError): void {
    if (this.#phase === "over") return;
    const complete = this.#phase === "tunnel";
    if (complete) {
      this.bytesSent = this.#connection.socket.bytesWritten - this.#writtenBefore;
      this.#tunnelReceived = this.#connection.socket.bytesRead - this.#readBefore;
    }
    this.#phase = "over";
    this.#head = "";
    this.receiver?.onClose(complete);
    this.content?.fail(error);
  }

  /** End of the tick in which the head was written: it leaves now, with whatever followed it. */
  flush(): void {
    if (this.#phase === "head") {
      this.#phase = "content";
      this.#connection.socket.write(this.#head, "latin1");
      this.#head = "";
    }
    this.#uncork();
  }

  #finish(): void {
    this.#phase = "over";
    this.#connection.exchangeOver(this);
  }

  #joined(chunk: Uint8Array): Buffer {
    const length = this.#head.length;
    const bytes = Buffer.allocUnsafe(length + chunk.byteLength);
    bytes.write(this.#head, 0, length, "latin1");
    bytes.set(chunk, length);
    this.#head = "";
    return bytes;
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#connection.socket.uncork();
  }
}

function flushTick(exchange: Http1Exchange): void {
  exchange.flush();
}

function flushedTick(exchange: Http1Exchange): void {
  exchange.flushed();
}
