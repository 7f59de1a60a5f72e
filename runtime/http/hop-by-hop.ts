/**
 * What an intermediary must not pass on: RFC 9110 §7.6.1 (Connection and the fields it names), §10.1.4 (TE), §6.5.1
 * (fields that may not be trailers), §11.7 (proxy authentication).
 *
 * Deliberate choices:
 * - `Proxy-Authenticate`, `Proxy-Authorization` and `Proxy-Authentication-Info` (RFC 9110 §11.7) concern one hop that we
 *   never ask for credentials on: dropped both ways, so that a client's proxy password does not reach an application.
 * - `Trailer` is dropped from requests, whose trailers not every upstream connection can carry, and kept on responses.
 * - `Connection` cannot name Host and Content-Length away: the message would be routed or cut differently. Nor the
 *   records of the way a request took (`Via`, `Forwarded`, `X-Forwarded-*`, `X-Real-IP`): a client behind a proxy that
 *   passes Connection on could have its own address erased, and would then be taken for that proxy.
 */
import { splitList } from "./field-syntax.ts";
import { isNamed, type RawFields, type ReadonlyRawFields } from "./raw-fields.ts";

export type MessageDirection = "request" | "response";

/**
 * A new list without hop-by-hop fields and those that Connection names. Of requests, also without Host, Content-Length
 * and Expect, which the connection to the upstream writes itself.
 *
 * What is added afterwards cannot be named away by the sender.
 */
export function forwardableFields(
  fields: ReadonlyRawFields,
  direction: MessageDirection,
): RawFields {
  const request = direction === "request";
  const kept: RawFields = [];
  let named = false;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    switch (name.length) {
      case 2:
        if (isNamed(name, "te")) continue;
        break;
      case 4:
        if (request && isNamed(name, "host")) continue;
        break;
      case 6:
        if (request && isNamed(name, "expect")) continue;
        break;
      case 7:
        if (isNamed(name, "upgrade") || (request && isNamed(name, "trailer"))) continue;
        break;
      case 10:
        if (isNamed(name, "connection")) {
          named ||= namesFields(fields[at + 1] as string);
          continue;
        }
        if (isNamed(name, "keep-alive")) continue;
        break;
      case 14:
        if (request && isNamed(name, "content-length")) continue;
        if (isNamed(name, "http2-settings")) continue;
        break;
      case 16:
        if (isNamed(name, "proxy-connection")) continue;
        break;
      case 17:
        if (isNamed(name, "transfer-encoding")) continue;
        break;
      case 18:
        if (isNamed(name, "proxy-authenticate")) continue;
        break;
      case 19:
        if (isNamed(name, "proxy-authorization")) continue;
        break;
      case 25:
        if (isNamed(name, "proxy-authentication-info")) continue;
        break;
    }
    kept.push(name, fields[at + 1] as string);
  }
  return named ? withoutNamed(kept, fields) : kept;
}

/**
 * A new list of the trailers that may be passed on. RFC 9110 §6.5.1: a field that says how a message is framed, routed,
 * authenticated or read must be known before the content; a late one is either ignored or, where trailers are merged
 * into the head, a way past every check that was made on the head.
 */
export function forwardableTrailers(trailers: ReadonlyRawFields): RawFields {
  const kept: RawFields = [];
  for (let at = 0; at < trailers.length; at += 2) {
    const name = trailers[at] as string;
    const lower = name.toLowerCase();
    if (NEVER_TRAILERS.has(lower) || lower.startsWith("x-forwarded-")) continue;
    kept.push(name, trailers[at + 1] as string);
  }
  return kept;
}

/** The two spellings that nearly every client and server sends come first; `Connection: upgrade` names no field either. */
function namesFields(value: string): boolean {
  switch (value) {
    case "keep-alive":
    case "close":
    case "Keep-Alive":
    case "Close":
    case "upgrade":
    case "Upgrade":
    case "keep-alive, Upgrade":
    case "":
      return false;
    default:
      return true;
  }
}

function withoutNamed(kept: RawFields, fields: ReadonlyRawFields): RawFields {
  const names = new Set<string>();
  for (let at = 0; at < fields.length; at += 2) {
    if (!isNamed(fields[at] as string, "connection")) continue;
    for (const option of splitList(fields[at + 1] as string)) {
      const lower = option.toLowerCase();
      if (!isProtected(lower)) names.add(lower);
    }
  }
  const rest: RawFields = [];
  for (let at = 0; at < kept.length; at += 2) {
    const name = kept[at] as string;
    if (!names.has(name.toLowerCase())) rest.push(name, kept[at + 1] as string);
  }
  return rest;
}

function isProtected(lower: string): boolean {
  return PROTECTED.has(lower) || lower.startsWith("x-forwarded-");
}

const PROTECTED: ReadonlySet<string> = new Set([
  "content-length",
  "forwarded",
  "host",
  "via",
  "x-real-ip",
]);

const NEVER_TRAILERS: ReadonlySet<string> = new Set([
  // Framing and the connection.
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // Routing.
  "forwarded",
  "host",
  "via",
  "x-real-ip",
  // Request modifiers and conditions.
  "cache-control",
  "expect",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "max-forwards",
  "pragma",
  "range",
  // Authentication and state.
  "authentication-info",
  "authorization",
  "cookie",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "set-cookie",
  "www-authenticate",
  // Response control.
  "age",
  "date",
  "expires",
  "location",
  "retry-after",
  "strict-transport-security",
  "vary",
  "warning",
  // How the content is read.
  "content-encoding",
  "content-range",
  "content-type",
]);
