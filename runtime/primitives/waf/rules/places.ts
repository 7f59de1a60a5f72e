import type { WafTransformation, WafVariable } from "../rule.ts";

/** What a client sends as content of its own choice: parameters, cookies, path, files' names, documents. */
export const INPUT: readonly WafVariable[] = [
  "ARGS",
  "ARGS_NAMES",
  "REQUEST_COOKIES",
  "REQUEST_COOKIES_NAMES",
  "REQUEST_FILENAME",
  "REQUEST_BODY",
  "FILES",
  "XML",
  "XML_ATTRIBUTES",
  "GRAPHQL",
];

/** {@link INPUT} and fields that applications log, store or evaluate. */
export const INPUT_AND_FIELDS: readonly WafVariable[] = [...INPUT, "REQUEST_HEADERS"];

/** Fields whose grammar holds quotes, semicolons and parameters, and which no application evaluates. */
export const QUIET_FIELDS: readonly WafVariable[] = [
  "REQUEST_HEADERS:accept",
  "REQUEST_HEADERS:accept-charset",
  "REQUEST_HEADERS:accept-encoding",
  "REQUEST_HEADERS:accept-language",
  "REQUEST_HEADERS:authorization",
  "REQUEST_HEADERS:cache-control",
  "REQUEST_HEADERS:connection",
  "REQUEST_HEADERS:content-disposition",
  "REQUEST_HEADERS:content-length",
  "REQUEST_HEADERS:content-type",
  "REQUEST_HEADERS:cookie",
  "REQUEST_HEADERS:forwarded",
  "REQUEST_HEADERS:host",
  "REQUEST_HEADERS:if-match",
  "REQUEST_HEADERS:if-modified-since",
  "REQUEST_HEADERS:if-none-match",
  "REQUEST_HEADERS:keep-alive",
  "REQUEST_HEADERS:priority",
  "REQUEST_HEADERS:proxy-authorization",
  "REQUEST_HEADERS:range",
  "REQUEST_HEADERS:save-data",
  "REQUEST_HEADERS:sec-ch-ua",
  "REQUEST_HEADERS:sec-ch-ua-full-version-list",
  "REQUEST_HEADERS:sec-ch-ua-mobile",
  "REQUEST_HEADERS:sec-ch-ua-platform",
  "REQUEST_HEADERS:sec-fetch-dest",
  "REQUEST_HEADERS:sec-fetch-mode",
  "REQUEST_HEADERS:sec-fetch-site",
  "REQUEST_HEADERS:sec-fetch-user",
  "REQUEST_HEADERS:sec-websocket-extensions",
  "REQUEST_HEADERS:sec-websocket-key",
  "REQUEST_HEADERS:signature",
  "REQUEST_HEADERS:signature-input",
  "REQUEST_HEADERS:te",
  "REQUEST_HEADERS:traceparent",
  "REQUEST_HEADERS:tracestate",
  "REQUEST_HEADERS:upgrade",
  "REQUEST_HEADERS:upgrade-insecure-requests",
  "REQUEST_HEADERS:via",
];

/** Of {@link QUIET_FIELDS} those that frameworks have evaluated, or opened as a path; their grammar has neither. */
const EVALUATED_FIELDS: ReadonlySet<WafVariable> = new Set([
  "REQUEST_HEADERS:accept",
  "REQUEST_HEADERS:accept-language",
  "REQUEST_HEADERS:content-type",
]);
export const SILENT_FIELDS: readonly WafVariable[] = QUIET_FIELDS.filter(
  (field) => !EVALUATED_FIELDS.has(field),
);

/** A value as an application may come to see it: decoded once more, its escapes undone, out of base64. */
export const DECODED: readonly (readonly WafTransformation[])[] = [
  ["urlDecodeDeep", "utf8toUnicode"],
  ["urlDecodeDeep", "jsDecode"],
  ["base64Decode", "urlDecodeDeep", "utf8toUnicode"],
  ["base64Decode", "urlDecodeDeep", "jsDecode"],
];
