import { ProxyError, toProxyError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import { freeChunk } from "../../http/chunk-memory.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import type { ReplayBuffer } from "./content-buffer.ts";
import type { ContentBudget, HeldContent } from "./content-budget.ts";
import { HeldBytes, joined } from "./held-bytes.ts";
import { FileContent, MemoryContent, type ReplayOwner } from "./replayed-content.ts";
import type { SpillFile, SpillFolder } from "./spill-file.ts";

/** Content whose declared length is above `memoryBytes` anyway goes to the file from here on. */
const EARLY_SPILL_BYTES = 64 * 1024;
/** So much is written at once; the client is paused while four times that waits for the disk. */
const WRITE_BYTES = 64 * 1024;
const MAX_WAITING_BYTES = 4 * WRITE_BYTES;

export interface RequestBufferOptions {
  /** What is held in memory before the rest goes to a file, and the most that `read` gives. */
  readonly memoryBytes: number;
  /** Most that is taken at all. */
  readonly maxBytes: number;
}

/** What the buffers of a process share. */
export interface ContentStore {
  readonly budget: ContentBudget;
  readonly spill: SpillFolder;
}

/** Who waits for the whole content. Exactly one of them comes. */
export interface ContentWaiter {
  contentReceived(): void;
  contentFailed(error: ProxyError): void;
}

/** A request's content, received once, read and sent any number of times: by hooks, the WAF and every attempt at an upstream. */
export interface RequestBuffer extends ReplayBuffer {
  /** All of it is here, in memory or in a file. */
  readonly isComplete: boolean;
  /** Why there will never be a whole content. */
  readonly failure: ProxyError | undefined;
  /** Takes all of it, in a file if need be. A `read` under way stays within memory. */
  receive(waiter: ContentWaiter): void;
  /** Memory and file go back, as soon as nobody reads from them. What is still arriving is let go of when it has arrived. */
  release(): void;
}

export function createRequestBuffer(
  source: ContentSource,
  options: RequestBufferOptions,
  store: ContentStore,
  /** Address of the client that sends it. */
  client: string,
): RequestBuffer {
  return new SpillingBuffer(source, options, store, client);
}

class SpillingBuffer implements RequestBuffer, ContentSink, ReplayOwner {
  readonly #source: ContentSource;
  readonly #options: RequestBufferOptions;
  readonly #store: ContentStore;
  readonly #client: string;
  readonly #held = new HeldBytes();
  #state: "unread" | "arriving" | "complete" | "failed" = "unread";
  #size = 0;
  #memoryOnly = false;
  #spillAt: number;
  #trailers: RawFields = [];
  #bytes: Uint8Array<ArrayBuffer> | undefined;

  // The file's side.
  #spilling = false;
  #file: SpillFile | undefined;
  #written = 0;
  #writing = false;
  #ended = false;
  #paused = false;

  /** What the budget counts for this one. Absent: nothing, since nothing has arrived. */
  #counted: HeldContent | undefined;
  #readers = 0;
  #released = false;

  failure: ProxyError | undefined;
  #waiters: ContentWaiter[] | undefined;
  #reading: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(
    source: ContentSource,
    options: RequestBufferOptions,
    store: ContentStore,
    client: string,
  ) {
    this.#source = source;
    this.#options = options;
    this.#store = store;
    this.#client = client;
    const isLarge = (source.length ?? 0) > options.memoryBytes;
    this.#spillAt = isLarge
      ? Math.min(EARLY_SPILL_BYTES, options.memoryBytes)
      : options.memoryBytes;
  }

  get attached(): boolean {
    return this.#state !== "unread";
  }

  get isComplete(): boolean {
    return this.#state === "complete";
  }

  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#state !== "complete" || this.#file !== undefined) return undefined;
    return (this.#bytes ??= joined(this.#held.chunks, this.#size));
  }

  read(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#reading !== undefined) return this.#reading;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    this.#reading = promise;
    // A reader that gave up (a hook's time limit) must not turn the failure into an unhandled rejection.
    promise.catch(ignore);
    if (this.#state === "complete") {
      this.#give(resolve, reject);
      return promise;
    }
    this.#wait({ contentReceived: () => this.#give(resolve, reject), contentFailed: reject });
    if (this.#state === "unread") {
      this.#memoryOnly = true;
      this.#open(this.#options.memoryBytes);
    }
    return promise;
  }

  receive(waiter: ContentWaiter): void {
    if (this.#state === "complete") waiter.contentReceived();
    else if (this.failure !== undefined) waiter.contentFailed(this.failure);
    else {
      this.#wait(waiter);
      if (this.#state === "unread") this.#open(this.#options.maxBytes);
    }
  }

  asSource(): ContentSource {
    if (this.#state !== "complete") {
      throw new ProxyError("PROXY_INTERNAL", { message: "the content is not complete" });
    }
    if (this.#file !== undefined) {
      return new FileContent(this, this.#file, this.#size, this.#trailers);
    }
    return new MemoryContent(this, this.#held.chunks, this.#size, this.#trailers);
  }

  cancel(): void {
    if (this.#state === "unread" || this.#state === "arriving") {
      this.#source.cancel();
      const message = "the content is no longer wanted";
      this.#fail(new ProxyError("PROXY_CLIENT_ABORTED", { message }));
    }
    this.release();
  }

  release(): void {
    this.#released = true;
    if (this.#state !== "arriving") this.#giveBackUnread();
  }

  // --- ReplayOwner ---

  readerOpened(): void {
    this.#readers += 1;
  }

  readerOver(): void {
    this.#readers -= 1;
    if (this.#released) this.#giveBackUnread();
  }

  // --- ContentSink ---

  onData(chunk: Uint8Array): void {
    if (this.#state !== "arriving" || this.#ended) return;
    this.#size += chunk.byteLength;
    const { memoryBytes, maxBytes } = this.#options;
    const limit = this.#memoryOnly ? memoryBytes : maxBytes;
    if (this.#size > limit) {
      this.#refuse(tooLarge(limit));
      return;
    }
    const counted = this.#count();
    counted.addMemory(this.#held.add(chunk, this.#size === this.#source.length));
    if (this.#spilling) {
      if (this.#takeDisk(chunk.byteLength)) this.#write();
    } else if (this.#size > this.#spillAt || counted.isMemoryFull) {
      this.#spill();
    }
  }

  onEnd(trailers: RawFields): void {
    if (this.#state !== "arriving" || this.#ended) return;
    this.#trailers = trailers;
    this.#ended = true;
    if (this.#spilling) this.#write();
    else this.#complete();
  }

  onError(error: Error): void {
    this.#fail(toProxyError(error, "PROXY_REQUEST_CONTENT_INCOMPLETE"));
  }

  #wait(waiter: ContentWaiter): void {
    if (this.failure !== undefined) waiter.contentFailed(this.failure);
    else (this.#waiters ??= []).push(waiter);
  }

  /** A declared length beyond the limit is refused before a byte has to arrive, or 100 to be sent. */
  #open(limit: number): void {
    this.#state = "arriving";
    const { bytes, length } = this.#source;
    if ((bytes?.byteLength ?? length ?? 0) > limit) {
      this.#refuse(tooLarge(limit));
    } else if (bytes === undefined) {
      this.#source.open(this);
    } else {
      // In memory already, and somebody else's to count.
      this.#size = bytes.byteLength;
      this.#held.add(bytes, true);
      this.#complete();
    }
  }

  // --- the file ---

  #spill(): void {
    if (this.#memoryOnly) {
      this.#refuse(exhausted("PROXY_CONTENT_MEMORY", "memory"));
      return;
    }
    this.#spilling = true;
    if (!this.#takeDisk(this.#size)) return;
    // Nothing more until the file is there.
    this.#writing = true;
    this.#hold();
    this.#store.spill.open((error, file) => {
      this.#writing = false;
      if (this.#state !== "arriving") {
        file?.close();
        return;
      }
      if (file === undefined) this.#refuse(unstored(error));
      else {
        this.#file = file;
        this.#write(true);
        this.#goOn();
      }
    });
  }

  #takeDisk(bytes: number): boolean {
    if (this.#count().takeDisk(bytes)) return true;
    this.#refuse(exhausted("PROXY_CONTENT_STORAGE", "disk"));
    return false;
  }

  #count(): HeldContent {
    return (this.#counted ??= this.#store.budget.open(this.#client));
  }

  #write(now = false): void {
    const held = this.#held;
    if (held.pinned >= MAX_WAITING_BYTES) this.#hold();
    if (this.#writing) return;
    const counted = this.#count();
    const isDue = now || this.#ended || held.pinned >= WRITE_BYTES || counted.isMemoryFull;
    if (!isDue) return;
    if (held.size === 0) {
      if (this.#ended) this.#complete();
      return;
    }
    const { size } = held;
    const pinned = counted.memoryBytes;
    this.#writing = true;
    const chunks = held.take();
    this.#file?.write(chunks, this.#written, (error) => {
      this.#writing = false;
      for (const chunk of chunks) freeChunk(chunk);
      if (this.#state !== "arriving") return;
      counted.giveMemory(pinned);
      if (error !== undefined) {
        this.#refuse(unstored(error));
        return;
      }
      this.#written += size;
      this.#goOn();
      this.#write();
    });
  }

  #hold(): void {
    if (this.#paused || this.#ended) return;
    this.#paused = true;
    this.#source.pause();
  }

  #goOn(): void {
    if (!this.#paused || this.#held.pinned >= WRITE_BYTES) return;
    this.#paused = false;
    if (!this.#ended) this.#source.resume();
  }

  // --- the end ---

  #complete(): void {
    this.#state = "complete";
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const waiter of waiters ?? []) waiter.contentReceived();
    if (this.#released) this.#giveBackUnread();
  }

  #refuse(error: ProxyError): void {
    this.#source.cancel();
    this.#fail(error);
  }

  #fail(error: ProxyError): void {
    if (this.#state === "complete" || this.#state === "failed") return;
    this.#state = "failed";
    this.failure = error;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    this.#giveBack();
    for (const waiter of waiters ?? []) waiter.contentFailed(error);
  }

  #give(resolve: (bytes: Uint8Array<ArrayBuffer>) => void, reject: (error: Error) => void): void {
    const bytes = this.bytes;
    if (bytes === undefined) reject(tooLarge(this.#options.memoryBytes));
    else resolve(bytes);
  }

  #giveBackUnread(): void {
    if (this.#readers === 0) this.#giveBack();
  }

  #giveBack(): void {
    this.#counted?.close();
    this.#file?.close();
    // Bytes that are in memory stay for whoever has hold of them; they go with the buffer.
  }
}

function tooLarge(bytes: number): ProxyError {
  return new ProxyError("PROXY_CONTENT_TOO_LARGE", {
    message: `the content is larger than ${bytes} bytes, the most that may be read`,
  });
}

function exhausted(code: ErrorCode, what: string): ProxyError {
  return new ProxyError(code, {
    message: `the contents of all requests, or those of this client, fill the ${what} that requestContent.budget allows them`,
    fields: ["Retry-After", "1"],
  });
}

function unstored(cause: unknown): ProxyError {
  const message = "the content could not be written to a spill file";
  return new ProxyError("PROXY_CONTENT_STORAGE", { cause, message });
}

function ignore(): void {}
