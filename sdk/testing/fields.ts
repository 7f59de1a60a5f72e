import type { HeaderFields, HeadersInput } from "../headers.ts";
import { fieldError } from "./hook-error.ts";

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 §5.5: what must not be in a value. */
// oxlint-disable-next-line no-control-regex -- they are what must be found
const UNSENDABLE = /[\u0000-\u0008\u000A-\u001F\u007F]|[^\u0000-\u00FF]/;
/** Written by the connection itself. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Describe the bytes of the content that was. */
const OF_CONTENT: ReadonlySet<string> = new Set([
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "trailer",
  "accept-ranges",
  "content-range",
  "content-md5",
  "content-digest",
  "repr-digest",
  "digest",
]);

export function isToken(text: unknown): text is string {
  return typeof text === "string" && TOKEN.test(text);
}

/** Fields in order, names in the case they were given with, under the rules of the runtime. */
export class TestFields implements HeaderFields {
  readonly #lines: [name: string, value: string][];
  readonly #isRequest: boolean;

  constructor(lines: readonly (readonly [name: string, value: string])[], isRequest: boolean) {
    this.#lines = lines.map(([name, value]) => [name, value]);
    this.#isRequest = isRequest;
  }

  get(name: string): string | null {
    const values = this.getAll(name);
    if (values.length === 0) return null;
    // RFC 6265 §5.4.
    return values.join(name.toLowerCase() === "cookie" ? "; " : ", ");
  }

  getAll(name: string): string[] {
    const lower = name.toLowerCase();
    return this.#lines.filter(([own]) => own.toLowerCase() === lower).map(([, value]) => value);
  }

  getSetCookie(): string[] {
    return this.getAll("set-cookie");
  }

  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  set(name: string, value: string | number): void {
    const lower = settable(name);
    const text = valueText(name, value);
    if (lower === "host" && this.#isRequest) checkAuthority(text);
    const at = this.#lines.findIndex(([own]) => own.toLowerCase() === lower);
    if (at === -1) {
      this.#lines.push([name, text]);
      return;
    }
    this.#lines[at] = [name, text];
    for (let other = this.#lines.length - 1; other > at; other--) {
      if (this.#lines[other]?.[0].toLowerCase() === lower) this.#lines.splice(other, 1);
    }
  }

  append(name: string, value: string | number): void {
    const lower = settable(name);
    const text = valueText(name, value);
    if (lower === "host") throw fieldError('field "host" cannot be appended to: use set');
    this.#lines.push([name, text]);
  }

  delete(name: string): void {
    const lower = lowerName(name);
    if (!this.has(lower)) return;
    if (lower === "host" && this.#isRequest) {
      throw fieldError('field "host" cannot be deleted: every request needs one');
    }
    this.#keep((own) => own !== lower);
  }

  entries(): IterableIterator<[name: string, value: string]> {
    return this.#lines.map(([name, value]): [string, string] => [name, value]).values();
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.entries();
  }

  toWeb(): Headers {
    const headers = new Headers();
    for (const [name, value] of this.#lines) headers.append(name, value);
    return headers;
  }

  /** What a client would have said of its content, unless the test has. */
  complete(length: number | undefined, type: string | undefined): void {
    if (length !== undefined && !this.has("content-length")) {
      this.#lines.push(["Content-Length", String(length)]);
    }
    if (type !== undefined && !this.has("content-type")) this.#lines.push(["Content-Type", type]);
  }

  /** Another content is there: what was said of the old one goes, an ETag stays as a weak one. */
  describe(length: number | undefined, type: string | undefined): void {
    this.#keep((own) => !OF_CONTENT.has(own));
    for (const line of this.#lines) {
      if (line[0].toLowerCase() === "etag" && line[1].startsWith('"')) line[1] = `W/${line[1]}`;
    }
    if (length !== undefined) this.#lines.push(["Content-Length", String(length)]);
    if (type !== undefined && !this.has("content-type")) this.#lines.push(["Content-Type", type]);
  }

  #keep(keeps: (lowerName: string) => boolean): void {
    const kept = this.#lines.filter(([own]) => keeps(own.toLowerCase()));
    this.#lines.splice(0, this.#lines.length, ...kept);
  }
}

/** What a test gave as fields. Those of the connection are allowed: a client may have sent them. */
export function toLines(headers: HeadersInput | undefined): [name: string, value: string][] {
  if (headers === undefined) return [];
  const lines: [string, string][] = [];
  const add = (name: string, value: string | number): void => {
    lowerName(name);
    lines.push([name, valueText(name, value)]);
  };
  if (Symbol.iterator in headers) {
    for (const [name, value] of headers as Iterable<readonly [string, string]>) add(name, value);
    return lines;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (Array.isArray(value)) for (const one of value) add(name, one as string);
    else add(name, value as string | number);
  }
  return lines;
}

export function valueText(name: string, value: string | number): string {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value !== "string") {
    throw fieldError(`field "${name}" needs a string or a number as its value, got ${show(value)}`);
  }
  const found = UNSENDABLE.exec(value);
  if (found !== null) throw fieldError(unsendable(name, found));
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

function settable(name: string): string {
  const lower = lowerName(name);
  if (!CONNECTION_FIELDS.has(lower)) return lower;
  const reason =
    lower === "content-length"
      ? "it follows from the content (use setBody)"
      : "it belongs to the connection, which writes it itself";
  throw fieldError(`field "${name}" cannot be set by a hook: ${reason}`);
}

function lowerName(name: string): string {
  if (!isToken(name)) throw fieldError(`${show(name)} is not a valid field name`);
  return name.toLowerCase();
}

function unsendable(name: string, found: RegExpExecArray): string {
  const code = found[0].charCodeAt(0);
  const what = `U+${code.toString(16).toUpperCase().padStart(4, "0")} at position ${found.index}`;
  return code > 0xff
    ? `field "${name}" has ${what}, which is no byte: encode the value first (for example with encodeURIComponent)`
    : `field "${name}" has the control character ${what}`;
}

function checkAuthority(host: string): void {
  if (/^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(host)) return;
  throw fieldError(
    `field "host" cannot be ${JSON.stringify(host)}: it takes a host name or address and a port`,
  );
}

function show(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 64))
    : String(value === null ? "null" : typeof value);
}
