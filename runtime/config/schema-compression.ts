import { z } from "zod";

import { isToken, leaf, nonEmptyList, oneOf, pick, size, wholeNumber } from "./schema-leaf.ts";

const typePattern = leaf((value) => {
  const [type, subtype, ...rest] = typeof value === "string" ? value.split("/") : [];
  return rest.length === 0 && isToken(type ?? "") && isToken(subtype ?? "")
    ? undefined
    : { message: "Not a media type.", expected: '"application/json" or "text/*"' };
});

const keys = z.strictObject({
  encodings: nonEmptyList(oneOf("zstd", "br", "gzip")).optional(),
  minSize: size.optional(),
  types: z.array(typePattern).optional(),
  levels: z
    .strictObject({
      gzip: wholeNumber(1, 9).optional(),
      br: wholeNumber(0, 11).optional(),
      zstd: wholeNumber(1, 19).optional(),
    })
    .optional(),
  upstream: oneOf("pass", "identity").optional(),
});

/** Of the config and of a route. */
export const compression: z.ZodType = pick((value) => (value === false ? z.unknown() : keys));
