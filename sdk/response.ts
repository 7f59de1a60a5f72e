import type { BodyInput, HeaderFields } from "./headers.ts";

/**
 * A streaming edit of response content: gets the decoded chunks (at most 64 KiB each), yields what is sent instead.
 *
 * Decoding before and encoding after is the proxy's work. The next chunk is asked for only when the client can take
 * more. A throw cuts the message: it is never ended as if it were whole.
 *
 * @example
 * ```ts
 * response.transform(async function* (chunks) {
 *   for await (const chunk of chunks) yield chunk;
 *   yield "\n<!-- via Gatewright -->";
 * });
 * ```
 */
export type TransformFunction = (
  chunks: AsyncIterable<Uint8Array>,
) => AsyncIterable<Uint8Array | string>;

/** The response as hooks see it: the reading surface of a Web `Response` with a head that can be changed. */
export interface ProxyResponse {
  /** 200 to 599. Assigning another final status changes what is sent; `RangeError` otherwise. */
  status: number;
  /** True for 200 to 299. */
  readonly ok: boolean;
  /** Fields that will be sent, hop-by-hop ones gone. Editing them changes what is sent. */
  readonly headers: HeaderFields;
  /** Where it came from: an upstream, a hook's or route's own answer, or an error answer of the proxy. */
  readonly source: "upstream" | "hook" | "route" | "error" | "proxy";
  /** True if the response carries content (false for HEAD, 204, 304). */
  readonly hasContent: boolean;

  /** The whole content, decoded. Rejects with `PROXY_UPSTREAM_CONTENT_TOO_LARGE` (502) above `responseContent.memory`. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** The decoded content as text, read up to `responseContent.memory`; more fails with `PROXY_UPSTREAM_CONTENT_TOO_LARGE` (502). */
  text(): Promise<string>;
  /** The same, parsed. `SyntaxError` if it is no JSON. */
  json(): Promise<unknown>;
  /** Replaces the content; length, encoding and validators follow by themselves. */
  setBody(body: BodyInput): void;
  /**
   * Declares a streaming edit. Edits run in the order in which they were declared. The response loses Content-Length,
   * Accept-Ranges and digests, and its ETag becomes weak. A 206 passes untransformed with a warning in the log.
   */
  transform(fn: TransformFunction): void;
  /** A real Web `Response` with a copy of the head; its body is the whole content, read up to `responseContent.memory`. */
  toWeb(): Promise<Response>;
}
