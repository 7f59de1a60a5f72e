/**
 * The Forwarded field: RFC 7239 §4 (syntax), §6 (node identifiers). X-Forwarded-For has no specification; its entries are
 * read as what proxies write: addresses, with or without a port.
 *
 * Lists are read from the right: the last entry was added by the hop next to us, while the first may be anything that a
 * client made up. Garbage ends the reading, so that it cannot hide in front of an entry and move what we believe.
 */
import {
  isOws,
  isToken,
  splitParameters,
  tokenOrQuoted,
  trimOws,
  unquote,
} from "./field-syntax.ts";

export interface ForwardedElement {
  readonly for: string | undefined;
  readonly by: string | undefined;
  readonly host: string | undefined;
  /** Lower case. */
  readonly proto: string | undefined;
}

/** One element as text. Values that are no token are quoted (`for="[2001:db8::1]"`); absent ones are left out. */
export function formatForwarded(element: {
  /** A bare address: brackets are added to IPv6 (RFC 7239 §6). */
  readonly for: string;
  readonly host?: string;
  readonly proto?: string;
}): string {
  const address = element.for;
  let text = address.includes(":") ? `for="[${address}]"` : `for=${tokenOrQuoted(address)}`;
  if (element.host !== undefined && element.host !== "")
    text += `;host=${tokenOrQuoted(element.host)}`;
  if (element.proto !== undefined) text += `;proto=${element.proto}`;
  return text;
}

/** The start of the last element of `line.slice(0, end)`: after the last comma that no quoted string holds. */
export function lastElementStart(line: string, end: number): number {
  let inQuotes = false;
  for (let at = end - 1; at >= 0; at--) {
    const code = line.charCodeAt(at);
    if (code === 0x22) {
      if (!isEscaped(line, at)) inQuotes = !inQuotes;
    } else if (code === 0x2c && !inQuotes) {
      return at + 1;
    }
  }
  return 0;
}

function isEscaped(line: string, at: number): boolean {
  let backslashes = 0;
  while (line.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

/** One `;`-separated element, or `undefined` if it is garbage: no pairs, a name twice, a value that is neither token nor quoted. */
export function parseForwardedElement(text: string): ForwardedElement | undefined {
  const values = new Map<string, string>();
  for (const pair of splitParameters(text)) {
    const equals = pair.indexOf("=");
    const name = equals === -1 ? "" : pair.slice(0, equals).toLowerCase();
    const raw = pair.slice(equals + 1);
    const isQuoted = QUOTED.test(raw);
    // Lenient where it is unambiguous: many proxies write `host=a.test:80` and bare `for=[::1]` without quotes.
    if (!isToken(name) || values.has(name) || (!isQuoted && !LENIENT_VALUE.test(raw))) {
      return undefined;
    }
    values.set(name, isQuoted ? unquote(raw) : raw);
  }
  if (values.size === 0) return undefined;
  return {
    for: values.get("for"),
    by: values.get("by"),
    host: values.get("host"),
    proto: values.get("proto")?.toLowerCase(),
  };
}

const QUOTED = /^"(?:[^"\\]|\\[^])*"$/;
const LENIENT_VALUE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z:[\]/]+$/;

export interface ForwardedNode {
  /** As written, without brackets; not yet known to be an address. */
  readonly address: string;
  /** 0 if none was given. */
  readonly port: number;
}

/**
 * A node as it stands in `for=` (unquoted) or in X-Forwarded-For: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, bare
 * IPv6. `undefined` for `unknown`, obfuscated names and all else (RFC 7239 §6.2, §6.3): they say nothing that could be
 * compared.
 */
export function parseForwardedNode(text: string): ForwardedNode | undefined {
  const entry = trimOws(text);
  const first = entry.charCodeAt(0);
  if (first === 0x5b) {
    const close = entry.indexOf("]");
    if (close === -1) return undefined;
    return nodeWithPort(entry.slice(1, close), entry, close + 1);
  }
  const colon = entry.indexOf(":");
  if (colon === -1) return isDigit(first) ? { address: entry, port: 0 } : undefined;
  // Two colons: IPv6 without brackets, which cannot have a port.
  if (entry.indexOf(":", colon + 1) !== -1) return { address: entry, port: 0 };
  return isDigit(first) ? nodeWithPort(entry.slice(0, colon), entry, colon) : undefined;
}

function nodeWithPort(address: string, entry: string, colon: number): ForwardedNode | undefined {
  if (colon === entry.length) return { address, port: 0 };
  const digits = entry.slice(colon + 1);
  if (entry.charCodeAt(colon) !== 0x3a || !/^\d{1,5}$/.test(digits)) return undefined;
  const port = Number(digits);
  return port > 65_535 ? undefined : { address, port };
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether there is nothing but whitespace between two places: an empty list element, which is passed over. */
export function isBlank(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isOws(text.charCodeAt(at))) return false;
  return true;
}
