import { isProxyError, ProxyError, toProxyError, type ErrorCode } from "../errors.ts";

/** How far a request had come when it failed. */
export type FailureStage = "connect" | "head" | "content";

/**
 * The one place where errors of undici, net, tls and OpenSSL become ours. What is ours already passes unchanged: a
 * request's content that fails says itself why.
 */
export function fromForeignError(error: unknown, stage: FailureStage): ProxyError {
  if (isProxyError(error)) return error;
  const code = errorCode(error);
  const mapped = stage === "connect" ? connectCode(code) : exchangeCode(error, code);
  return new ProxyError(mapped, { cause: error, message: describe(error, code) });
}

/** A receiver must not throw; if it does, the request fails and the pool does not. */
export function receiverFault(error: unknown): ProxyError {
  return toProxyError(error, "PROXY_INTERNAL", "a response receiver threw");
}

/** The connection broke without a word: closed or reset, not a timeout and not an answer that makes no sense. */
export function isConnectionLoss(error: unknown): boolean {
  return LOST.has(errorCode(error));
}

const LOST = new Set([
  "UND_ERR_SOCKET",
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ERR_STREAM_DESTROYED",
]);

function connectCode(code: string): ErrorCode {
  // ETIMEDOUT also when the last of several addresses did not answer.
  return code === "ETIMEDOUT" || code === "UND_ERR_CONNECT_TIMEOUT"
    ? "PROXY_UPSTREAM_CONNECT_TIMEOUT"
    : "PROXY_UPSTREAM_CONNECT";
}

function exchangeCode(error: unknown, code: string): ErrorCode {
  if (LOST.has(code)) return "PROXY_UPSTREAM_RESET";
  switch (code) {
    // The answer was cut short of its length.
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return "PROXY_UPSTREAM_RESET";
    case "UND_ERR_HEADERS_OVERFLOW":
      return "PROXY_UPSTREAM_PROTOCOL";
    case "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH":
      return "PROXY_REQUEST_CONTENT_INCOMPLETE";
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return "PROXY_UPSTREAM_CLOSED";
  }
  if (error instanceof Error && error.name === "HTTPParserError") {
    // Cut within chunks or trailers: the parser's complaint has no code of its own.
    return error.message.includes("EOF") ? "PROXY_UPSTREAM_RESET" : "PROXY_UPSTREAM_PROTOCOL";
  }
  // undici refused what we gave it (UND_ERR_INVALID_ARG …): our fault, not the upstream's.
  if (code.startsWith("UND_ERR_")) return "PROXY_INTERNAL";
  // System errors (EHOSTUNREACH, ETIMEDOUT …) and TLS alerts on an established connection.
  if (code.startsWith("E")) return "PROXY_UPSTREAM_RESET";
  return "PROXY_INTERNAL";
}

function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function describe(error: unknown, code: string): string {
  // An AggregateError (every address failed) has no message of its own.
  const text = error instanceof Error ? error.message : String(error);
  if (text === "") return code;
  return code === "" || text.includes(code) ? text : `${text} (${code})`;
}
