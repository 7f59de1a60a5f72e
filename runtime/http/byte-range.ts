/**
 * Ranges of bytes out of a complete content: RFC 9110 §14.1.2 (ranges-specifier), §14.2 (Range), §14.4 (Content-Range),
 * §14.6 (multipart/byteranges), §15.3.7 (206), §15.5.17 (416).
 *
 * Not here: units other than `bytes`, which §14.2 lets us ignore, and answers put together from several 206.
 */
import { fieldValues, type RawFields, type ReadonlyRawFields } from "./raw-fields.ts";

/** Both ends are part of it. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type RangeChoice =
  /** No Range, one that cannot be read, or one that asks for more work than an answer is worth: the whole content. */
  | { readonly kind: "whole" }
  | { readonly kind: "ranges"; readonly ranges: readonly ByteRange[] }
  | { readonly kind: "unsatisfiable" };

const WHOLE: RangeChoice = Object.freeze({ kind: "whole" });
const UNSATISFIABLE: RangeChoice = Object.freeze({ kind: "unsatisfiable" });

/**
 * §17.15: many small or overlapping ranges make a small request an expensive answer. More than this many are answered
 * with the whole content, and so are ranges that together are longer than it.
 */
const MAX_RANGES = 16;

/** What a GET's Range asks of a content of `length` bytes. Ranges keep the order in which they were asked for. */
export function chooseRanges(requestFields: ReadonlyRawFields, length: number): RangeChoice {
  const lines = fieldValues(requestFields, "range");
  // Two lines would be two requests: nobody knows which one is meant.
  if (lines.length !== 1) return WHOLE;
  const line = lines[0] as string;
  if (line.length > 1024 || line.slice(0, 6).toLowerCase() !== "bytes=") return WHOLE;
  const specs = line.slice(6).split(",");
  if (specs.length > MAX_RANGES) return WHOLE;
  const ranges: ByteRange[] = [];
  let total = 0;
  for (const spec of specs) {
    const match = /^[ \t]*(\d*)-(\d*)[ \t]*$/.exec(spec);
    if (match === null) return WHOLE;
    const range = resolved(match[1] as string, match[2] as string, length);
    if (range === undefined) return WHOLE;
    if (range === null) continue;
    total += range.last - range.first + 1;
    ranges.push(range);
  }
  if (ranges.length === 0) return UNSATISFIABLE;
  if (ranges.length > 1 && total > length) return WHOLE;
  return { kind: "ranges", ranges };
}

/** `undefined`: malformed. `null`: well formed and outside of the content (§14.1.2). */
function resolved(first: string, last: string, length: number): ByteRange | null | undefined {
  if (first === "") {
    if (last === "") return undefined;
    const suffix = Number(last);
    if (suffix === 0 || length === 0) return null;
    return { first: Math.max(0, length - suffix), last: length - 1 };
  }
  const start = Number(first);
  const end = last === "" ? length - 1 : Math.min(Number(last), length - 1);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= length) return null;
  return { first: start, last: end };
}

/** `Content-Range` of one part. */
function contentRange(range: ByteRange, length: number): string {
  return `bytes ${range.first}-${range.last}/${length}`;
}

/** `Content-Range` of a 416. */
export function unsatisfiedRange(length: number): string {
  return `bytes */${length}`;
}

/** A stretch of an answer: bytes of our own between parts, or a range of the content. */
export type RangePiece = Uint8Array | ByteRange;

export interface PartialAnswer {
  /** To be set in place of those that the whole content has. */
  readonly fields: RawFields;
  /** In order. Their lengths add up to the Content-Length among `fields`. */
  readonly pieces: readonly RangePiece[];
}

/**
 * The 206 for these ranges: one part as it is (§15.3.7.1), several as multipart/byteranges (§15.3.7.2). `boundary` must
 * not be foreseeable by whoever wrote the content.
 */
export function partialAnswer(
  ranges: readonly ByteRange[],
  length: number,
  contentType: string | undefined,
  boundary: string,
): PartialAnswer {
  const [only] = ranges;
  if (ranges.length === 1 && only !== undefined) {
    const fields = ["Content-Range", contentRange(only, length)];
    if (contentType !== undefined) fields.push("Content-Type", contentType);
    fields.push("Content-Length", String(only.last - only.first + 1));
    return { fields, pieces: [only] };
  }
  const pieces: RangePiece[] = [];
  let total = 0;
  const type = contentType === undefined ? "" : `Content-Type: ${contentType}\r\n`;
  for (const range of ranges) {
    const head = Buffer.from(
      `${total === 0 ? "" : "\r\n"}--${boundary}\r\n${type}Content-Range: ${contentRange(range, length)}\r\n\r\n`,
      "latin1",
    );
    pieces.push(head, range);
    total += head.length + (range.last - range.first + 1);
  }
  const end = Buffer.from(`\r\n--${boundary}--\r\n`, "latin1");
  pieces.push(end);
  total += end.length;
  return {
    fields: [
      "Content-Type",
      `multipart/byteranges; boundary=${boundary}`,
      "Content-Length",
      String(total),
    ],
    pieces,
  };
}
