import type { ServerHttp2Stream } from "node:http2";
import { addAbortSignal } from "node:stream";

import type { Http2Exchange } from "./http2-exchange.ts";

/** Where a stream keeps its exchange: its listeners are then the same functions for all streams. */
export const EXCHANGE: unique symbol = Symbol("Http2Exchange");

export interface ExchangeStream extends ServerHttp2Stream {
  [EXCHANGE]?: Http2Exchange | undefined;
}

/** Every error of a stream is followed by its close, which is what counts. Unheard, it would end the process. */
export function ignoreStreamError(): void {}

const CUT = new Error("the response was cut");

/**
 * RST_STREAM with INTERNAL_ERROR. Not `close`: that ends the writable side first, and so sends END_STREAM before the
 * reset. Half a response would then look whole to a client that acts on what comes first (PUB-11).
 */
export function cutStream(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.destroy(CUT);
}

/** RST_STREAM with CANCEL, in the one way that node has for it without END_STREAM. */
export function cancelStream(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) addAbortSignal(AbortSignal.abort(), stream);
}
