/**
 * How long a message's content is, from its fields at head time: RFC 9112 §6.1 to §6.3, RFC 9110 §8.6.
 *
 * Stricter than it has to be: the RFC lets a server believe Transfer-Encoding over Content-Length and take the same
 * length twice. Two parsers that choose differently see two different requests (RFC 9112 §11.2), so both are refused.
 * Transfer codings other than `chunked` are not implemented.
 */
import type { ErrorCode } from "../errors.ts";
import { trimOws } from "./field-syntax.ts";
import { isNamed, type ReadonlyRawFields } from "./raw-fields.ts";
import type { Refusal } from "./refusal.ts";

export interface Framing {
  /** Declared length; `undefined` if there is none. A request without length and chunks has no content, whatever its method. */
  readonly length: number | undefined;
  readonly chunked: boolean;
}

const UNFRAMED: Framing = Object.freeze({ length: undefined, chunked: false });
const CHUNKED: Framing = Object.freeze({ length: undefined, chunked: true });
const ZERO: Framing = Object.freeze({ length: 0, chunked: false });

/** The framing that a request declares, or why it must be refused and its connection closed. */
export function requestFraming(fields: ReadonlyRawFields): Framing | Refusal {
  return readFraming(fields, "PROXY_REQUEST_MALFORMED", "PROXY_REQUEST_TRANSFER_ENCODING");
}

/** The same of an upstream's response. It says nothing of responses that have no content by their status or method. */
export function responseFraming(fields: ReadonlyRawFields): Framing | Refusal {
  return readFraming(fields, "PROXY_UPSTREAM_PROTOCOL", "PROXY_UPSTREAM_PROTOCOL");
}

/** A Content-Length value: digits only (no sign, no list, no hex), within what counts exactly. -1 if it is none. */
export function parseContentLength(value: string): number {
  if (value.length === 0 || value.length > 16) return -1;
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const digit = value.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : -1;
}

function readFraming(
  fields: ReadonlyRawFields,
  malformed: ErrorCode,
  unsupported: ErrorCode,
): Framing | Refusal {
  let length: string | undefined;
  let coding: string | undefined;
  let lengths = 0;
  let codings = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (name.length === 14 && isNamed(name, "content-length")) {
      length = fields[at + 1];
      lengths++;
    } else if (name.length === 17 && isNamed(name, "transfer-encoding")) {
      coding = fields[at + 1];
      codings++;
    }
  }
  if (coding !== undefined) {
    if (length !== undefined) {
      return { error: malformed, message: "both Content-Length and Transfer-Encoding" };
    }
    // RFC 9112 §7: coding names are case-insensitive. Anything beside the one word is another coding to some parser.
    if (codings > 1 || !isNamed(trimOws(coding), "chunked")) {
      return { error: unsupported, message: "a Transfer-Encoding other than chunked" };
    }
    return CHUNKED;
  }
  if (length === undefined) return UNFRAMED;
  if (lengths > 1) return { error: malformed, message: "more than one Content-Length" };
  const bytes = parseContentLength(trimOws(length));
  if (bytes === -1) return { error: malformed, message: "a malformed Content-Length" };
  return bytes === 0 ? ZERO : { length: bytes, chunked: false };
}
