/**
 * Host and authority: RFC 9110 §7.2, RFC 3986 §3.2.2 and §3.2.3.
 *
 * Stricter than the grammar: of a registered name only letters, digits, `-`, `.`, `_` and `~` are taken. Percent-encoded
 * and sub-delimiter characters (`,` `;` `*` …) are in no real host name and are read differently by different parsers.
 * No user information, no zone, no IPvFuture. The empty host, which the grammar allows, is refused.
 */
import { isIPv6 } from "node:net";

export interface Authority {
  /** Lower-case, without port and without the one dot that may end a full name; IPv6 keeps its brackets. */
  readonly host: string;
  /** `undefined` if none was given. */
  readonly port: number | undefined;
}

/** RFC 1035 §3.1 allows 255; nothing longer can be looked up. */
const MAX_HOST_LENGTH = 255;

const PLAIN = 1;
const CAPITAL = 2;
const KINDS: Uint8Array = new Uint8Array(128);
for (const char of "abcdefghijklmnopqrstuvwxyz0123456789-._~") KINDS[char.charCodeAt(0)] = PLAIN;
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") KINDS[char.charCodeAt(0)] = CAPITAL;

/** Takes `host[:port]` apart, or `undefined` for what is none. */
export function parseAuthority(text: string): Authority | undefined {
  if (text.charCodeAt(0) === 0x5b) return parseBracketed(text);
  let end = text.length;
  let capitals = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x3a) {
      end = at;
      break;
    }
    const kind = code < 128 ? (KINDS[code] as number) : 0;
    if (kind === 0) return undefined;
    if (kind === CAPITAL) capitals = true;
    // An empty label: "a..b" and ".a" are names that some resolvers shorten.
    else if (code === 0x2e && (at === 0 || text.charCodeAt(at - 1) === 0x2e)) return undefined;
  }
  if (end === 0 || end > MAX_HOST_LENGTH) return undefined;
  const port = parsePort(text, end);
  if (port === -1) return undefined;
  // "admin.test." is the same host as "admin.test": without this it would pass by a route for the latter.
  const nameEnd = text.charCodeAt(end - 1) === 0x2e ? end - 1 : end;
  const host = nameEnd === text.length ? text : text.slice(0, nameEnd);
  return { host: capitals ? host.toLowerCase() : host, port: port === NO_PORT ? undefined : port };
}

/** Whether the text can stand in a Host field. */
export function isAuthority(text: string): boolean {
  return parseAuthority(text) !== undefined;
}

function parseBracketed(text: string): Authority | undefined {
  const close = text.indexOf("]");
  if (close === -1 || close > 48) return undefined;
  const address = text.slice(1, close);
  // isIPv6 would take a zone; RFC 9110 has none in a Host.
  if (address.includes("%") || !isIPv6(address)) return undefined;
  if (close + 1 < text.length && text.charCodeAt(close + 1) !== 0x3a) return undefined;
  const port = parsePort(text, close + 1);
  if (port === -1) return undefined;
  return {
    host: text.slice(0, close + 1).toLowerCase(),
    port: port === NO_PORT ? undefined : port,
  };
}

const NO_PORT = -2;

/** The port after the colon at `colon`; NO_PORT if there is none (RFC 3986 §3.2.3 also allows a bare colon), -1 if invalid. */
function parsePort(text: string, colon: number): number {
  if (colon + 1 >= text.length) return NO_PORT;
  if (text.length - colon > 6) return -1;
  let port = 0;
  for (let at = colon + 1; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port > 65_535 ? -1 : port;
}
