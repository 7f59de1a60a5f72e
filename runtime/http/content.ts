import type { RawFields } from "./raw-fields.ts";

/** Who gets the bytes of a content. Exactly one of `onEnd` and `onError` comes, last. */
export interface ContentSink {
  onData(chunk: Uint8Array): void;
  /** `trailers` is empty where there were none. */
  onEnd(trailers: RawFields): void;
  onError(error: Error): void;
}

/**
 * The content of a message as a pausable source of bytes: what a request's content is between the client's connection,
 * the replay buffer and the upstream. Nothing is delivered before `open`, and never synchronously within it.
 */
export interface ContentSource {
  /** Length in bytes, if declared or known. */
  readonly length: number | undefined;
  /** The whole content, where it is in memory: consumers may take it instead of opening the source. */
  readonly bytes: Uint8Array | undefined;
  /** Starts delivery. Once for each source. */
  open(sink: ContentSink): void;
  pause(): void;
  resume(): void;
  /** The reader wants no more. Harmless before `open`, twice, or after the end. No callback comes after it. */
  cancel(): void;
  /**
   * A chunk back, to be written over: from a reader that has used it up and knows that nobody else has it. Absent: the
   * source has no use for it.
   */
  recycle?(chunk: Uint8Array): void;
}
