import type { WafNeeds, WafRule, WafSeverity } from "@gatewright/sdk";

/**
 * The words that rules are written in: ours, users', and whatever loads rules of another language one day. They are typed
 * data, so that nothing has to be parsed and a misspelt variable does not compile.
 */
export type {
  WafCollection,
  WafCondition,
  WafNeeds,
  WafOperator,
  WafRule,
  WafSeverity,
  WafTransformation,
  WafVariable,
} from "@gatewright/sdk";

export type ClassPair = readonly [number, number];

/** What our own rules can say besides, in the terms of `detect/characters.ts`. */
export interface RuleNeeds extends WafNeeds {
  /** Classes of characters, in addition to `characters`. */
  readonly classes?: number;
  /** Groups of words. A value passes that has a word of one of them or a character of one of the classes. */
  readonly groups?: number;
  /** Pairs of sets of classes: a value passes as well that has a character of both. */
  readonly pairs?: readonly ClassPair[];
  /**
   * A plain URL (`detect/plain-url.ts`) without a word of these groups is of no interest. Absent: any may be, unless it is
   * of none by the other needs.
   */
  readonly urlGroups?: number;
}

/** A rule of ours. */
export interface Rule extends WafRule {
  /** A value that is JSON itself is looked at in its parts, and not as a whole. */
  readonly inParts?: boolean;
  readonly needs?: RuleNeeds;
}

/** Points by severity, as the OWASP Core Rule Set counts them. */
export const SEVERITY_POINTS: Readonly<Record<WafSeverity, number>> = {
  critical: 5,
  error: 4,
  warning: 3,
  notice: 2,
};
