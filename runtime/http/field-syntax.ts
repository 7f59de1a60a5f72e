/**
 * The grammar that field names and values share: tokens (RFC 9110 §5.6.2), values (§5.5), quoted strings (§5.6.4) and
 * comma lists (§5.6.1). Not here: comments (§5.6.5), which only Via and User-Agent have.
 */

const TOKEN = 1;
const VALUE = 2;
/** What each byte may be part of. */
const KINDS: Uint8Array = new Uint8Array(256);
for (let code = 0x20; code <= 0xff; code++) if (code !== 0x7f) KINDS[code] = VALUE;
KINDS[0x09] = VALUE;
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  KINDS[char.charCodeAt(0)] = TOKEN | VALUE;
}

/** RFC 9110 §5.6.2. A field name is a token; anything else in it (space, colon, line break) starts a second field. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let at = 0; at < text.length; at++) {
    if (!isTokenCode(text.charCodeAt(at))) return false;
  }
  return true;
}

function isTokenCode(code: number): boolean {
  return code < 256 && ((KINDS[code] as number) & TOKEN) !== 0;
}

/**
 * Whether a value can go on the wire as it is: HTAB, SP, visible ASCII and the opaque bytes 0x80 to 0xFF (RFC 9110 §5.5).
 * CR, LF and NUL would end the field and start another; other control bytes are read differently by different parsers;
 * characters above U+00FF are no byte.
 */
export function isFieldValue(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code > 0xff || KINDS[code] === 0) return false;
  }
  return true;
}

/** OWS (RFC 9110 §5.6.3) cut from both ends. Only space and tab: `trim()` would also take no-break spaces (0xA0). */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

export function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** A quoted-string (RFC 9110 §5.6.4). The text must be a field value already. */
export function quoteString(text: string): string {
  // Nearly no text has either; two searches cost less than a replacement that finds nothing.
  const isPlain = !text.includes('"') && !text.includes("\\");
  return isPlain ? `"${text}"` : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** As a token where it is one, else quoted. */
export function tokenOrQuoted(text: string): string {
  return isToken(text) ? text : quoteString(text);
}

/** A parameter's value: a quoted-string unquoted, anything else as it is. */
export function unquote(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== 0x22 || text.charCodeAt(text.length - 1) !== 0x22) {
    return text;
  }
  const inner = text.slice(1, -1);
  return inner.includes("\\") ? inner.replace(/\\(.)/g, "$1") : inner;
}

/**
 * The elements of a comma list, without the whitespace around them; empty ones are left out (RFC 9110 §5.6.1.2).
 * Commas in quoted strings do not separate. A quote that is never closed runs to the end.
 */
export function splitList(value: string): string[] {
  return splitQuoted(value, 0x2c);
}

/** As {@link splitList}, for parameters after `;`. */
export function splitParameters(value: string): string[] {
  return splitQuoted(value, 0x3b);
}

function splitQuoted(value: string, separator: number): string[] {
  const elements: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (quoted) {
      if (code === 0x5c) at++;
      else if (code === 0x22) quoted = false;
    } else if (code === separator) {
      addElement(elements, value, start, at);
      start = at + 1;
    } else if (code === 0x22) {
      quoted = true;
    }
  }
  addElement(elements, value, start, value.length);
  return elements;
}

function addElement(elements: string[], value: string, start: number, end: number): void {
  const element = trimOws(value.slice(start, end));
  if (element !== "") elements.push(element);
}
