import { z } from "zod";

import type { WafCollection, WafTransformation } from "@gatewright/sdk";

import { closest } from "./closest.ts";
import { pathPatternIssue, regExpIssue } from "./schema-patterns.ts";
import {
  boolean,
  functionOf,
  leaf,
  nonEmptyList,
  oneOf,
  pick,
  plainText,
  size,
  type,
  wholeNumber,
  type LeafIssue,
} from "./schema-leaf.ts";
import { slowText } from "./slow-pattern.ts";
import { parseSize } from "../units.ts";

/** The WAF: sdk/waf-config.ts and sdk/waf-rule.ts. */

const COLLECTIONS = [
  "ARGS",
  "ARGS_GET",
  "ARGS_POST",
  "ARGS_NAMES",
  "ARGS_GET_NAMES",
  "ARGS_POST_NAMES",
  "REQUEST_COOKIES",
  "REQUEST_COOKIES_NAMES",
  "REQUEST_HEADERS",
  "REQUEST_HEADERS_NAMES",
  "REQUEST_LINE",
  "REQUEST_METHOD",
  "REQUEST_PROTOCOL",
  "REQUEST_URI",
  "REQUEST_URI_RAW",
  "REQUEST_FILENAME",
  "REQUEST_BASENAME",
  "QUERY_STRING",
  "REQUEST_BODY",
  "FILES",
  "FILES_NAMES",
  "MULTIPART_PART_HEADERS",
  "XML",
  "XML_ATTRIBUTES",
  "GRAPHQL",
  "GRAPHQL_NAMES",
  "ANOMALIES",
  "RESPONSE_STATUS",
  "RESPONSE_HEADERS",
  "RESPONSE_BODY",
] as const satisfies readonly WafCollection[];

const TRANSFORMATIONS = [
  "urlDecodeUni",
  "urlDecodeDeep",
  "htmlEntityDecode",
  "jsDecode",
  "cssDecode",
  "lowercase",
  "compressWhitespace",
  "removeWhitespace",
  "removeNulls",
  "replaceComments",
  "normalizePath",
  "normalizePathWin",
  "base64Decode",
  "utf8toUnicode",
  "cmdLine",
  "hexDecode",
  "sqlHexDecode",
  "escapeSeqDecode",
  "trim",
  "length",
] as const satisfies readonly WafTransformation[];

const MAX_CHAIN = 29;

const variable = leaf((value) => {
  const match = typeof value === "string" ? /^&?([^:]*)(?::(.+))?$/s.exec(value) : null;
  const name = match?.[1] ?? "";
  if ((COLLECTIONS as readonly string[]).includes(name)) return undefined;
  return unknown("No such variable.", name, COLLECTIONS);
});

const transformation = leaf((value) =>
  (TRANSFORMATIONS as readonly unknown[]).includes(value)
    ? undefined
    : unknown("No such transformation.", String(value), TRANSFORMATIONS),
);

const transformations = pick((value) =>
  Array.isArray(value) && value.some(Array.isArray)
    ? nonEmptyList(z.array(transformation))
    : z.array(transformation),
);

const text = type("a text that is not empty", (value) => typeof value === "string" && value !== "");
const texts = nonEmptyList(text);
const number = type("a number", (value) => typeof value === "number" && Number.isFinite(value));

const pattern = leaf((value) => {
  if (Object.prototype.toString.call(value) !== "[object RegExp]") {
    return { message: "Wrong type.", expected: "a regular expression" };
  }
  const issue = regExpIssue(value as RegExp, "gy");
  if (issue !== undefined) return issue;
  const text = slowText(value as RegExp);
  return text === undefined
    ? undefined
    : {
        message: `The pattern takes too long on ${text}: a client could stop the proxy with it.`,
        expected: "a pattern whose repetitions have bounds and do not overlap",
        fix: "Write {0,60} instead of *, and let no two repetitions match the same characters.",
      };
});

const OPERATORS: Readonly<Record<string, z.ZodType>> = {
  rx: pattern,
  pm: texts,
  contains: text,
  beginsWith: text,
  endsWith: text,
  streq: type("a text", (value) => typeof value === "string"),
  within: texts,
  eq: number,
  gt: number,
  lt: number,
  detect: functionOf("(value) => finding or undefined"),
};

