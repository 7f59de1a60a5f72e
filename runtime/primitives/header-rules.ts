/**
 * Field rules of the config (global, upstream's, route's) as one function, made at load.
 *
 * Sets of rules run in the order given, so that later ones see and may change what earlier ones did. Within a set:
 * `remove`, `set`, `append`, `default`; `default` is last so that it fills what is absent after all others.
 */
import {
  appendField,
  hasField,
  removeField,
  setField,
  type RawFields,
} from "../http/raw-fields.ts";

export interface FieldRuleSet {
  readonly remove: readonly string[];
  /** Exactly one line with this value. */
  readonly set: readonly (readonly [name: string, value: string])[];
  /** One more line. */
  readonly append: readonly (readonly [name: string, value: string])[];
  /** Only where the field is absent. */
  readonly default: readonly (readonly [name: string, value: string])[];
}

interface Step {
  readonly kind: "remove" | "set" | "append" | "default";
  readonly name: string;
  readonly lower: string;
  readonly value: string;
}

/** `undefined` where there is nothing to do, so that callers can leave the step out. */
export function compileFieldRules(
  sets: readonly (FieldRuleSet | undefined)[],
): ((fields: RawFields) => void) | undefined {
  const steps = sets.flatMap((set) => (set === undefined ? [] : stepsOf(set)));
  if (steps.length === 0) return undefined;
  return (fields) => {
    for (const step of steps) apply(step, fields);
  };
}

function stepsOf(set: FieldRuleSet): Step[] {
  return [
    ...set.remove.map((name) => toStep("remove", name, "")),
    ...set.set.map(([name, value]) => toStep("set", name, value)),
    ...set.append.map(([name, value]) => toStep("append", name, value)),
    ...set.default.map(([name, value]) => toStep("default", name, value)),
  ];
}

function toStep(kind: Step["kind"], name: string, value: string): Step {
  return { kind, name, lower: name.toLowerCase(), value };
}

function apply({ kind, name, lower, value }: Step, fields: RawFields): void {
  switch (kind) {
    case "remove":
      removeField(fields, lower);
      break;
    case "set":
      setField(fields, name, value, lower);
      break;
    case "append":
      appendField(fields, name, value);
      break;
    case "default":
      if (!hasField(fields, lower)) appendField(fields, name, value);
      break;
  }
}
