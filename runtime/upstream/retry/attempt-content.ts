import type { ContentSink, ContentSource } from "../../http/content.ts";
import { sourceFromBytes } from "../../http/readable-source.ts";
import type { RepeatableContent } from "../upstream.ts";

/** A request's content for each of its attempts. */
export class AttemptContents {
  readonly #source: ContentSource | undefined;
  readonly #replay: RepeatableContent | undefined;
  #lent: LentContent | undefined;
  #isFirst = true;

  constructor(source: ContentSource | undefined, replay: RepeatableContent | undefined) {
    this.#source = source;
    this.#replay = replay;
  }

  /** It can be sent any number of times, also at once. */
  get isRepeatable(): boolean {
    return (
      this.#source === undefined || this.#replay !== undefined || this.#source.bytes !== undefined
    );
  }

  /** It can be sent once more: content that streams only as long as nobody has begun to read it. */
  get isAvailable(): boolean {
    return this.isRepeatable || this.#lent?.opened !== true;
  }

  next(): ContentSource | undefined {
    const source = this.#source;
    if (source === undefined) return undefined;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!this.isRepeatable) {
      this.#lent?.revoke();
      this.#lent = new LentContent(source);
      return this.#lent;
    }
    if (source.bytes !== undefined) return sourceFromBytes(source.bytes);
    return isFirst ? source : this.#replay?.asSource();
  }

  /** Nobody will send it again. What an attempt reads belongs to that attempt. */
  cancel(): void {
    if (this.#isFirst || this.#lent?.opened !== true) this.#source?.cancel();
  }
}

/** An attempt that ends before it has read anything leaves the content to the next one. */
class LentContent implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  opened = false;
  #revoked = false;

  constructor(source: ContentSource) {
    this.length = source.length;
    this.#source = source;
  }

  revoke(): void {
    this.#revoked = true;
  }

  open(sink: ContentSink): void {
    if (this.#revoked || this.opened) return;
    this.opened = true;
    this.#source.open(sink);
  }

  pause(): void {
    if (this.opened) this.#source.pause();
  }

  resume(): void {
    if (this.opened) this.#source.resume();
  }

  cancel(): void {
    if (this.opened) this.#source.cancel();
  }
}