const operator = pick((value) => {
  const names = typeof value === "object" && value !== null ? Object.keys(value) : [];
  const [name = ""] = names;
  const operand = names.length === 1 ? OPERATORS[name] : undefined;
  if (operand !== undefined) return z.strictObject({ [name]: operand });
  return leaf(() => ({
    message: names.length > 1 ? "More than one operator." : "No such operator.",
    expected: `one of ${Object.keys(OPERATORS).join(", ")}`,
    fix: 'Write it as { rx: /…/ } or { contains: "…" }; further conditions go into chain.',
  }));
});

const needs = z.strictObject({
  characters: text.optional(),
  literals: nonEmptyList(
    type(
      "a text of 2 to 32 ASCII characters",
      (value) => typeof value === "string" && /^[\x20-\x7e]{2,32}$/.test(value),
    ),
  ).optional(),
  minLength: wholeNumber(0).optional(),
});

const condition = {
  variables: nonEmptyList(variable),
  except: z.array(variable).optional(),
  transformations: transformations.optional(),
  operator,
  not: boolean.optional(),
  needs: needs.optional(),
};

const rule = z.strictObject({
  ...condition,
  id: leaf((value) =>
    typeof value === "string" && /^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$/.test(value)
      ? undefined
      : {
          message: "Not an id for a rule.",
          expected: 'lower-case words joined by hyphens, the family first: "shop-coupon"',
        },
  ),
  message: plainText,
  severity: oneOf("critical", "error", "warning", "notice").optional(),
  paranoia: oneOf(1, 2, 3, 4).optional(),
  tags: z.array(plainText).optional(),
  chain: z.array(z.strictObject(condition)).max(MAX_CHAIN).optional(),
});

const exclusion = pick((value) =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0
    ? leaf(() => ({
        message: "The exclusion names nothing: it would leave out every rule.",
        expected: "at least one of path, parameter, rules, tags",
        fix: 'Say what it is for, or switch the WAF off: mode: "off".',
      }))
    : z.strictObject({
        path: leaf(excludedPathIssue).optional(),
        parameter: plainText.optional(),
        rules: nonEmptyList(plainText).optional(),
        tags: nonEmptyList(plainText).optional(),
      }),
);

function excludedPathIssue(value: unknown): LeafIssue | undefined {
  const expected = '"/cms/page", or "/cms/*" for all below it';
  const issue = pathPatternIssue(value);
  if (issue !== undefined) return { ...issue, expected };
  const path = value as string;
  return /\*(?!$)|[^/]\*$|\/:/.test(path)
    ? { message: "An exclusion's path has no parameters and no other wildcard.", expected }
    : undefined;
}

function sizeUpTo(most: number, shown: string): z.ZodType {
  return pick((value) => {
    const bytes = parseSize(value);
    if (bytes === undefined || (bytes >= 1024 && bytes <= most)) return size;
    return leaf(() =>
      bytes > most
        ? { message: "The size is too large.", expected: `at most "${shown}"` }
        : { message: "The size is too small.", expected: 'at least "1kb"' },
    );
  });
}

const response = pick((value) =>
  typeof value === "boolean"
    ? z.unknown()
    : z.strictObject({
        maxInspect: sizeUpTo(1024 ** 2, "1mb").optional(),
        threshold: wholeNumber(1, 1000).optional(),
      }),
);

export const waf: z.ZodType = z.strictObject({
  mode: oneOf("off", "flag", "block").optional(),
  paranoia: oneOf(1, 2, 3, 4).optional(),
  threshold: wholeNumber(1, 1000).optional(),
  exclude: z.array(exclusion).optional(),
  rules: z.array(rule).optional(),
  maxInspect: sizeUpTo(64 * 1024 ** 2, "64mb").optional(),
  response: response.optional(),
  onMatch: functionOf("(matches, request, ctx) => decision or nothing").optional(),
});

export const routeWaf: z.ZodType = pick((value) => (value === false ? z.unknown() : waf));

function unknown(message: string, name: string, known: readonly string[]): LeafIssue {
  const near = closest(name, known);
  return near === undefined
    ? { message, expected: `one of ${known.join(", ")}` }
    : { message, fix: `Did you mean "${near}"?` };
}
