import { z } from "zod";

import { isAsyncFunction } from "./schema-functions.ts";
import {
  duration,
  hasControl,
  isToken,
  leaf,
  nonEmptyList,
  oneOf,
  pick,
  plainText,
  wholeNumber,
} from "./schema-leaf.ts";

/** What decides between targets and between upstreams. */

const ALGORITHMS = ["round-robin", "least-connections", "random-two-choices"] as const;
const MIN_SECRET = 32;

/** A function that must answer at once: a promise would be taken for an answer. */
export function syncFunction(expected: string, fix: string): z.ZodType {
  return leaf((value) => {
    if (typeof value !== "function") return { message: "Wrong type.", expected };
    return isAsyncFunction(value)
      ? { message: "This function must not be async.", expected, fix }
      : undefined;
  });
}

function number(expected: string, test: (value: number) => boolean): z.ZodType {
  return leaf((value) =>
    typeof value === "number" && Number.isFinite(value) && test(value)
      ? undefined
      : { message: "Not a number in range.", expected },
  );
}

const fieldName = leaf((value) =>
  typeof value === "string" && isToken(value) ? undefined : { message: "Not a field name." },
);

const cookieName = leaf((value) =>
  typeof value === "string" && isToken(value)
    ? undefined
    : { message: "Not a name for a cookie (RFC 6265 §4.1.1)." },
);

/** Of an attribute: a semicolon would begin the next one. */
const attribute = leaf((value) =>
  typeof value === "string" && value !== "" && !value.includes(";") && !hasControl(value)
    ? undefined
    : { message: "Not a value for a cookie's attribute.", expected: "a text without semicolon" },
);

const keyFunction = syncFunction(
  "(request) => string | undefined",
  "Balance by something that the request itself says.",
);

function keySource(...words: readonly string[]): z.ZodType {
  const expected = [
    ...words.map((word) => JSON.stringify(word)),
    '{ header: "x-tenant" }',
    '{ cookie: "session" }',
    "(request) => string",
  ].join(", ");
  return pick((value) => {
    if (typeof value === "function") return keyFunction;
    if (typeof value !== "object" || value === null) {
      return leaf((text) =>
        words.includes(text as string) ? undefined : { message: "No such choice.", expected },
      );
    }
    return "cookie" in value
      ? z.strictObject({ cookie: cookieName })
      : z.strictObject({ header: fieldName });
  });
}

const hash = z.strictObject({
  type: oneOf("hash"),
  by: keySource("client"),
  boundedLoad: leaf((value) =>
    value === false || (typeof value === "number" && value >= 1 && value <= 1000)
      ? undefined
      : { message: "Not a bound.", expected: "a number of at least 1, or false" },
  ).optional(),
});

const secret = leaf((value) =>
  typeof value === "string" && value.length >= MIN_SECRET
    ? undefined
    : {
        message: "The secret is too short to be one.",
        expected: `a text of at least ${MIN_SECRET} characters`,
        fix: "Make one: openssl rand -hex 32",
        got: typeof value === "string" ? `${value.length} characters` : typeof value,
      },
);

const sticky = z.strictObject({
  type: oneOf("sticky"),
  cookie: z
    .strictObject({
      name: cookieName.optional(),
      path: attribute.optional(),
      domain: attribute.optional(),
      maxAge: duration.optional(),
      sameSite: oneOf("Lax", "Strict", "None").optional(),
      secure: leaf((value) =>
        typeof value === "boolean" || value === "auto"
          ? undefined
          : { message: "No such choice.", expected: 'true, false or "auto"' },
      ).optional(),
      httpOnly: z.boolean().optional(),
    })
    .superRefine((cookie, context) => {
      if (cookie.sameSite !== "None" || cookie.secure === true) return;
      context.addIssue({
        code: "custom",
        message: "Browsers refuse SameSite=None without Secure.",
        path: ["sameSite"],
        params: { fix: "Add secure: true." },
        input: cookie.sameSite,
      });
    })
    .optional(),
  secret: pick((value) => (Array.isArray(value) ? nonEmptyList(secret) : secret)).optional(),
  otherwise: oneOf(...ALGORITHMS).optional(),
});

export const balance = pick((value) => {
  if (typeof value !== "object" || value === null) {
    return leaf((text) =>
      ALGORITHMS.includes(text as never)
        ? undefined
        : {
            message: "No such way to balance.",
            expected: `${ALGORITHMS.map((name) => JSON.stringify(name)).join(", ")}, { type: "hash", … } or { type: "sticky", … }`,
          },
    );
  }
  const { type } = value as { type?: unknown };
  if (type === "hash") return hash;
  if (type === "sticky") return sticky;
  return z.looseObject({ type: oneOf("hash", "sticky") });
});

export const pickTarget = syncFunction(
  "(targets, request, ctx) => one of targets",
  "Decide in onRequest what needs waiting for, and leave it in ctx.state.",
);

export const spillBelow = number("a number above 0, at most 1", (value) => value > 0 && value <= 1);

export const mirror = z.strictObject({
  upstream: plainText,
  share: number("a number above 0, at most 1", (value) => value > 0 && value <= 1).optional(),
  maxRequests: wholeNumber(1, 100_000).optional(),
  timeout: duration.optional(),
});

const share = number("a number of at least 0", (value) => value >= 0 && value <= 1e9);

export const splitUpstream = z.strictObject({
  split: z.record(z.string(), share).superRefine((shares, context) => {
    const values = Object.values(shares) as unknown[];
    const count = values.length;
    if (count >= 1 && count <= 100 && values.some((value) => Number(value) > 0)) return;
    context.addIssue({
      code: "custom",
      message:
        count > 100 ? "More than 100 upstreams are too many." : "Nothing would get any request.",
      params: { expected: "upstreams with their shares: { stable: 95, canary: 5 }" },
      input: shares,
    });
  }),
  by: keySource("client", "random").optional(),
});
