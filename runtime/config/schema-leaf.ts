import { z } from "zod";

import {
  DURATION_EXPECTED,
  MAX_DURATION_MS,
  SIZE_EXPECTED,
  parseDuration,
  parseSize,
} from "../units.ts";

/** What a failed check says besides the message. */
export interface LeafIssue {
  readonly message: string;
  readonly expected?: string;
  readonly fix?: string;
  /** Shown instead of the value itself, where that must not be shown. */
  readonly got?: string;
}

export type LeafCheck = (value: unknown) => LeafIssue | readonly LeafIssue[] | undefined;

/** A schema for one value: the check says all that is wrong with it. */
export function leaf(check: LeafCheck): z.ZodType {
  return z.unknown().superRefine((value, context) => {
    const issues = check(value);
    for (const issue of issues === undefined ? [] : [issues].flat()) {
      const { message, ...params } = issue;
      context.addIssue({ code: "custom", message, params, input: value });
    }
  });
}

/** A schema that is picked by the value, so that its issues are those of the form that was meant. */
export function pick(choose: (value: unknown) => z.ZodType): z.ZodType {
  return z.unknown().superRefine((value, context) => {
    for (const issue of choose(value).safeParse(value).error?.issues ?? []) {
      context.addIssue({ ...issue, path: issue.path } as Parameters<typeof context.addIssue>[0]);
    }
  });
}

/** One value or a list of at least one. */
export function oneOrMany(item: z.ZodType): z.ZodType {
  return pick((value) => (Array.isArray(value) ? nonEmptyList(item) : item));
}

export function nonEmptyList(item: z.ZodType): z.ZodType {
  return z.array(item).superRefine((list, context) => {
    if (list.length === 0) {
      context.addIssue({
        code: "custom",
        message: "The list is empty.",
        params: { expected: "at least one entry", fix: "Add an entry, or leave the key out." },
        input: list,
      });
    }
  });
}

export function type(expected: string, test: (value: unknown) => boolean): z.ZodType {
  return leaf((value) => (test(value) ? undefined : { message: "Wrong type.", expected }));
}

export const boolean = type("true or false", (value) => typeof value === "boolean");

export function oneOf(...options: readonly (string | number)[]): z.ZodType {
  const expected = options.map((option) => JSON.stringify(option)).join(", ");
  return leaf((value) =>
    options.includes(value as string | number)
      ? undefined
      : { message: "No such choice.", expected },
  );
}

export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodType {
  const expected =
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${min}`
      : `a whole number from ${min} to ${max}`;
  return leaf((value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : { message: "Not a number in range.", expected },
  );
}

export const duration = leaf((value) => {
  if (parseDuration(value) !== undefined) return undefined;
  if (value === 0 || (typeof value === "number" && value < 0)) {
    return { message: "A duration must be above zero.", expected: DURATION_EXPECTED };
  }
  if (typeof value === "number" && value > MAX_DURATION_MS) {
    return { message: "The duration is too long.", expected: "at most 24d" };
  }
  if (typeof value === "string" && /^\d+(?:\.\d+)?(?:s|m|h|d)$/.test(value)) {
    return { message: "The duration is zero or too long.", expected: "above zero, at most 24d" };
  }
  return { message: "Not a duration.", expected: DURATION_EXPECTED };
});

export const size = leaf((value) =>
  parseSize(value) === undefined ? { message: "Not a size.", expected: SIZE_EXPECTED } : undefined,
);

/** Text without control bytes that is not empty. */
export const plainText = leaf((value) => {
  if (typeof value !== "string") return { message: "Wrong type.", expected: "a text" };
  if (value === "") return { message: "The text is empty.", expected: "a text" };
  return hasControl(value)
    ? { message: "The text has control characters in it.", expected: "printable characters" }
    : undefined;
});

export function functionOf(what: string): z.ZodType {
  return type(what, (value) => typeof value === "function");
}

export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

export function hasControl(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is being looked for
  return /[\u0000-\u001f\u007f]/.test(text);
}
