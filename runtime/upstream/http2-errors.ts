import { constants } from "node:http2";

import { isProxyError, ProxyError, type ErrorCode } from "../errors.ts";

/** What is known of a stream that ended before its response did. */
export interface StreamFailure {
  /** Its RST_STREAM code, ours or the upstream's. */
  readonly code: number;
  /** Why its connection ended, if it did and that is known. */
  readonly connectionError: Error | null;
  /** The connection is gone. */
  readonly connectionLost: boolean;
}

/** RFC 9113 §7 codes and the errors of node:http2 become ours in this one place. */
export function fromStreamFailure(failure: StreamFailure): ProxyError {
  const { code, connectionError } = failure;
  if (isProxyError(connectionError)) return connectionError;
  if (connectionError !== null && isViolation(connectionError)) {
    const message = `the connection was given up: ${connectionError.message}`;
    return new ProxyError("PROXY_UPSTREAM_PROTOCOL", { cause: connectionError, message });
  }
  if (failure.connectionLost) {
    const cause = connectionError ?? undefined;
    const why = connectionError === null ? "" : `: ${connectionError.message}`;
    const message = `the connection was closed before the response's end${why}`;
    return new ProxyError("PROXY_UPSTREAM_RESET", { cause, message });
  }
  const message = `the stream was reset before the response's end with ${codeName(code)}`;
  return new ProxyError(codeError(code), { message });
}

/** Nothing of the request was processed: RFC 9113 §8.7, or Node never sent it. */
export function wasNotProcessed(code: number, error: Error | null): boolean {
  if (code === constants.NGHTTP2_REFUSED_STREAM) return true;
  const foreign = (error as { code?: unknown } | null)?.code;
  return foreign === "ERR_HTTP2_GOAWAY_SESSION" || foreign === "ERR_HTTP2_OUT_OF_STREAMS";
}

export function codeName(code: number): string {
  return CODE_NAMES[code] ?? `code ${code}`;
}

function codeError(code: number): ErrorCode {
  switch (code) {
    // The library refuses a malformed response this way; so does an upstream that finds our request malformed.
    case constants.NGHTTP2_PROTOCOL_ERROR:
    case constants.NGHTTP2_FLOW_CONTROL_ERROR:
    case constants.NGHTTP2_FRAME_SIZE_ERROR:
    case constants.NGHTTP2_COMPRESSION_ERROR:
    case constants.NGHTTP2_HTTP_1_1_REQUIRED:
      return "PROXY_UPSTREAM_PROTOCOL";
    default:
      return "PROXY_UPSTREAM_RESET";
  }
}

/** The HTTP/2 library found a violation and ended the connection. */
function isViolation(error: Error): boolean {
  return (error as { code?: unknown }).code === "ERR_HTTP2_ERROR";
}

const CODE_NAMES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];
