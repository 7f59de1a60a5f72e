import type { ServerSessionOptions } from "node:http2";

import type { ListenerLimits } from "./limits.ts";

/**
 * Content of one request that may be under way to us, or wait for its reader: what an upload can use of a line with a
 * round trip of 50 ms is 5 MiB/s. An upstream that reads nothing makes us hold no more than this.
 */
const STREAM_WINDOW_BYTES = 256 * 1024;
/** The same of all streams together. node opens it again as content arrives, so that no stream can stall another. */
export const STREAMS_WINDOW_BYTES = 1024 * 1024;
/** RFC 9113 §6.5.2 counts 32 bytes for every field beside its name and value; our own limit counts 4. */
const FIELD_OVERHEAD = 32;
/** So much larger may a head of short fields be in that count. */
const HEADROOM = 4;
const WAITING_MEGABYTES = 0.2;
/** Higher than anything counted here: our own budgets are what holds (PUB-08). */
const UNLIMITED = 1_000_000_000;

/** How node:http2 and nghttp2 are set for one connection. */
export function sessionOptions(limits: ListenerLimits): ServerSessionOptions {
  return {
    settings: {
      maxConcurrentStreams: limits.concurrentStreams,
      // Above our own limit: what lies between is answered with 431, what lies beyond is reset.
      maxHeaderListSize: limits.headBytes * HEADROOM,
      initialWindowSize: STREAM_WINDOW_BYTES,
      enableConnectProtocol: true,
      enablePush: false,
    },
    // In force before the client has acknowledged the settings too: a field can be one byte on the wire and 4 KiB here.
    maxHeaderListPairs: Math.max(128, Math.floor((limits.headBytes * HEADROOM) / FIELD_OVERHEAD)),
    // What all streams together have written and the client has not taken; beyond it new ones are refused. A stream has
    // one buffer of 64 KiB, and its upstream's last chunk on top.
    maxSessionMemory: Math.max(10, Math.ceil(limits.concurrentStreams * WAITING_MEGABYTES)),
    // Upstreams repeat fields that should be single; that is between them and the client.
    strictSingleValueFields: false,
    // Else nghttp2 takes such fields out in silence: we refuse the request.
    strictFieldWhitespaceValidation: false,
    // node counts a stream until its next turn of the loop: those that were cancelled and opened anew in one packet are
    // refused beyond the limit, but do not cost the connection.
    maxSessionRejectedStreams: UNLIMITED,
    // Its answer to rapid reset: 1000 at once and 33 a second cut honest pages off.
    streamResetBurst: UNLIMITED,
    streamResetRate: UNLIMITED,
  };
}
