import type { ServerHttp2Stream } from "node:http2";

import type { Http2Exchange } from "./http2-exchange.ts";

/** Where a stream keeps its exchange: its listeners are then the same functions for all streams. */
export const EXCHANGE: unique symbol = Symbol("Http2Exchange");

export interface ExchangeStream extends ServerHttp2Stream {
  [EXCHANGE]?: Http2Exchange;
}

/** Every error of a stream is followed by its close, which is what counts. Unheard, it would end the process. */
export function ignoreStreamError(): void {}
