import { randomBytes } from "node:crypto";

import { chooseRanges, partialAnswer, unsatisfiedRange } from "../../http/byte-range.ts";
import { rangeApplies } from "../../http/conditional.ts";
import {
  fieldValue,
  setField,
  type RawFields,
  type ReadonlyRawFields,
} from "../../http/raw-fields.ts";
import type { StoredResponse } from "../../primitives/cache/stored-response.ts";
import type { Flow } from "../flow.ts";

/** The part of a stored content that the client asks for (RFC 9110 §14). Brings `fields` in line. `undefined`: the whole. */
export function partOf(
  flow: Flow,
  request: ReadonlyRawFields,
  stored: StoredResponse,
  fields: RawFields,
): { readonly status: 206 | 416; readonly body: Uint8Array } | undefined {
  const { body } = stored;
  const choice = chooseRanges(request, body.length);
  if (choice.kind === "whole" || flow.parts.withholdRange) return undefined;
  if (!rangeApplies(request, stored.fields)) return undefined;
  if (choice.kind === "unsatisfiable") {
    setField(fields, "Content-Range", unsatisfiedRange(body.length));
    setField(fields, "Content-Length", "0");
    return { status: 416, body: new Uint8Array(0) };
  }
  const type = fieldValue(stored.fields, "content-type");
  const boundary = randomBytes(16).toString("hex");
  const partial = partialAnswer(choice.ranges, body.length, type, boundary);
  for (let at = 0; at < partial.fields.length; at += 2)
    setField(fields, partial.fields[at] as string, partial.fields[at + 1] as string);
  const pieces = partial.pieces.map((piece) =>
    "first" in piece ? body.subarray(piece.first, piece.last + 1) : piece,
  );
  const [only] = pieces;
  return {
    status: 206,
    body: pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces),
  };
}
