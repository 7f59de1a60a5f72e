import { z } from "zod";

import { syncFunction } from "./schema-balance.ts";
import { duration, leaf, pick, wholeNumber } from "./schema-leaf.ts";
import { methodIssue } from "./schema-patterns.ts";

const decision = syncFunction(
  "(failure, attempt, request) => boolean, { delay } or nothing",
  "Decide by what the failure and the request say.",
);

const status = leaf((value) =>
  typeof value === "number" && Number.isInteger(value) && value >= 400 && value <= 599
    ? undefined
    : { message: "Not a status of a failure.", expected: "a whole number from 400 to 599" },
);

const amount = (max: number, expected: string): z.ZodType =>
  leaf((value) =>
    typeof value === "number" && value >= 0 && value <= max
      ? undefined
      : { message: "Not a number in range.", expected },
  );

const keys = {
  attempts: wholeNumber(1, 10).optional(),
  methods: z.array(leaf(methodIssue)).optional(),
  statuses: z.array(status).optional(),
  perTryTimeout: duration.optional(),
  backoff: z.strictObject({ base: duration.optional(), max: duration.optional() }).optional(),
  retryAfter: duration.optional(),
  when: decision.optional(),
};

const retryBudget = z.strictObject({
  share: amount(1, "a number from 0 to 1").optional(),
  minPerSecond: amount(100_000, "a number from 0 to 100000").optional(),
});

function functionOr(object: z.ZodType): z.ZodType {
  return pick((value) => {
    if (value === false) return z.unknown();
    return typeof value === "function" ? decision : object;
  });
}

export const retry: z.ZodType = functionOr(
  z.strictObject({ ...keys, budget: retryBudget.optional() }),
);

export const routeRetry: z.ZodType = functionOr(z.strictObject(keys));

const max = wholeNumber(1, 5).optional();
const orFalse = (object: z.ZodType): z.ZodType =>
  pick((value) => (value === false ? z.unknown() : object));

export const hedge: z.ZodType = orFalse(z.strictObject({ after: duration, max }));

/** Over the upstream's: it may say only the other key. */
export const routeHedge: z.ZodType = orFalse(z.strictObject({ after: duration.optional(), max }));
