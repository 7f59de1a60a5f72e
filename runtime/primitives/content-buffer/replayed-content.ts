import { ProxyError } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import { joined } from "./held-bytes.ts";
import type { SpillFile } from "./spill-file.ts";

/** Content up to here is handed over in one piece, which is cheaper than a stream of its chunks. */
const ONE_PIECE_BYTES = 64 * 1024;
const READ_BYTES = 64 * 1024;
/** As many as are on their way at once: more would only lie about. */
const MAX_SPARE = 4;

/** Keeps count of who reads, so that nothing is given back beneath them. */
export interface ReplayOwner {
  readerOpened(): void;
  readerOver(): void;
}

/** One reading of a content that is here: only as fast as its sink takes it. */
abstract class ReplayedContent implements ContentSource {
  readonly length: number;
  readonly #owner: ReplayOwner;
  readonly #trailers: RawFields;
  #sink: ContentSink | undefined;
  #paused = false;
  #scheduled = false;
  #left: number;
  /** Waits because the sink paused while it was on its way. */
  #ready: Uint8Array | undefined;

  constructor(owner: ReplayOwner, size: number, trailers: RawFields) {
    this.#owner = owner;
    this.length = size;
    this.#left = size;
    this.#trailers = trailers;
  }

  abstract readonly bytes: Uint8Array | undefined;

  /** The next chunk if it is at hand; else it is given to `arrived` later. May be asked again until then. */
  protected abstract next(): Uint8Array | undefined;

  open(sink: ContentSink): void {
    if (this.#sink !== undefined) return;
    this.#sink = sink;
    this.#owner.readerOpened();
    this.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  cancel(): void {
    if (this.#sink === undefined) return;
    this.#sink = undefined;
    this.#owner.readerOver();
  }

  protected arrived(chunk: Uint8Array): void {
    this.#ready = chunk;
    this.#flow();
  }

  protected failed(error: Error): void {
    const sink = this.#sink;
    this.cancel();
    sink?.onError(error);
  }

  #schedule(): void {
    if (this.#scheduled || this.#sink === undefined) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flow();
    });
  }

  #flow(): void {
    while (this.#sink !== undefined && !this.#paused) {
      if (this.#left === 0) {
        const sink = this.#sink;
        this.cancel();
        sink.onEnd(this.#trailers.slice());
        return;
      }
      const chunk = this.#ready ?? this.next();
      if (chunk === undefined) return;
      this.#ready = undefined;
      this.#left -= chunk.byteLength;
      this.#sink.onData(chunk);
    }
  }
}

export class MemoryContent extends ReplayedContent {
  readonly bytes: Uint8Array | undefined;
  readonly #chunks: readonly Uint8Array[];
  #at = 0;

  constructor(
    owner: ReplayOwner,
    chunks: readonly Uint8Array[],
    size: number,
    trailers: RawFields,
  ) {
    super(owner, size, trailers);
    this.#chunks = chunks;
    // Trailers can only follow what is streamed.
    const isOnePiece = trailers.length === 0 && (chunks.length < 2 || size <= ONE_PIECE_BYTES);
    this.bytes = isOnePiece ? joined(chunks, size) : undefined;
  }

  protected override next(): Uint8Array | undefined {
    return this.#chunks[this.#at++];
  }
}

export class FileContent extends ReplayedContent {
  readonly bytes = undefined;
  readonly #file: SpillFile;
  #position = 0;
  #reading = false;
  /** Read into again. Without that, a gigabyte leaves tens of megabytes of dead buffers between two collections. */
  readonly #spare: Uint8Array[] = [];

  constructor(owner: ReplayOwner, file: SpillFile, size: number, trailers: RawFields) {
    super(owner, size, trailers);
    this.#file = file;
  }

  recycle(chunk: Uint8Array): void {
    if (chunk.byteLength === READ_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(chunk);
  }

  protected override next(): undefined {
    if (this.#reading) return;
    this.#reading = true;
    const count = Math.min(READ_BYTES, this.length - this.#position);
    const spare = this.#spare.pop();
    const bytes = spare === undefined ? Buffer.allocUnsafeSlow(count) : spare.subarray(0, count);
    this.#file.read(bytes, this.#position, (error) => {
      this.#reading = false;
      this.#position += bytes.byteLength;
      if (error === undefined) this.arrived(bytes);
      else this.failed(new ProxyError("PROXY_CONTENT_STORAGE", { cause: error }));
    });
  }
}
