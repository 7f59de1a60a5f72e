/**
 * What may be logged. Secrets travel in header fields and in query parameters; whoever reads the log must see that one
 * was there, never which. Pure functions, linear in the length of their input: all of it is written by strangers.
 */

/** Stands where a secret was. */
export const REDACTED = "[redacted]";

/** Parts of names that give a secret away wherever they occur, compared without case, `-`, `_` and `.`. */
const SECRET_PARTS = [
  "authorization",
  "cookie",
  "token",
  "secret",
  "password",
  "passwd",
  "apikey",
  "accesskey",
  "privatekey",
  "credential",
  "assertion",
  "jwt",
] as const;

/** Names of query parameters that are secrets as a whole word but harmless as a part (`zipcode`, `keyword`). */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  "code",
  "signature",
  "sig",
  "key",
  "pwd",
  "pass",
  "auth",
  "session",
  "sessionid",
  "sid",
  "otp",
  "xamzsignature",
  "xgoogsignature",
]);

/** Longer names are not looked at: nobody's secret has one, and the work for each `=` stays bounded. */
const MAX_NAME_LENGTH = 256;

export interface Redactor {
  /** True if the values of this header field (or object key) are never logged. */
  isSecretField(name: string): boolean;
  /** True if the values of this query parameter are never logged. `name` as in the URL, still encoded. */
  isSecretParameter(name: string): boolean;
  /** Any text (a target, a URL, a message): values of secret parameters and user information in it replaced. */
  text(value: string): string;
}

/** `extra`: the config's `log.redact`, names of fields and parameters alike. */
export function createRedactor(extra: readonly string[] = []): Redactor {
  const own: ReadonlySet<string> = new Set(extra.map(normalise));
  const isSecretField = (name: string): boolean => {
    const plain = normalise(name);
    return own.has(plain) || hasSecretPart(plain);
  };
  const isSecretParameter = (name: string): boolean => {
    const plain = normalise(name.includes("%") ? decode(name) : name);
    return own.has(plain) || SECRET_PARAMETERS.has(plain) || hasSecretPart(plain);
  };
  const redactor: Redactor = {
    isSecretField,
    isSecretParameter,
    text: (value) => redactUserInfo(redactParameters(value, redactor)),
  };
  return redactor;
}

const standard = createRedactor();

/** A request-target (path and query) as the log may have it. */
export function redactTarget(target: string, redactor: Redactor = standard): string {
  // Nearly every target leaves here: no query, or one without a value.
  if (target.indexOf("=") === -1 && target.indexOf("%3") === -1) return target;
  return redactParameters(target, redactor);
}

/** A URL (Referer, Location) as the log may have it: secret parameters and `user:password@` replaced. */
export function redactUrl(url: string, redactor: Redactor = standard): string {
  return redactor.text(url);
}

function normalise(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]/g, "");
}

