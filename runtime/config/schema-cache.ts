import { z } from "zod";

import { syncFunction } from "./schema-balance.ts";
import { boolean, duration, isToken, leaf, oneOf, pick, plainText, size } from "./schema-leaf.ts";

const status = leaf((value) =>
  typeof value === "number" &&
  Number.isInteger(value) &&
  value >= 200 &&
  value <= 599 &&
  value !== 206 &&
  value !== 304
    ? undefined
    : {
        message: "Not a status that can be stored.",
        expected: "a whole number from 200 to 599, except 206 and 304",
      },
);

const fieldName = leaf((value) =>
  typeof value === "string" && isToken(value) ? undefined : { message: "Not a field name." },
);

const keys = {
  ttl: duration.optional(),
  key: syncFunction(
    "(request) => string | string[]",
    "Fetch what the key depends on in onRequest and keep it in a request field.",
  ).optional(),
  vary: z.array(fieldName).optional(),
  methods: z.array(oneOf("GET", "HEAD")).optional(),
  statuses: z.array(status).optional(),
  ignoreQuery: pick((value) => (Array.isArray(value) ? z.array(plainText) : boolean)).optional(),
  tags: z.array(plainText).max(64).optional(),
  staleWhileRevalidate: duration.optional(),
  staleIfError: duration.optional(),
  errorStatuses: z.array(status).optional(),
  heuristic: boolean.optional(),
  setCookie: oneOf("skip", "strip").optional(),
};

/** Of a route. */
export const routeCache: z.ZodType = pick((value) =>
  typeof value === "boolean" ? z.unknown() : z.strictObject(keys),
);

export const cache: z.ZodType = z.strictObject({
  ...keys,
  maxSize: size.optional(),
  maxEntry: size.optional(),
});
