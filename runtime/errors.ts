/**
 * The one table of failures. Every error that a client can see or a log names has a row here; docs/errors.md explains
 * each and a test compares both ways.
 *
 * `publicDetail` is all that a client is told. Causes, addresses, file names and rule ids stay in the log.
 */
type ErrorSource = "downstream" | "upstream" | "hook" | "config" | "internal";

interface ErrorRow {
  readonly status: number;
  readonly source: ErrorSource;
  /** The same request may be tried again without harm: nothing of it can have been processed. */
  readonly retryable: boolean;
  readonly publicDetail: string;
}

function row(
  status: number,
  source: ErrorSource,
  publicDetail: string,
  retryable = false,
): ErrorRow {
  return { status, source, retryable, publicDetail };
}

export const ERRORS = {
  PROXY_REQUEST_MALFORMED: row(400, "downstream", "The request is not valid HTTP."),
  PROXY_REQUEST_HOST: row(400, "downstream", "The request needs exactly one valid Host."),
  PROXY_REQUEST_TARGET: row(400, "downstream", "The request target is not valid here."),
  PROXY_REQUEST_PATH: row(400, "downstream", "The path can be read in more than one way."),
  PROXY_REQUEST_TRANSFER_ENCODING: row(501, "downstream", "This transfer coding is not supported."),
  PROXY_REQUEST_VERSION: row(505, "downstream", "This HTTP version is not supported."),
  PROXY_REQUEST_METHOD: row(405, "downstream", "This method is not allowed."),
  PROXY_REQUEST_TARGET_TOO_LONG: row(414, "downstream", "The request target is too long."),
  PROXY_REQUEST_HEAD_TOO_LARGE: row(
    431,
    "downstream",
    "The request's header fields are too large.",
  ),
  PROXY_REQUEST_HEAD_TIMEOUT: row(408, "downstream", "The request's head took too long."),
  PROXY_REQUEST_CONTENT_TIMEOUT: row(408, "downstream", "The request's content stopped arriving."),
  PROXY_REQUEST_CONTENT_INCOMPLETE: row(400, "downstream", "The request's content is incomplete."),
  PROXY_REQUEST_CONTENT_CODING: row(400, "downstream", "The content is not in its coding."),
  PROXY_REQUEST_EXPECTATION: row(417, "downstream", "This expectation is not supported."),
  PROXY_REQUEST_MISDIRECTED: row(421, "downstream", "This connection does not serve that host."),
  PROXY_PROTOCOL_HEADER: row(400, "downstream", "The connection began without a PROXY header."),
  PROXY_CONTENT_TOO_LARGE: row(413, "downstream", "The content is too large."),
  PROXY_CONTENT_MEMORY: row(503, "internal", "Too many requests with content are under way."),
  PROXY_CONTENT_STORAGE: row(507, "internal", "The content cannot be stored at present."),
  PROXY_CLIENT_ABORTED: row(499, "downstream", "The client went away."),
  PROXY_CLIENT_STALLED: row(408, "downstream", "The response was not taken."),
  PROXY_ROUTE_NOT_FOUND: row(404, "config", "Nothing is configured for this address."),
  PROXY_ADDRESS_BLOCKED: row(403, "downstream", "The request was refused."),
  PROXY_RATE_LIMITED: row(429, "downstream", "Too many requests."),
  PROXY_BLOCKED: row(403, "hook", "The request was refused."),
  PROXY_WAF_BLOCKED: row(403, "downstream", "The request was refused."),
  PROXY_WAF_RESPONSE_BLOCKED: row(502, "upstream", "The answer was withheld."),
  PROXY_CHALLENGE_REQUIRED: row(
    403,
    "hook",
    "A check is needed first: open this site in a browser.",
  ),
  PROXY_CHALLENGE_UNAVAILABLE: row(503, "internal", "The check is not available at present."),
  PROXY_LOOP: row(508, "upstream", "The request came back to this proxy."),
  PROXY_UPSTREAM_CONNECT: row(502, "upstream", "The upstream could not be reached.", true),
  PROXY_UPSTREAM_CONNECT_TIMEOUT: row(
    504,
    "upstream",
    "The upstream did not answer in time.",
    true,
  ),
  PROXY_CACHE_ONLY: row(504, "upstream", "Nothing that is stored answers this request."),
  PROXY_UPSTREAM_HEAD_TIMEOUT: row(504, "upstream", "The upstream did not answer in time."),
  PROXY_UPSTREAM_IDLE_TIMEOUT: row(504, "upstream", "The upstream stopped answering."),
  PROXY_UPSTREAM_TOTAL_TIMEOUT: row(504, "upstream", "The upstream did not answer in time."),
  PROXY_UPSTREAM_RESET: row(502, "upstream", "The upstream closed the connection."),
  PROXY_UPSTREAM_STALE: row(502, "upstream", "The upstream closed the connection.", true),
  PROXY_UPSTREAM_PROTOCOL: row(502, "upstream", "The upstream's answer is not valid HTTP."),
  PROXY_UPSTREAM_CONTENT_TOO_LARGE: row(
    502,
    "upstream",
    "The upstream's content is too large to be edited.",
  ),
  PROXY_UPSTREAM_CONTENT_CODING: row(
    502,
    "upstream",
    "The upstream's content could not be decoded.",
  ),
  PROXY_UPSTREAM_QUEUE_FULL: row(503, "upstream", "The upstream is busy.", true),
  PROXY_UPSTREAM_QUEUE_TIMEOUT: row(503, "upstream", "The upstream is busy.", true),
  PROXY_UPSTREAM_UNAVAILABLE: row(503, "upstream", "The upstream is not available.", true),
  PROXY_UPSTREAM_CLOSED: row(503, "upstream", "The upstream is being shut down.", true),
  PROXY_UPSTREAM_HANDLER: row(502, "upstream", "The upstream failed."),
  PROXY_HOOK_FAILED: row(500, "hook", "The request could not be processed."),
  PROXY_HOOK_TIMEOUT: row(504, "hook", "The request took too long to process."),
  PROXY_HOOK_DECISION: row(500, "hook", "The request could not be processed."),
  PROXY_HOOK_FIELD: row(500, "hook", "The request could not be processed."),
  PROXY_CAPABILITY_OFF: row(500, "hook", "The request could not be processed."),
  PROXY_CONFIG_BROKEN: row(503, "config", "The configuration has an error."),
  PROXY_SHUTTING_DOWN: row(503, "internal", "The proxy is shutting down."),
  PROXY_INTERNAL: row(500, "internal", "The request could not be processed."),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

const BRAND = Symbol.for("gatewright.ProxyError");

export interface ProxyErrorOptions {
  /** What happened, for the log. Default: the public detail. */
  readonly message?: string;
  readonly cause?: unknown;
  /** Overrides the table's status (a hook's `block(reason, 451)`). */
  readonly status?: number;
  /** Fields for the answer, flat `[name, value, …]`, for example `Allow` or `Retry-After`. */
  readonly fields?: readonly string[];
}

/** A failure of one request, with everything that the answer and the log need. */
export class ProxyError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly source: ErrorSource;
  readonly retryable: boolean;
  readonly publicDetail: string;
  readonly fields: readonly string[];

  constructor(code: ErrorCode, options: ProxyErrorOptions = {}) {
    const entry = ERRORS[code];
    super(
      options.message ?? entry.publicDetail,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "ProxyError";
    this.code = code;
    this.status = options.status ?? entry.status;
    this.source = entry.source;
    this.retryable = entry.retryable;
    this.publicDetail = entry.publicDetail;
    this.fields = options.fields ?? [];
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** By brand, not `instanceof`: holds across duplicate copies of this module. */
export function isProxyError(value: unknown): value is ProxyError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** Any thrown value as a ProxyError; what is none becomes the given code with the value as its cause. */
export function toProxyError(value: unknown, code: ErrorCode, message?: string): ProxyError {
  if (isProxyError(value)) return value;
  return new ProxyError(code, message === undefined ? { cause: value } : { cause: value, message });
}
