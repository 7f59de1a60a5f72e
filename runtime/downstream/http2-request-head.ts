/**
 * An HTTP/2 request's head as the exchange shows it: RFC 9113 §8.3.1 (pseudo-fields, Host), §8.2.3 (Cookie), §10.5.1
 * (size) and RFC 8441 (extended CONNECT).
 *
 * nghttp2 has refused by itself what is malformed on the wire: upper case, connection-specific fields, TE other than
 * trailers, pseudo-fields that are missing, unknown, repeated or late, Content-Length twice. Fields whose name or value
 * has a byte that HTTP/1.1 could read as the end of a field, it takes out before anyone sees them.
 */
import { randomBytes } from "node:crypto";

import { parseContentLength } from "../http/framing.ts";
import { isOws } from "../http/field-syntax.ts";
import { isAuthority } from "../http/host.ts";
import { isNamed, type RawFields } from "../http/raw-fields.ts";
import type { Refusal } from "../http/refusal.ts";
import { parseRequestTarget } from "../http/request-target.ts";

/** What a head says. Filled anew for each request: copy what must last. */
export interface Http2HeadFacts {
  method: string;
  target: string;
  authority: string;
  fields: RawFields;
  /** Declared length of the content, if there is one. */
  length: number | undefined;
  expectsContinue: boolean;
  /** The client reads trailers (RFC 9110 §10.1.4). */
  acceptsTrailers: boolean;
  /** `:protocol` of an extended CONNECT, lower case. */
  upgrade: string | undefined;
}

export interface Http2HeadLimits {
  readonly headBytes: number;
  readonly targetBytes: number;
}

/** What a field takes in HTTP/1.1 beside its name and value, so that both protocols have the same limit. */
const FIELD_OVERHEAD = 4;

export function createHttp2HeadFacts(): Http2HeadFacts {
  return {
    method: "",
    target: "",
    authority: "",
    fields: [],
    length: undefined,
    expectsContinue: false,
    acceptsTrailers: false,
    upgrade: undefined,
  };
}

/** Reads and checks a head. `undefined`: it may be served, and `facts` holds what it says. */
export function readHttp2Head(
  raw: readonly string[],
  limits: Http2HeadLimits,
  facts: Http2HeadFacts,
): Refusal | undefined {
  let path: string | undefined;
  let scheme = "";
  let authority: string | undefined;
  let protocol: string | undefined;
  let bytes = 0;
  let start = 0;
  facts.method = "";
  for (; start < raw.length; start += 2) {
    const name = raw[start] as string;
    if (name.charCodeAt(0) !== 0x3a) break;
    const value = raw[start + 1] as string;
    bytes += value.length + FIELD_OVERHEAD;
    if (name === ":method") facts.method = value;
    else if (name === ":path") path = value;
    else if (name === ":authority") authority = value;
    else if (name === ":scheme") scheme = value;
    else if (name === ":protocol") protocol = value;
  }

  const fields = raw.slice(start);
  let kept = 0;
  let host: string | undefined;
  let cookieAt = -1;
  let length: number | undefined;
  let expectation: string | undefined;
  facts.acceptsTrailers = false;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    bytes += name.length + value.length + FIELD_OVERHEAD;
    // RFC 9113 §8.2.1: malformed. HTTP/1.1 would cut the space off, and compare a different value.
    if (isPadded(value)) return malformed(`space around the value of ${name}`);
    switch (name.length) {
      case 2:
        if (name === "te") facts.acceptsTrailers = true;
        break;
      case 4:
        if (name === "host") {
          if (host !== undefined) return wrongHost("more than one Host");
          host = value;
        }
        break;
      case 6:
        if (name === "cookie") {
          if (cookieAt === -1) {
            cookieAt = kept;
          } else {
            // RFC 9113 §8.2.3: crumbs are one field to everything that is not HTTP/2.
            fields[cookieAt + 1] = `${fields[cookieAt + 1]}; ${value}`;
            continue;
          }
        } else if (name === "expect") {
          expectation = expectation === undefined ? value : `${expectation}, ${value}`;
        }
        break;
      case 14:
        if (name === "content-length") {
          length = parseContentLength(value);
          if (length === -1) return malformed("a malformed Content-Length");
        }
        break;
    }
    if (kept !== at) {
      fields[kept] = name;
      fields[kept + 1] = value;
    }
    kept += 2;
  }
  if (kept < fields.length) fields.length = kept;
  if (bytes > limits.headBytes) {
    return { error: "PROXY_REQUEST_HEAD_TOO_LARGE", message: `a head of ${bytes} bytes` };
  }

  const refusal = readAuthority(authority, host, facts);
  if (refusal !== undefined) return refusal;
  facts.upgrade = undefined;
  if (facts.method === "CONNECT") {
    if (protocol === undefined) return { error: "PROXY_REQUEST_METHOD", message: "CONNECT" };
    facts.upgrade = protocol.toLowerCase();
    // An upgrade is a GET to whoever serves it, whatever protocol carried it.
    facts.method = "GET";
    if (facts.upgrade === "websocket") addWebSocketKey(fields);
  }
  if (path === undefined) return malformed("no :path");
  if (path.length > limits.targetBytes) {
    return { error: "PROXY_REQUEST_TARGET_TOO_LONG", message: `a target of ${path.length} bytes` };
  }
  // RFC 9113 §8.3.1 allows any scheme: that of another protocol would be served as if it were HTTP.
  if (!isNamed(scheme, "https") && !isNamed(scheme, "http")) return malformed("a foreign :scheme");
  const target = parseRequestTarget(facts.method, path);
  if ("error" in target) return target;
  if (target.kind !== "origin" && target.kind !== "asterisk") return malformed("a :path with host");
  facts.target = target.target;
  facts.fields = fields;
  facts.length = length;
  facts.expectsContinue = false;
  if (expectation !== undefined) {
    if (!isNamed(expectation, "100-continue")) {
      return { error: "PROXY_REQUEST_EXPECTATION", message: "an unknown expectation" };
    }
    facts.expectsContinue = true;
  }
  return undefined;
}

/**
 * RFC 9113 §8.3.1: a Host that differs from `:authority` makes the request malformed. One would choose the route, the
 * other the application's tenant.
 */
function readAuthority(
  authority: string | undefined,
  host: string | undefined,
  facts: Http2HeadFacts,
): Refusal | undefined {
  const named = authority ?? host;
  if (named === undefined) return wrongHost("neither :authority nor Host");
  if (!isAuthority(named)) return wrongHost("a malformed authority");
  if (host !== undefined && host !== named && host.toLowerCase() !== named.toLowerCase()) {
    return wrongHost("a Host that differs from :authority");
  }
  facts.authority = named;
  return undefined;
}

/** RFC 8441 §5 does without the key that HTTP/1.1 upstreams insist on. What they answer to it is dropped. */
function addWebSocketKey(fields: RawFields): void {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === "sec-websocket-key") return;
  fields.push("Sec-WebSocket-Key", randomBytes(16).toString("base64"));
}

function isPadded(value: string): boolean {
  return (
    value.length > 0 && (isOws(value.charCodeAt(0)) || isOws(value.charCodeAt(value.length - 1)))
  );
}

function malformed(message: string): Refusal {
  return { error: "PROXY_REQUEST_MALFORMED", message };
}

function wrongHost(message: string): Refusal {
  return { error: "PROXY_REQUEST_HOST", message };
}
