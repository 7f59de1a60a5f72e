import type { FieldRules, HeaderRules, HeadersInput } from "@gatewright/sdk";

import type { ResolvedFieldRules, ResolvedHeaderRules } from "./resolved-config.ts";

const NO_RULES: ResolvedFieldRules = Object.freeze({
  remove: Object.freeze([]),
  set: Object.freeze([]),
  append: Object.freeze([]),
  default: Object.freeze([]),
});

/** Shared by all that have no rules, so that "no rules" is one comparison. */
const NO_HEADER_RULES: ResolvedHeaderRules = Object.freeze({
  request: NO_RULES,
  response: NO_RULES,
});

export function toHeaderRules(rules: HeaderRules | undefined): ResolvedHeaderRules {
  if (rules === undefined) return NO_HEADER_RULES;
  return Object.freeze({
    request: toFieldRules(rules.request),
    response: toFieldRules(rules.response),
  });
}

/** What `respond.headers` may be, as flat raw fields. */
export function toRawFields(headers: HeadersInput | undefined): string[] {
  if (headers === undefined) return [];
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.flatMap((one) => [name, String(one)])
      : [name, String(value as string | number)],
  );
}

function toFieldRules(rules: FieldRules | undefined): ResolvedFieldRules {
  if (rules === undefined) return NO_RULES;
  return Object.freeze({
    remove: Object.freeze([...(rules.remove ?? [])]),
    set: toPairs(rules.set),
    append: toPairs(rules.append),
    default: toPairs(rules.default),
  });
}

function toPairs(fields: Readonly<Record<string, string>> | undefined): ResolvedFieldRules["set"] {
  return Object.freeze(
    Object.entries(fields ?? {}).map(([name, value]) => Object.freeze([name, value] as const)),
  );
}
