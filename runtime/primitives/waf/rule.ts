import type { WafSeverity } from "@gatewright/sdk";

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

/** Points by severity, as the OWASP Core Rule Set counts them. */
export const SEVERITY_POINTS: Readonly<Record<WafSeverity, number>> = {
  critical: 5,
  error: 4,
  warning: 3,
  notice: 2,
};
