import { z } from "zod";

import { rangeIssue } from "./schema-addresses.ts";
import { duration, leaf, oneOf, plainText, size, wholeNumber } from "./schema-leaf.ts";

const address = leaf((value) => {
  const url = typeof value === "string" ? URL.parse(value) : null;
  return url !== null && /^https?:$/.test(url.protocol)
    ? undefined
    : {
        message: "Not an address.",
        expected: 'an http(s) URL such as "https://lists.example/bad.netset"',
      };
});

const keys = {
  ranges: z.array(leaf(rangeIssue)).optional(),
  file: plainText.optional(),
  url: address.optional(),
  crowdsec: z
    .strictObject({ url: address, key: plainText, types: z.array(plainText).optional() })
    .optional(),
  column: wholeNumber(0, 1000).optional(),
  interval: duration.optional(),
  timeout: duration.optional(),
  maxSize: size.optional(),
  maxShrink: leaf((value) =>
    typeof value === "number" && value >= 0 && value <= 1
      ? undefined
      : { message: "Not a number in range.", expected: "a number from 0 to 1" },
  ).optional(),
};

function oneSource(list: z.ZodType): z.ZodType {
  return list.superRefine((value, context) => {
    const given = ["file", "url", "crowdsec"].filter(
      (key) => (value as Readonly<Record<string, unknown>>)[key] !== undefined,
    );
    const hasRanges = (value as { ranges?: unknown }).ranges !== undefined;
    if (given.length > 1) {
      context.addIssue({
        code: "custom",
        message: `The list has ${given.join(" and ")}, which exclude each other.`,
        params: { fix: "Make a list of each." },
        input: value,
      });
    } else if (given.length === 0 && !hasRanges) {
      context.addIssue({
        code: "custom",
        message: "The list has no source.",
        params: {
          expected: "ranges, file, url or crowdsec",
          fix: "Use ranges: [] for one that hooks fill.",
        },
        input: value,
      });
    }
  });
}

export const allowlists: z.ZodType = z.record(z.string(), oneSource(z.strictObject(keys)));

export const blocklists: z.ZodType = z.record(
  z.string(),
  oneSource(
    z.strictObject({
      ...keys,
      mode: oneOf("drop", "block", "challenge", "score").optional(),
      points: wholeNumber(0, 1000).optional(),
    }),
  ),
);
