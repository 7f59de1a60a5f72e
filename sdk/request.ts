import type { BodyInput, HeaderFields, ReadonlyHeaderFields } from "./headers.ts";

/**
 * The request as hooks see it: the reading surface of a Web `Request` over the bytes that arrived.
 *
 * Nothing is parsed before it is asked for. Reading content does not consume it: the first read fills a replay buffer
 * (up to `requestContent.memory`, then 413) that every later reader and the upstream share.
 */
export interface ProxyRequest {
  /** Method as sent, case-sensitive. Assigning changes what is forwarded. */
  method: string;
  /** Absolute target URI as sent: scheme, authority, path and query (RFC 9110 §7.1). Read-only: assign `path` or `search`. */
  readonly url: string;
  /** `"http"` or `"https"`: the scheme that the client used with us (or told by a trusted proxy). */
  readonly scheme: "http" | "https";
  /** Host and port the client asked for, lower case. */
  readonly host: string;
  /**
   * The one normalised path that routes and every primitive match on: unreserved characters decoded, hex in capitals,
   * empty segments merged, `;parameters` cut. Ambiguous paths never get here (400). Assigning changes the forwarded path.
   */
  path: string;
  /** The path exactly as sent. */
  readonly rawPath: string;
  /** The query exactly as sent, with its `?`, or `""`. Assigning changes the forwarded query. */
  search: string;
  /** The query parsed (a copy: assign `search` to change what is forwarded). */
  readonly query: URLSearchParams;
  /** Protocol of the client's connection. */
  readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
  /** Fields that will be forwarded: hop-by-hop ones and untrusted claims are gone. Editing them changes what is forwarded. */
  readonly headers: HeaderFields;
  /** True if the request has content (also with GET or DELETE). */
  readonly hasContent: boolean;
  /** Fires when the client goes away or the hook's time limit passes. */
  readonly signal: AbortSignal;

  /** Cookie value by name, or `undefined`. */
  cookie(name: string): string | undefined;
  /** The whole content. Rejects with `PROXY_CONTENT_TOO_LARGE` (answered 413) above `requestContent.memory`. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** The content as UTF-8 text. */
  text(): Promise<string>;
  /** The content parsed as JSON. Rejects with `SyntaxError`; type it by the assertion that you can defend. */
  json(): Promise<unknown>;
  /** The content parsed as a form (`multipart/form-data` or `application/x-www-form-urlencoded`). */
  formData(): Promise<FormData>;
  /** Replaces the content; length and framing follow by themselves. */
  setBody(body: BodyInput): void;
  /** A real Web `Request` with a copy of the head and a stream of the content. */
  toWeb(): Request;
}

/**
 * The request as every phase sees it in `ctx.request`: as it stands, hooks' changes included, and not to be changed. That
 * is what `onRequest` is for: later the request is on its way.
 */
export interface RequestView extends Readonly<
  Pick<
    ProxyRequest,
    | "method"
    | "url"
    | "scheme"
    | "host"
    | "path"
    | "rawPath"
    | "search"
    | "query"
    | "protocol"
    | "hasContent"
    | "cookie"
  >
> {
  /** Fields that are forwarded: hop-by-hop ones and untrusted claims are gone. */
  readonly headers: ReadonlyHeaderFields;
}
