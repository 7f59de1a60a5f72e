import type { ProxyResponse, TransformFunction } from "@gatewright/sdk";

import type { ContentSource } from "../../http/content.ts";
import type { ReplayBuffer } from "../../primitives/content-buffer/content-buffer.ts";
import type { FieldOwner } from "./request-state.ts";

/**
 * What the response facade stands on: one object for each response of a request (the upstream's, a hook's, an error
 * answer). What hooks change is written here.
 */
export interface ResponseState extends FieldOwner {
  status: number;
  readonly source: ProxyResponse["source"];
  /** The request is a HEAD: no content will be sent, whatever `content` says. */
  readonly forHead: boolean;

  /** Content as it will be sent, coded as `Content-Encoding` says. `undefined`: none. Use {@link buffer} instead where that is set. */
  content: ContentSource | undefined;
  /** Made by the first reader of `content`: holds the coded bytes. Senders take `buffer.asSource()` where there is one. */
  buffer: ReplayBuffer | undefined;
  /** True once `setBody` was called: `content` is the hook's, in identity form, and fields have been brought in line. */
  contentReplaced: boolean;
  /** Streaming edits in the order of their declaration, or `undefined`. `setBody` forgets those declared before it. */
  transforms: TransformFunction[] | undefined;
  /** Set by the sender when it opens `content` itself: from then on only content that is in memory can still be read. */
  contentSpent: boolean;
  /** Most that a hook may read of the content, decoded. */
  readonly responseContentMemory: number;
}
