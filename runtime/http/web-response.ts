/**
 * A Web `Response` as a status, raw fields and a content. What a handler returns need not come from this process's own
 * class, so it is recognised by shape.
 */
import type { ContentSource } from "./content.ts";
import { peekSource } from "./peeked-source.ts";
import { sourceFromReadableStream } from "./readable-source.ts";
import type { RawFields } from "./raw-fields.ts";

export interface ConvertedResponse {
  readonly status: number;
  /** Names in lower case, as the Web platform gives them; one line for each Set-Cookie. */
  readonly fields: RawFields;
  /** `undefined` if the response has no body. */
  readonly content: ContentSource | undefined;
}

/** Anything that quacks like a Web Response, of whatever realm or package. */
export function isWebResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<Response>;
  return (
    typeof candidate.status === "number" &&
    typeof candidate.headers === "object" &&
    candidate.headers !== null &&
    typeof candidate.headers.get === "function" &&
    typeof (candidate.headers as Partial<Headers>)[Symbol.iterator] === "function" &&
    "body" in candidate
  );
}

/** Whether a content that starts with these bytes can be in that coding. */
export type CodingCheck = (coding: string, firstChunk: Uint8Array) => boolean;

/**
 * Takes a Response apart, reading no more of it than its first chunks. Rejects with a TypeError that says what is wrong
 * for `Response.error()` and for a body that was read already, and with the body's own error if it fails at once.
 *
 * - Content-Length is what the body turns out to have if it is there at once, as that of `new Response("text")` is. Else
 *   the author's field is dropped, because nothing ties it to the bytes that the stream will give. A response of the
 *   global `fetch` that arrived uncoded keeps it.
 * - A response of the global `fetch` is decoded already, though it still says Content-Encoding (PUB-20): both fields go.
 *   So they do where `codingHolds` denies the field, as for `new Response(fetched.body, fetched)`.
 */
export async function fromWebResponse(
  response: Response,
  codingHolds?: CodingCheck,
  /** For HEAD: the body, if there is one, is cancelled and the fields stay as they are. */
  withoutContent = false,
): Promise<ConvertedResponse> {
  const status = response.status;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`a Response with status ${status} cannot be sent`);
  }
  const body = response.body as ReadableStream<unknown> | null;
  if (response.bodyUsed || body?.locked === true) {
    throw new TypeError("the Response's body was read already; return a clone() or a new Response");
  }
  const fields: RawFields = [];
  for (const [name, value] of response.headers) fields.push(name, value);
  if (body === null) return { status, fields, content: undefined };
  if (withoutContent) {
    body.cancel().catch(() => {});
    return { status, fields, content: undefined };
  }

  const fetched = typeof response.url === "string" && response.url !== "";
  const coding = response.headers.get("content-encoding");
  if (fetched && coding === null) {
    const length = response.headers.get("content-length");
    const known = length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
    return { status, fields, content: sourceFromReadableStream(body, known) };
  }

  removeLine(fields, "content-length");
  const decoded = fetched && coding !== null && isDecodedByFetch(coding);
  const checked = !decoded && coding !== null && codingHolds !== undefined;
  const { firstChunk, content } = await peekSource(sourceFromReadableStream(body), checked);
  if (decoded) {
    removeLine(fields, "content-encoding");
  } else if (checked && firstChunk !== undefined && !codingHolds(coding, firstChunk)) {
    removeLine(fields, "content-encoding");
  }
  if (content.length !== undefined) fields.push("content-length", String(content.length));
  return { status, fields, content };
}

/** `Headers` gives every name once (Set-Cookie apart), in lower case. */
function removeLine(fields: RawFields, name: string): void {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    fields.splice(i, 2);
    return;
  }
}

/** The global `fetch` decodes a body only if it knows every coding of the list. */
function isDecodedByFetch(coding: string): boolean {
  return coding.split(",").every((entry) => DECODED_BY_FETCH.has(entry.trim().toLowerCase()));
}

const DECODED_BY_FETCH = new Set(["gzip", "x-gzip", "deflate", "br", "zstd"]);