function hasSecretPart(plain: string): boolean {
  for (const part of SECRET_PARTS) if (plain.includes(part)) return true;
  return false;
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/**
 * Walks from `=` to `=`, also percent-encoded ones: a `?next=%2Fcb%3Ftoken%3Dx` carries a token as well as `?token=x`.
 * Names go back to the delimiter before them, values on to the next `&`, `#`, blank or quote. Each index is searched
 * again only after it has been passed: a text of nothing but `=` takes one pass, not one for each.
 */
function redactParameters(text: string, redactor: Redactor): string {
  let result = "";
  let copied = 0;
  let position = 0;
  let plain = nextIndex(text.indexOf("="));
  let encoded = nextIndex(indexOfEncodedEquals(text, 0));
  while (plain !== Infinity || encoded !== Infinity) {
    const isPlain = plain < encoded;
    const equals = isPlain ? plain : encoded;
    const valueStart = equals + (isPlain ? 1 : 3);
    const nameStart = startOfName(text, equals, position);
    position = valueStart;
    if (nameStart !== equals && isSecretAt(text, nameStart, equals, redactor)) {
      const valueEnd = endOfValue(text, valueStart, !isPlain);
      if (valueEnd !== valueStart) {
        result += text.slice(copied, valueStart) + REDACTED;
        copied = valueEnd;
        position = valueEnd;
      }
    }
    if (plain < position) plain = nextIndex(text.indexOf("=", position));
    if (encoded < position) encoded = nextIndex(indexOfEncodedEquals(text, position));
  }
  return copied === 0 ? text : result + text.slice(copied);
}

function nextIndex(found: number): number {
  return found === -1 ? Infinity : found;
}

/** In running text `code=ECONNREFUSED` is no parameter: words that are harmless elsewhere count only where a parameter can stand. */
function isSecretAt(text: string, start: number, end: number, redactor: Redactor): boolean {
  const name = text.slice(start, end);
  const before = text.charCodeAt(start - 1);
  const isParameter =
    start === 0 ||
    before === 0x3f ||
    before === 0x26 ||
    before === 0x3b ||
    before === 0x23 ||
    (start >= 3 && text.charCodeAt(start - 3) === 0x25);
  return isParameter ? redactor.isSecretParameter(name) : redactor.isSecretField(name);
}

function indexOfEncodedEquals(text: string, from: number): number {
  for (let at = text.indexOf("%3", from); at !== -1; at = text.indexOf("%3", at + 2)) {
    const digit = text.charCodeAt(at + 2);
    if (digit === 0x44 || digit === 0x64) return at;
  }
  return -1;
}

/** Where the name before `equals` begins; `equals` itself if there is none that could be looked at. */
function startOfName(text: string, equals: number, floor: number): number {
  const lowest = Math.max(floor, equals - MAX_NAME_LENGTH);
  let at = equals;
  while (at > lowest) {
    const code = text.charCodeAt(at - 1);
    if (isDelimiter(code)) break;
    // %3F (?), %26 (&), %23 (#): the delimiters of a URL inside a parameter.
    if (at - lowest >= 3 && text.charCodeAt(at - 3) === 0x25 && isEncodedDelimiter(text, at - 2))
      break;
    at -= 1;
  }
  return at;
}

function endOfValue(text: string, start: number, encoded: boolean): number {
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (
      code === 0x26 ||
      code === 0x23 ||
      code <= 0x20 ||
      code === 0x22 ||
      code === 0x3c ||
      code === 0x3e
    )
      break;
    if (encoded && code === 0x25 && isEncodedDelimiter(text, at + 1)) break;
    at += 1;
  }
  return at;
}

/** `?`, `&`, `;`, `#`, blanks, quotes, brackets and `,`: what can stand before a parameter's name, in a URL or in a text. */
function isDelimiter(code: number): boolean {
  return (
    code === 0x3f ||
    code === 0x26 ||
    code === 0x3b ||
    code === 0x23 ||
    code <= 0x20 ||
    code === 0x22 ||
    code === 0x27 ||
    code === 0x28 ||
    code === 0x2c ||
    code === 0x3d
  );
}

/** True if the two hex digits at `at` encode `?`, `&` or `#`. */
function isEncodedDelimiter(text: string, at: number): boolean {
  const high = text.charCodeAt(at);
  const low = text.charCodeAt(at + 1);
  if (high === 0x33) return low === 0x46 || low === 0x66;
  return high === 0x32 && (low === 0x36 || low === 0x33);
}

/** RFC 3986 §3.2.1: `user:password@` before the host is a secret in a URL. */
function redactUserInfo(text: string): string {
  let from = text.indexOf("://");
  if (from === -1) return text;
  let result = "";
  let copied = 0;
  while (from !== -1) {
    const start = from + 3;
    let at = start;
    let end = -1;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === 0x2f || code === 0x3f || code === 0x23 || code <= 0x20 || code === 0x22) break;
      if (code === 0x40) end = at;
      at += 1;
    }
    if (end > start) {
      result += text.slice(copied, start) + REDACTED;
      copied = end;
    }
    from = text.indexOf("://", at);
  }
  return copied === 0 ? text : result + text.slice(copied);
}
