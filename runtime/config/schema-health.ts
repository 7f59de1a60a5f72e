import { z } from "zod";

import { upstreamHostIssue } from "./schema-addresses.ts";
import { fieldRecord } from "./schema-fields.ts";
import {
  boolean,
  duration,
  functionOf,
  isToken,
  leaf,
  oneOf,
  pick,
  size,
  type,
  wholeNumber,
  type LeafIssue,
} from "./schema-leaf.ts";
import { regExpIssue } from "./schema-patterns.ts";

/** How an upstream's targets are judged. */

function share(min: "above 0" | "from 0"): z.ZodType {
  const isInRange = (value: number): boolean => value <= 1 && (value > 0 || min === "from 0");
  return leaf((value) =>
    typeof value === "number" && value >= 0 && isInRange(value)
      ? undefined
      : { message: "Not a number in range.", expected: `a number ${min} to 1` },
  );
}

const STATUS_EXPECTED = "200, [200, 299], or a list such as [200, [300, 399]]";

function statusIssue(value: unknown): LeafIssue | undefined {
  const wrong: LeafIssue = { message: "Not a status.", expected: STATUS_EXPECTED };
  const list = Array.isArray(value) && !isRange(value) ? (value as unknown[]) : [value];
  if (list.length === 0) return { message: "The list is empty.", expected: STATUS_EXPECTED };
  for (const one of list) {
    if (isStatus(one)) continue;
    if (!isRange(one) || !isStatus(one[0]) || !isStatus(one[1])) return wrong;
    if (one[0] > one[1]) {
      return {
        message: "Two numbers are a range, and this one ends before it begins.",
        expected: STATUS_EXPECTED,
        fix: "For two statuses, write [[404, 404], [200, 200]].",
      };
    }
  }
  return undefined;
}

function isRange(value: unknown): value is [number, number] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "number")
  );
}

function isStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 100 && value <= 599;
}

const times = {
  interval: duration.optional(),
  downInterval: duration.optional(),
  timeout: duration.optional(),
  jitter: share("from 0").optional(),
  healthyThreshold: wholeNumber(1, 1000).optional(),
  unhealthyThreshold: wholeNumber(1, 1000).optional(),
};

const checkFunction = functionOf("(target) => boolean, async too");

const tcp = z.strictObject({ type: oneOf("tcp"), ...times });

const http = z.strictObject({
  type: oneOf("http"),
  path: leaf((value) =>
    typeof value === "string" && /^\/[!-~]*$/.test(value) && !value.includes("#")
      ? undefined
      : {
          message: "Not a path.",
          expected: 'a path with its query as it is sent: "/healthz?full=1"',
        },
  ).optional(),
  method: leaf((value) =>
    typeof value === "string" && isToken(value) && value !== "CONNECT"
      ? undefined
      : { message: "Not a method for a check.", expected: '"GET", "HEAD" or another one' },
  ).optional(),
  host: leaf(upstreamHostIssue).optional(),
  headers: fieldRecord().optional(),
  expectedStatus: leaf(statusIssue).optional(),
  expectedBody: leaf((value) => {
    if (typeof value === "string" && value !== "") return undefined;
    return isRegExp(value)
      ? regExpIssue(value, "gy")
      : { message: "Wrong type.", expected: "a text or a RegExp" };
  }).optional(),
  maxBody: size.optional(),
  ...times,
});

/** Made in the code of the config, whose globals are its own. */
function isRegExp(value: unknown): value is RegExp {
  return Object.prototype.toString.call(value) === "[object RegExp]";
}

const functionCheck = z.strictObject({
  type: oneOf("function"),
  check: checkFunction,
  ...times,
});

export const healthCheck = pick((value) => {
  if (value === false) return z.unknown();
  if (typeof value !== "object" || value === null) {
    return type(
      '{ type: "tcp" | "http" | "function", … }, a function, or false',
      (one) => typeof one === "function",
    );
  }
  const { type: kind } = value as { type?: unknown };
  if (kind === "tcp") return tcp;
  if (kind === "http") return http;
  if (kind === "function") return functionCheck;
  return z.looseObject({ type: oneOf("tcp", "http", "function") });
});

const consecutiveErrors = pick((value) =>
  value === false ? z.unknown() : wholeNumber(1, 1_000_000),
).optional();

const errorRate = pick((value) =>
  typeof value === "boolean"
    ? boolean
    : z.strictObject({
        above: share("above 0").optional(),
        minRequests: wholeNumber(1, 1_000_000).optional(),
        window: duration.optional(),
      }),
).optional();

const latency = pick((value) =>
  typeof value === "boolean"
    ? boolean
    : z.strictObject({
        factor: leaf((one) =>
          typeof one === "number" && one > 1 && one <= 1e6
            ? undefined
            : { message: "Not a number in range.", expected: "a number above 1" },
        ).optional(),
        minimum: duration.optional(),
      }),
).optional();

export const outliers = pick((value) =>
  value === false
    ? z.unknown()
    : z.strictObject({
        consecutiveErrors,
        errorRate,
        latency,
        errorStatus: leaf(statusIssue).optional(),
        baseTime: duration.optional(),
        maxTime: duration.optional(),
        maxEjected: share("from 0").optional(),
      }),
);

export const breaker = pick((value) =>
  value === false
    ? z.unknown()
    : z.strictObject({
        consecutiveErrors,
        errorRate,
        errorStatus: leaf(statusIssue).optional(),
        openFor: duration.optional(),
        trials: wholeNumber(1, 1000).optional(),
        successes: wholeNumber(1, 1000).optional(),
      }),
);
