import { z } from "zod";

import { SIZE_EXPECTED, parseSize } from "../units.ts";
import { boolean, duration, leaf, size } from "./schema-leaf.ts";

export const rate: z.ZodType = leaf((value) =>
  value === 0 || parseSize(value) !== undefined
    ? undefined
    : { message: "Not a rate.", expected: `bytes a second: 0, or ${SIZE_EXPECTED}` },
);

const requestContentKeys = {
  buffer: boolean.optional(),
  memory: size.optional(),
  max: size.optional(),
  minRate: rate.optional(),
  minRateAfter: duration.optional(),
};

/** Of a route. */
export const routeRequestContent: z.ZodType = z.strictObject(requestContentKeys);

const share: z.ZodType = leaf((value) =>
  typeof value === "number" && value > 0 && value <= 1
    ? undefined
    : { message: "Not a share.", expected: "a number above 0 to 1" },
);

export const requestContent: z.ZodType = z.strictObject({
  ...requestContentKeys,
  budget: z
    .strictObject({
      memory: size.optional(),
      disk: size.optional(),
      clientShare: share.optional(),
    })
    .optional(),
});

export const responseContent: z.ZodType = z.strictObject({
  memory: size.optional(),
  ahead: size.optional(),
  budget: size.optional(),
  clientShare: share.optional(),
});
