import { qualityOf } from "./accept.ts";
import type { Coding } from "./content-codings.ts";
import { splitParameters } from "./field-syntax.ts";

/** More than any client names. What stands after them is not read: the field may be as long as a head. */
const MAX_ENTRIES = 32;

/** What a client says of codings: RFC 9110 §12.5.3. */
export interface AcceptedCodings {
  /** Weights by coding, in lower case; `identity` and `*` only where they are named. */
  readonly weights: ReadonlyMap<string, number>;
}

/**
 * Takes an Accept-Encoding apart. `x-gzip` is gzip (§8.4.1.3). Of a coding that is named twice the lower weight counts,
 * and a weight that is no number is 0: neither is a request for it.
 */
export function parseAcceptEncoding(value: string): AcceptedCodings {
  const weights = new Map<string, number>();
  for (const entry of value.split(",", MAX_ENTRIES)) {
    const [name = "", ...parameters] = splitParameters(entry);
    if (name === "") continue;
    const lower = name.toLowerCase();
    const coding = lower === "x-gzip" ? "gzip" : lower;
    weights.set(coding, Math.min(weights.get(coding) ?? 1, qualityOf(parameters)));
  }
  return { weights };
}

/**
 * The coding to answer with: of the highest weight, and among equals the first of `preferred`. `undefined`: none, which
 * is also the answer to a client that refuses everything (§12.5.3: better uncoded than not at all) and to one that
 * weighs `identity` higher.
 *
 * `*` stands for gzip alone: whoever writes it means "whatever", and gzip is the one that all of them can read.
 */
export function chooseCoding<C extends Coding>(
  { weights }: AcceptedCodings,
  preferred: readonly C[],
): C | undefined {
  let best: C | undefined;
  let weight = weights.get("identity") ?? 0;
  for (const coding of preferred) {
    const own = weights.get(coding) ?? (coding === "gzip" ? (weights.get("*") ?? 0) : 0);
    if (own > weight || (own === weight && own > 0 && best === undefined)) {
      best = coding;
      weight = own;
    }
  }
  return best;
}

/** Whether content with all these codings may be sent to the client as it is. */
export function acceptsCodings({ weights }: AcceptedCodings, codings: readonly Coding[]): boolean {
  return codings.every((coding) => (weights.get(coding) ?? weights.get("*") ?? 0) > 0);
}
