import { classOf } from "./detect/characters.ts";
import { URL_CLASSES } from "./detect/plain-url.ts";
import type { RuleNeeds, WafOperator } from "./rule.ts";

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
  readonly literals: RegExp | undefined;
  /** Groups of words of which a plain URL holds one where it is of interest; undefined: any plain URL may be. */
  readonly urlGroups: number | undefined;
}

export function compileNeeds(needs: RuleNeeds | undefined): Filter {
  let classes = needs?.classes ?? 0;
  for (const character of needs?.characters ?? "") classes |= classOf(character.charCodeAt(0));
  const groups = needs?.groups ?? 0;
  const literals = needs?.literals;
  const isForAny = classes === 0 && groups === 0;
  return {
    minLength: needs?.minLength ?? 0,
    classes: isForAny ? EVERY : classes,
    groups,
    urlGroups: needs?.urlGroups ?? (isForAny || (classes & URL_CLASSES) !== 0 ? undefined : groups),
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
  return (
    ((filter.classes & classes) !== 0 ||
      (filter.groups & groups) !== 0 ||
      filter.classes === EVERY) &&
    value.length >= filter.minLength &&
    (filter.literals === undefined || filter.literals.test(value))
  );
}
