import type { ContentSource } from "../../http/content.ts";
import type { RawFields, ReadonlyRawFields } from "../../http/raw-fields.ts";
import type { RequestBuffer } from "../../primitives/content-buffer/request-buffer.ts";

/** A field list that is shared with the connection until somebody writes to it. */
export interface FieldOwner {
  /** The list as it is now: the connection's own, or the copy once there is one. */
  readonly fields: ReadonlyRawFields;
  /** Makes `fields` a private copy (the first time) and returns it. Only writers call it: an untouched list is never copied. */
  ownFields(): RawFields;
}

/**
 * What the request facade stands on. The flow implements it; what hooks change is written here, so that `forward` finds
 * the whole outcome in one place.
 */
export interface RequestState extends FieldOwner {
  /** As it will be forwarded: assigned by hooks. */
  method: string;
  readonly scheme: "http" | "https";
  /** Host and port as the client sent them; empty only for HTTP/1.0 without Host. */
  readonly authority: string;
  /** Path of the target as received, and its query with the `?` or `""`. `"*"` has the path `"*"`. */
  readonly rawPath: string;
  readonly rawSearch: string;
  /** The one normalised path that everything matches on. Not changed by hooks. */
  readonly normalizedPath: string;
  readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

  /** Set when a hook assigned `path` or `search`: already encoded, ready for a request line. Else `undefined`: as sent. */
  newPath: string | undefined;
  newSearch: string | undefined;
  /** Set when a hook set `Host`: what the upstream shall see, unless `ForwardOptions.host` says otherwise. */
  newHost: string | undefined;

  /** What would be forwarded: the client's content, a hook's, or none. Use {@link buffer} instead where that is set. */
  content: ContentSource | undefined;
  /** Made by whoever reads `content` first. `forward` takes `buffer.asSource()` where there is one. */
  buffer: RequestBuffer | undefined;
  /** True once `setBody` was called: the client's content has been cancelled and is not to be forwarded. */
  contentReplaced: boolean;
  /** Set by `forward` when it opens `content` itself: from then on only content that is in memory can still be read. */
  contentSpent: boolean;
  /** A buffer for `content`, with the limits that hold for this request. */
  bufferContent(content: ContentSource): RequestBuffer;

  /** Fires when the client goes away or the running hook's time is up. Made by the first access. */
  readonly signal: AbortSignal;
}
