/**
 * Heads for HTTP/2 and back (RFC 9113 §8.2, §8.3). Node lower-cases names, keeps order and duplicates of what follows
 * the pseudo-fields, and drops nothing.
 */
import { sensitiveHeaders } from "node:http2";

import { ProxyError } from "../errors.ts";
import { forwardableTrailers } from "../http/hop-by-hop.ts";
import { fieldValue, isNamed, type RawFields, type ReadonlyRawFields } from "../http/raw-fields.ts";
import type { Target } from "./target.ts";
import type { UpstreamRequest } from "./upstream.ts";

/**
 * The request's head as node:http2 takes it. `:scheme` is the target's own, as the connection is: what the client used
 * is in the forwarded fields.
 */
export function http2RequestHead(request: UpstreamRequest, target: Target): RawFields {
  const { fields, content, upgrade } = request;
  const head: RawFields = [
    ":method",
    upgrade === undefined ? request.method : "CONNECT",
    ":scheme",
    target.scheme,
    ":authority",
    request.authority ?? target.authority,
    ":path",
    request.path,
  ];
  // RFC 8441 §4.
  if (upgrade !== undefined) head.push(":protocol", upgrade);
  for (let at = 1; at < head.length; at += 2) checkValue(head[at] as string);
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (UNSENT_LENGTHS[name.length] === true && UNSENT.has(name.toLowerCase())) continue;
    // RFC 8441 §5: the stream itself is the handshake.
    if (upgrade !== undefined && isNamed(name, "sec-websocket-key")) continue;
    const value = fields[at + 1] as string;
    checkValue(value);
    head.push(name, value);
  }
  if (content?.length !== undefined) head.push("content-length", String(content.length));
  // RFC 9113 §8.2.2 allows TE with this value only. It went with the hop-by-hop fields; gRPC servers refuse requests
  // without it, and every gRPC client sends it.
  if (isGrpc(fields)) head.push("te", "trailers");
  (head as SensitiveList)[sensitiveHeaders] = NEVER_INDEXED;
  return head;
}

/** Content-type `application/grpc`, `application/grpc+proto` and their kin; not `application/grpc-web`. */
function isGrpc(fields: ReadonlyRawFields): boolean {
  const type = fieldValue(fields, "content-type");
  if (type === undefined || type.length < 16) return false;
  if (type.slice(0, 16).toLowerCase() !== "application/grpc") return false;
  const next = type.charCodeAt(16);
  return Number.isNaN(next) || next === PLUS || next === SEMICOLON || next === SPACE;
}

/** Without pseudo-fields. */
export function http2ResponseFields(raw: readonly string[]): RawFields {
  const fields: RawFields = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.charCodeAt(0) !== COLON) fields.push(name, raw[at + 1] as string);
  }
  return fields;
}

/** As `sendTrailers` takes them: lines of one name together, names in order of their first line. */
export function http2Trailers(trailers: ReadonlyRawFields): Record<string, string[]> {
  const kept = forwardableTrailers(trailers);
  const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let at = 0; at < kept.length; at += 2) {
    const name = (kept[at] as string).toLowerCase();
    const value = kept[at + 1] as string;
    checkValue(value);
    if (name.charCodeAt(0) !== COLON) (fields[name] ??= []).push(value);
  }
  return fields;
}

/**
 * Node hands heads to its HTTP/2 library as one text with NUL between the parts and cut to one byte a character: a NUL,
 * or a character whose low byte is one, would begin a field of the sender's choice.
 */
function checkValue(value: string): void {
  if (!UNSENDABLE.test(value)) return;
  const message = "a field value has a NUL, a line end or a character beyond Latin-1";
  throw new ProxyError("PROXY_INTERNAL", { message });
}

// oxlint-disable-next-line no-control-regex -- control characters are what is being looked for
const UNSENDABLE = /[\0\r\n\u0100-\uffff]/;

type SensitiveList = RawFields & { [sensitiveHeaders]?: string[] };

/**
 * RFC 7541 §7.1.3: all clients share one compression context here, and what one of them sends must not tell it by the
 * length of a head whether it guessed another one's secret.
 */
const NEVER_INDEXED = ["authorization", "cookie", "proxy-authorization"];

/** RFC 9113 §8.2.2 and what this connection writes itself. */
const UNSENT = new Set([
  "te",
  "host",
  "expect",
  "trailer",
  "upgrade",
  "connection",
  "keep-alive",
  "content-length",
  "http2-settings",
  "proxy-connection",
  "transfer-encoding",
]);

/** Most names are settled by their length. */
const UNSENT_LENGTHS: boolean[] = [];
for (const name of UNSENT) UNSENT_LENGTHS[name.length] = true;
for (let i = 0; i < UNSENT_LENGTHS.length; i++) UNSENT_LENGTHS[i] ??= false;

const COLON = 0x3a;
const PLUS = 0x2b;
const SEMICOLON = 0x3b;
const SPACE = 0x20;
