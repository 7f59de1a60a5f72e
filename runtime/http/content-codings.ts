/** Content codings: RFC 9110 §8.4.1. */

/**
 * Those that we can take off and apply: gzip (also as `x-gzip`), deflate (zlib format as §8.4.1.2 has it, not the bare
 * deflate that some servers send), br (RFC 7932), zstd (RFC 8878).
 */
export type Coding = "gzip" | "deflate" | "br" | "zstd";

/** More codings than anybody applies on purpose: a longer list is an attempt to multiply work. */
const MAX_CODINGS = 3;

/**
 * The codings of a `Content-Encoding` value in the order in which they were applied; empty for none and for `identity`.
 * `undefined` if one is unknown or there are more than three: such content can be passed on, but not read.
 */
export function parseCodings(value: string | null | undefined): Coding[] | undefined {
  const codings: Coding[] = [];
  if (value === null || value === undefined) return codings;
  for (const part of value.toLowerCase().split(",", 32)) {
    const name = part.trim();
    if (name === "" || name === "identity") continue;
    const coding = name === "x-gzip" ? "gzip" : name;
    if (coding !== "gzip" && coding !== "deflate" && coding !== "br" && coding !== "zstd") {
      return undefined;
    }
    if (codings.length === MAX_CODINGS) return undefined;
    codings.push(coding);
  }
  return codings;
}
