import type { Duplex } from "node:stream";

import type { ConnectionFacts, Exchange, ExchangeReceiver } from "../downstream/exchange.ts";
import { writeResponseHead, type Framing } from "../downstream/response-head.ts";
import type { ContentSource } from "../http/content.ts";
import { hasField, type ReadonlyRawFields } from "../http/raw-fields.ts";
import { sourceFromAsyncIterable } from "../http/readable-source.ts";
import { activity } from "./activity.ts";

/** A request as its connection would have read it. */
export interface WebExchangeRequest {
  readonly protocol: Exchange["protocol"];
  readonly scheme: Exchange["scheme"];
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: ReadonlyRawFields;
  readonly body: ReadableStream<Uint8Array> | Uint8Array | undefined;
  readonly connection: ConnectionFacts;
  readonly signal: AbortSignal | undefined;
  readonly onInformational: ((status: number, headers: Headers) => void) | undefined;
  readonly now: () => number;
}

/** What a connection takes before its client reads. */
const BUFFER_BYTES = 65_536;
/** Statuses whose Response must not have a body, by the Fetch standard. */
const NULL_BODY = new Set([204, 205, 304]);

/** One request and its response with a Web Response at the other end, where elsewhere a client's connection is. */
export class WebExchange implements Exchange {
  readonly protocol: Exchange["protocol"];
  readonly scheme: Exchange["scheme"];
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: ReadonlyRawFields;
  readonly content: ContentSource | undefined;
  readonly upgrade = undefined;
  readonly expectsContinue = false;
  readonly connection: ConnectionFacts;
  /** Resolves with the response when its head is out. */
  readonly response: Promise<Response>;
  /** Resolves when all is over, however it went. */
  readonly closed: Promise<void>;
  receiver: ExchangeReceiver | null = null;
  headSent = false;
  bytesReceived = 0;
  bytesSent = 0;

  readonly #request: WebExchangeRequest;
  readonly #answer = Promise.withResolvers<Response>();
  readonly #over = Promise.withResolvers<void>();
  readonly #onAbort = (): void => this.#leave(this.#request.signal?.reason);
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #framing: Framing = "none";
  #left = 0;
  #isFull = false;
  #isOpen = true;

  constructor(request: WebExchangeRequest) {
    this.#request = request;
    this.protocol = request.protocol;
    this.scheme = request.scheme;
    this.method = request.method;
    this.target = request.target;
    this.authority = request.authority;
    this.fields = request.fields;
    this.connection = request.connection;
    this.content = this.#toContent(request.body);
    this.response = this.#answer.promise;
    this.closed = this.#over.promise;
    request.signal?.addEventListener("abort", this.#onAbort);
  }

  /** Nothing of an answer has come yet. */
  get waits(): boolean {
    return this.#isOpen && !this.headSent;
  }

  get takenBytes(): number {
    return this.bytesSent - (BUFFER_BYTES - (this.#body?.desiredSize ?? BUFFER_BYTES));
  }

  writeInformational(status: number, fields: ReadonlyRawFields): void {
    if (!this.#isOpen || this.headSent || this.protocol === "HTTP/1.0") return;
    this.#request.onInformational?.(status, toHeaders(fields));
  }

  writeHead(status: number, fields: ReadonlyRawFields): void {
    if (!this.#isOpen || this.headSent) return;
    activity.count += 1;
    const dated = hasField(fields, "date")
      ? fields
      : [...fields, "Date", new Date(this.#request.now()).toUTCString()];
    // The same checks as on the way to a socket.
    const head = { text: "", framing: "none" as Framing, length: -1 };
    writeResponseHead(status, dated, this.method, true, head);
    this.#framing = head.framing;
    this.#left = head.framing === "length" ? head.length : 0;
    this.headSent = true;
    const hasBody = head.framing !== "none" && !NULL_BODY.has(status);
    const response = new Response(hasBody ? this.#stream() : null, {
      status,
      headers: headersOf(head.text),
    });
    this.#answer.resolve(response);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#isOpen || !this.headSent || this.#framing === "none") return true;
    activity.count += 1;
    let bytes = chunk;
    if (this.#framing === "length") {
      bytes = chunk.subarray(0, this.#left);
      this.#left -= bytes.byteLength;
    }
    this.bytesSent += bytes.byteLength;
    // A copy, as a kernel makes it: the memory of what is sent goes back to whoever it came from.
    if (bytes.byteLength > 0) this.#body?.enqueue(new Uint8Array(bytes));
    this.#isFull = (this.#body?.desiredSize ?? 1) <= 0;
    return !this.#isFull;
  }

  end(): void {
    if (!this.#isOpen) return;
    // Cut short: a whole message is as long as it said.
    if (!this.headSent || this.#left > 0) {
      this.abort();
      return;
    }
    this.#body?.close();
    this.#close(true);
  }

  abort(): void {
    if (!this.#isOpen) return;
    const cause = new Error(
      this.headSent ? "the proxy cut the response" : "the proxy closed the connection",
    );
    const error = new TypeError(this.headSent ? "terminated" : "fetch failed", { cause });
    this.#answer.reject(error);
    this.#body?.error(error);
    this.#close(false);
  }

  closeAfter(): void {}

  acceptUpgrade(): Duplex {
    throw new Error("a test proxy's fetch asks for no upgrade");
  }

  /** The client is gone. */
  #leave(reason: unknown): void {
    if (!this.#isOpen) return;
    this.#answer.reject(reason);
    this.#body?.error(reason);
    this.#close(false);
  }

  #stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES });
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
        this.#body = controller;
      },
      pull: () => {
        if (!this.#isFull) return;
        this.#isFull = false;
        activity.count += 1;
        queueMicrotask(() => {
          if (this.#isOpen) this.receiver?.onDrain();
        });
      },
      cancel: () => {
        this.#body = undefined;
        this.#close(false);
      },
    };
    return new ReadableStream(source, strategy) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  #close(complete: boolean): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    activity.count += 1;
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    // The caller is still in the middle of a phase: let it finish first.
    queueMicrotask(() => {
      this.receiver?.onClose(complete);
      this.content?.cancel();
      this.#over.resolve();
    });
  }

  #toContent(body: WebExchangeRequest["body"]): ContentSource | undefined {
    if (body === undefined) return undefined;
    const chunks = body instanceof Uint8Array ? [body] : body;
    const length = body instanceof Uint8Array ? body.byteLength : undefined;
    return sourceFromAsyncIterable(this.#counted(chunks), length);
  }

  async *#counted(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      activity.count += 1;
      this.bytesReceived += chunk.byteLength;
      yield chunk;
    }
  }
}

function toHeaders(fields: ReadonlyRawFields): Headers {
  const headers = new Headers();
  for (let at = 0; at < fields.length; at += 2) {
    headers.append(fields[at] as string, fields[at + 1] as string);
  }
  return headers;
}

/** Without the status line and what frames the message on a wire. */
function headersOf(head: string): Headers {
  const headers = new Headers();
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(": ");
    const name = line.slice(0, colon);
    if (colon > 0 && name !== "Transfer-Encoding") headers.append(name, line.slice(colon + 2));
  }
  return headers;
}
