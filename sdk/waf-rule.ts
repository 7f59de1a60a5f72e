/**
 * Where a rule looks, in ModSecurity's words. A collection (`ARGS`) stands for each of its values, `ARGS:name` for those
 * of one name (in any case), `&ARGS` for how many there are.
 *
 * With the head: `REQUEST_*`, `QUERY_STRING`, `ARGS_GET`. With the content: `ARGS_POST` (form fields and what JSON holds, by
 * path: `user.name`), `FILES*`, `MULTIPART_PART_HEADERS`, `XML*`, `GRAPHQL*`, `REQUEST_BODY`. `ARGS` is both, each part in
 * its phase. Afterwards: `RESPONSE_*`.
 */
export type WafVariable = WafCollection | `${WafCollection}:${string}` | `&${string}`;

/** What {@link WafVariable} can name. */
export type WafCollection =
  /** Decoded values of the query and of the content. */
  | "ARGS"
  | "ARGS_GET"
  | "ARGS_POST"
  | "ARGS_NAMES"
  | "ARGS_GET_NAMES"
  | "ARGS_POST_NAMES"
  | "REQUEST_COOKIES"
  | "REQUEST_COOKIES_NAMES"
  | "REQUEST_HEADERS"
  | "REQUEST_HEADERS_NAMES"
  /** Method, target and protocol as they came. */
  | "REQUEST_LINE"
  | "REQUEST_METHOD"
  | "REQUEST_PROTOCOL"
  /** Path and query, the path decoded once. */
  | "REQUEST_URI"
  /** As it came. */
  | "REQUEST_URI_RAW"
  /** The path, decoded once. */
  | "REQUEST_FILENAME"
  /** Its last segment. */
  | "REQUEST_BASENAME"
  /** As it came, without `?`. */
  | "QUERY_STRING"
  /** The content as text, where it is none of the types that are parsed. */
  | "REQUEST_BODY"
  /** File names of a multipart form. */
  | "FILES"
  /** The fields that files came in. */
  | "FILES_NAMES"
  | "MULTIPART_PART_HEADERS"
  /** Text of XML content. */
  | "XML"
  | "XML_ATTRIBUTES"
  /** String values of a GraphQL document. */
  | "GRAPHQL"
  /** Its names: fields, arguments, directives. */
  | "GRAPHQL_NAMES"
  /** What the parsers found odd, by name: `percent-invalid`, `json-duplicate-key`. */
  | "ANOMALIES"
  | "RESPONSE_STATUS"
  | "RESPONSE_HEADERS"
  | "RESPONSE_BODY";

/** What happens to a value before the operator sees it. Each is a no-op where it has nothing to do. */
export type WafTransformation =
  /** Percent and `%uXXXX` sequences, and `+`. Invalid ones stay. */
  | "urlDecodeUni"
  /** `urlDecodeUni` without `+`, again and again while it changes anything, three times at most. */
  | "urlDecodeDeep"
  | "htmlEntityDecode"
  | "jsDecode"
  | "cssDecode"
  | "lowercase"
  /** Runs of white space, U+00A0 included, become one space. */
  | "compressWhitespace"
  | "removeWhitespace"
  | "removeNulls"
  /** SQL's and C's comments become one space. */
  | "replaceComments"
  | "normalizePath"
  /** The same, with `\` read as `/`. */
  | "normalizePathWin"
  /** Only where the whole value is base64 of readable text, 16 characters or more. */
  | "base64Decode"
  /** Overlong and full-width forms become what they stand for. */
  | "utf8toUnicode"
  /** What shells ignore goes: `\`, `"`, `'`, `^`; `,` and `;` become spaces; lower case. */
  | "cmdLine"
  | "hexDecode"
  /** `0x414243` becomes `ABC`. */
  | "sqlHexDecode"
  | "escapeSeqDecode"
  | "trim"
  | "length";

/** What a detector saw, and where in the inspected value. */
export interface WafFinding {
  /** The sign, in kebab-case; stable, so that logs can name it. */
  readonly sign: string;
  /** Index of the first character of the sign. */
  readonly start: number;
  /** Index after its last character. */
  readonly end: number;
}

/** When a rule matches a value. Texts are compared in any case, `streq` excepted. */
export type WafOperator =
  /** No flag `g` or `y`. Must not be able to run long: the config is refused where it does on texts made of what it looks for. */
  | { readonly rx: RegExp }
  /** Any of these texts occurs. */
  | { readonly pm: readonly string[] }
  | { readonly contains: string }
  | { readonly beginsWith: string }
  | { readonly endsWith: string }
  | { readonly streq: string }
  /** The value is one of these. */
  | { readonly within: readonly string[] }
  | { readonly eq: number }
  | { readonly gt: number }
  | { readonly lt: number }
  /** Any function: pure, total, linear in the length. */
  | { readonly detect: (value: string) => WafFinding | undefined };

/**
 * What a value must have before the operator is tried: a cheap filter, checked for all rules in one pass over the value.
 * Checked after the transformations. Both, if both are given.
 */
export interface WafNeeds {
  /** Any one of these characters (ASCII; several of them share a class, so this is a hint, not a test). */
  readonly characters?: string;
  /** Any one of these texts, in any case (ASCII, 2 to 32 characters). */
  readonly literals?: readonly string[];
  /** Default 0. */
  readonly minLength?: number;
}

/** One condition. */
export interface WafCondition {
  /** At least one. Any value of any of them may match. */
  readonly variables: readonly WafVariable[];
  /** Left out: `REQUEST_HEADERS:referer`. */
  readonly except?: readonly WafVariable[];
  /** In order. A list of lists: the operator sees the value after each of these chains. Default: none. */
  readonly transformations?:
    | readonly WafTransformation[]
    | readonly (readonly WafTransformation[])[];
  /** What the transformed value is compared with. */
  readonly operator: WafOperator;
  /** Matches where the operator does not. Default false. */
  readonly not?: boolean;
  /** Default: the operator is tried on every value. */
  readonly needs?: WafNeeds;
}

/** A rule. A match adds its points to the request's score once, however many values match. */
export interface WafRule extends WafCondition {
  /** Lower-case words joined by hyphens, the family first: `sqli-union`. Exclusions name it, `*` at the end included. */
  readonly id: string;
  /** What it means, for the log. */
  readonly message: string;
  /** Points: critical 5, error 4, warning 3, notice 2. Default `"critical"`. */
  readonly severity?: WafSeverity;
  /** The level from which on it runs. Default 1. */
  readonly paranoia?: 1 | 2 | 3 | 4;
  /** For exclusions and logs. Default: none. */
  readonly tags?: readonly string[];
  /** Further conditions that must hold in the same phase. */
  readonly chain?: readonly WafCondition[];
}

/** How much a match says: critical 5 points, error 4, warning 3, notice 2. */
export type WafSeverity = "critical" | "error" | "warning" | "notice";
