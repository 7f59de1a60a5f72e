import { z } from "zod";

import { syncFunction } from "./schema-balance.ts";
import {
  boolean,
  duration,
  isToken,
  leaf,
  oneOf,
  oneOrMany,
  pick,
  plainText,
  wholeNumber,
} from "./schema-leaf.ts";

const keyFunction = syncFunction("(request, ctx) => text or undefined", "Decide by the request.");
const fieldName = leaf((value) =>
  typeof value === "string" && isToken(value)
    ? undefined
    : { message: "Not a field name.", expected: 'a name such as "x-api-key"' },
);

const key = pick((value) => {
  if (typeof value === "function") return keyFunction;
  if (typeof value !== "object" || value === null) return oneOf("ip", "user-agent", "route");
  if ("header" in value) return z.strictObject({ header: fieldName });
  if ("cookie" in value) return z.strictObject({ cookie: fieldName });
  return z.strictObject({
    prefix: z.strictObject({
      ipv4: wholeNumber(1, 32).optional(),
      ipv6: wholeNumber(1, 128).optional(),
    }),
  });
});

export const rateLimitMode: z.ZodType = oneOf("off", "flag", "block");

const rule = z
  .strictObject({
    key: oneOrMany(key).optional(),
    limit: wholeNumber(1, 1_000_000_000).optional(),
    window: duration.optional(),
    burst: wholeNumber(1, 1_000_000_000).optional(),
    concurrent: wholeNumber(1, 1_000_000).optional(),
    cost: syncFunction("(request, ctx) => number", "Decide by the request.").optional(),
    scope: oneOf("all", "named").optional(),
    action: oneOf("refuse", "delay", "score", "challenge").optional(),
    mode: rateLimitMode.optional(),
    points: wholeNumber(0, 1000).optional(),
    maxDelay: duration.optional(),
    maxKeys: wholeNumber(8, 16_777_216).optional(),
    ipv6Prefix: wholeNumber(1, 128).optional(),
    fields: boolean.optional(),
  })
  .superRefine((value, context) => {
    const { limit, window, concurrent } = value as Readonly<Record<string, unknown>>;
    const say = (message: string, fix: string): void =>
      context.addIssue({ code: "custom", message, params: { fix }, input: value });
    if (limit === undefined && concurrent === undefined)
      say("The rule limits nothing.", "Give it limit and window, or concurrent.");
    else if ((limit === undefined) !== (window === undefined))
      say("limit and window belong together.", 'Write both: { limit: 100, window: "10s" }.');
  });

/** `true`: the preset. */
export const rateLimits: z.ZodType = pick((value) =>
  value === true ? z.unknown() : z.record(z.string(), rule),
);

export const routeRateLimits: z.ZodType = z.array(plainText);
