import type { WafNeeds, WafOperator } from "./rule.ts";

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
  /** 32 classes of characters; 0: any. */
  readonly classes: number;
  readonly literals: RegExp | undefined;
}

export function compileNeeds(needs: WafNeeds | undefined): Filter {
  let classes = 0;
  for (const character of needs?.characters ?? "") classes |= classOf(character.charCodeAt(0));
  const literals = needs?.literals;
  return {
    minLength: needs?.minLength ?? 0,
    classes,
    literals: literals === undefined ? undefined : anyOf(literals),
  };
}

/** The classes of all characters of a value. Letters and digits share one, so that plain words need few rules. */
export function classesOf(value: string): number {
  let classes = 0;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    classes |= code < 128 ? (CLASSES[code] as number) : WIDE;
  }
  return classes;
}

export function passesFilter(filter: Filter, value: string, classes: number): boolean {
  return (
    value.length >= filter.minLength &&
    (filter.classes === 0 || (filter.classes & classes) !== 0) &&
    (filter.literals === undefined || filter.literals.test(value))
  );
}

const WIDE = 1;
const WORD = 2;
const CLASSES = new Int32Array(128).fill(WORD);
// Signs that attacks need have a bit each; the rest share one.
const SIGNS = "'\"`<>=();|&$\\{}[]#-*/.:%@";
for (let code = 0; code < 0x30; code++) CLASSES[code] = 4;
CLASSES[0x20] = WORD;
for (let code = 0x3a; code < 0x41; code++) CLASSES[code] = 4;
for (let at = 0; at < SIGNS.length; at++) CLASSES[SIGNS.charCodeAt(at)] = 1 << (at + 3);

function classOf(code: number): number {
  return code < 128 ? (CLASSES[code] as number) : WIDE;
}

/** What a chain of transformations can do nothing without. */
export const ENCODED_SIGNS = classOf(0x25) | classOf(0x5c) | WIDE;
