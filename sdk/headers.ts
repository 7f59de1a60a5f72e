/**
 * Header fields as hooks see them: names match case-insensitively, order and spelling of untouched fields are kept.
 *
 * Values hold bytes as Latin-1 characters (U+0000 to U+00FF), as RFC 9110 §5.5 leaves obs-text opaque.
 * `set`, `append` and `delete` throw `TypeError` for a name that is no token (RFC 9110 §5.6.2) or a value with
 * CR, LF, NUL, other control bytes or characters above U+00FF; the request then fails with 500 and the hook's name in
 * the log, never with a second field. So do `set` and `append` for fields that belong to the connection, which writes
 * them itself: Connection, Content-Length, Expect, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade.
 * Setting a request's `Host` changes what the upstream sees, as `ForwardOptions.host` does.
 */
export interface HeaderFields {
  /** All values joined with `", "`, or `null` if the field is absent. `set-cookie` is never joined well: use {@link getSetCookie}. */
  get(name: string): string | null;
  /** Each field line's value in order; empty if the field is absent. */
  getAll(name: string): string[];
  /** The `Set-Cookie` lines, one string each (RFC 6265 §3 forbids joining them). */
  getSetCookie(): string[];
  /** True if there is at least one line of the field. */
  has(name: string): boolean;
  /** Replaces every line of the field by one line at the first line's place, or adds it at the end. */
  set(name: string, value: string | number): void;
  /** Adds one more line after the existing ones. */
  append(name: string, value: string | number): void;
  /** Removes every line of the field; nothing happens if there is none. */
  delete(name: string): void;
  /** Lines in order as `[name, value]`, names in the case they were sent with. */
  entries(): IterableIterator<[name: string, value: string]>;
  /** As {@link entries}: `for (const [name, value] of headers)`. */
  [Symbol.iterator](): IterableIterator<[name: string, value: string]>;
  /** A new Web `Headers` object with the same fields. Costs microseconds: prefer the methods above on hot paths. */
  toWeb(): Headers;
}

/** Fields to be read only. */
export type ReadonlyHeaderFields = Omit<HeaderFields, "set" | "append" | "delete">;

/** What response helpers accept as header fields. */
export type HeadersInput =
  | Headers
  | Readonly<Record<string, string | number | readonly string[]>>
  | readonly (readonly [name: string, value: string])[];

/** What hooks may give as content. Strings are sent as UTF-8; a stream is sent with back pressure. */
export type BodyInput =
  | string
  | Uint8Array
  | ArrayBuffer
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | null;
