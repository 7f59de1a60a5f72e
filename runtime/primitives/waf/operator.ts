import { classOf } from "./detect/characters.ts";
import { URL_CLASSES } from "./detect/plain-url.ts";
import type { ClassPair, RuleNeeds, WafOperator } from "./rule.ts";

/** Where a value matched; `start` and `end` cover what the log may show. */
export interface Hit {
  readonly start: number;
  readonly end: number;
}

/** A value is tried at most once by each, so the compiled form is one function. */
export type Operation = (value: string) => Hit | undefined;

export function compileOperator(operator: WafOperator): Operation {
  if ("rx" in operator) return byPattern(operator.rx);
  if ("detect" in operator) return operator.detect;
  if ("pm" in operator) return byPattern(anyOf(operator.pm));
  if ("contains" in operator) return byPattern(anyOf([operator.contains]));
  if ("beginsWith" in operator) return byPattern(anyOf([operator.beginsWith], "^"));
  if ("endsWith" in operator) return byPattern(anyOf([operator.endsWith], "", "$"));
  if ("within" in operator) return byPattern(anyOf(operator.within, "^", "$"));
  if ("streq" in operator) {
    const { streq } = operator;
    return (value) => (value === streq ? { start: 0, end: value.length } : undefined);
  }
  return byNumber(operator);
}

function byPattern(pattern: RegExp): Operation {
  return (value) => {
    const match = pattern.exec(value);
    return match === null ? undefined : { start: match.index, end: match.index + match[0].length };
  };
}

function anyOf(texts: readonly string[], before = "", after = ""): RegExp {
  const escaped = texts.map((text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")).join("|");
  return new RegExp(`${before}(?:${escaped})${after}`, "i");
}

function byNumber(operator: { eq: number } | { gt: number } | { lt: number }): Operation {
  const holds =
    "eq" in operator
      ? (value: number) => value === operator.eq
      : "gt" in operator
        ? (value: number) => value > operator.gt
        : (value: number) => value < operator.lt;
  return (text) => {
    const value = Number(text);
    return !Number.isNaN(value) && holds(value) ? { start: 0, end: text.length } : undefined;
  };
}

/** The cheap filter before an operator. */
export interface Filter {
  readonly minLength: number;
  /** Classes of characters of which one must occur; {@link EVERY}: none need. */
  readonly classes: number;
  /** Groups of words of which one must occur where no class does. */
  readonly groups: number;
  readonly pairs: readonly ClassPair[];
  readonly literals: RegExp | undefined;
  /** Groups of words of which a plain URL holds one where it is of interest; undefined: any plain URL may be. */
  readonly urlGroups: number | undefined;
}

export function compileNeeds(needs: RuleNeeds | undefined): Filter {
  let classes = needs?.classes ?? 0;
  for (const character of needs?.characters ?? "") classes |= classOf(character.charCodeAt(0));
  const groups = needs?.groups ?? 0;
  const literals = needs?.literals;
  const pairs = needs?.pairs ?? [];
  const isForAny = classes === 0 && groups === 0 && pairs.length === 0;
  const isForUrls = isForAny || (classes & URL_CLASSES) !== 0 || holdsPair(pairs, URL_CLASSES);
  return {
    minLength: needs?.minLength ?? 0,
    classes: isForAny ? EVERY : classes,
    groups,
    pairs,
    urlGroups: needs?.urlGroups ?? (isForUrls ? undefined : groups),
    literals: literals === undefined ? undefined : anyOf(literals),
  };
}

/** Whatever the value holds, and if it holds nothing. */
export const EVERY = -1;

export function passesFilter(
  filter: Filter,
  value: string,
  classes: number,
  groups: number,
): boolean {
  return asksFor(filter, classes, groups) && isLikely(filter, value);
}

/** What of a filter can be told from what a value holds. */
export function asksFor(filter: Filter, classes: number, groups: number): boolean {
  return (
    (filter.classes & classes) !== 0 ||
    (filter.groups & groups) !== 0 ||
    filter.classes === EVERY ||
    (filter.pairs.length !== 0 && holdsPair(filter.pairs, classes))
  );
}

/** What is left of a filter for values that it asks for. */
function isLikely({ minLength, literals }: Filter, value: string): boolean {
  return value.length >= minLength && (literals === undefined || literals.test(value));
}

function holdsPair(pairs: readonly ClassPair[], classes: number): boolean {
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at] as ClassPair;
    if ((pair[0] & classes) !== 0 && (pair[1] & classes) !== 0) return true;
  }
  return false;
}
