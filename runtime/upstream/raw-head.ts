import type { RawFields } from "../http/raw-fields.ts";

/**
 * undici gives a head as views into the chunk that the socket read, name and value in turn. Turning each into a string
 * costs a call into C++ apiece; as they all lie in one chunk, one call for the whole and substrings do the same.
 */
export function toRawFields(lines: readonly Buffer[]): RawFields {
  const count = lines.length;
  const first = lines[0];
  const last = lines[count - 1];
  if (first === undefined || last === undefined) return [];
  const fields: RawFields = Array.from({ length: count });
  const start = first.byteOffset;
  const span = last.byteOffset + last.byteLength - start;
  // A head that came in pieces lies in several buffers.
  const together = first.buffer === last.buffer && span > 0 && span <= MAX_SPAN;
  const text = together ? Buffer.from(first.buffer, start, span).toString("latin1") : "";
  for (let i = 0; i < count; i++) {
    const line = lines[i] as Buffer;
    const from = line.byteOffset - start;
    const to = from + line.byteLength;
    const inside = together && line.buffer === first.buffer && from >= 0 && to <= span;
    fields[i] = inside ? text.substring(from, to) : line.toString("latin1");
  }
  trimValues(fields);
  return fields;
}

/** Twice the largest head: field lines with the dead bytes between them. */
const MAX_SPAN = 131_072;

/** RFC 9110 §5.5: whitespace after a value is no part of it, and the parser leaves it on. */
function trimValues(fields: RawFields): void {
  for (let i = 1; i < fields.length; i += 2) {
    const value = fields[i] as string;
    let end = value.length;
    while (end > 0 && isBlank(value.charCodeAt(end - 1))) end -= 1;
    if (end < value.length) fields[i] = value.slice(0, end);
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
