import { compileNeeds, compileOperator, type Filter, type Operation } from "./operator.ts";
import {
  SEVERITY_POINTS,
  type WafCollection,
  type WafCondition,
  type WafRule,
  type WafTransformation,
  type WafVariable,
} from "./rule.ts";
import { DECODING } from "./transform.ts";

/** One condition of one rule, as it is tried on values of one collection. */
export interface Probe {
  readonly rule: CompiledRule;
  /** Bit of the condition in its rule. */
  readonly bit: number;
  /** Lower case; absent: values of every name. */
  readonly name: string | undefined;
  /** Lower case names that it leaves out. */
  readonly except: ReadonlySet<string>;
  /** Numbers of the chains after which the operator is tried. */
  readonly chains: readonly number[];
  /** All its chains only decode: a plain value is looked at once, as it is. */
  readonly decodesOnly: boolean;
  readonly filter: Filter;
  readonly operation: Operation;
  readonly not: boolean;
}

export interface CompiledRule {
  readonly index: number;
  readonly rule: WafRule;
  readonly points: number;
  /** All bits of its conditions. */
  readonly all: number;
}

/** Rules, arranged by where they look. */
export interface RuleSet {
  readonly rules: readonly CompiledRule[];
  readonly chains: readonly (readonly WafTransformation[])[];
  /** What is tried on a value of this collection and name. */
  probesFor(collection: WafCollection, name: string): readonly Probe[];
  /** What is tried on how many values there are: by `COLLECTION` or `COLLECTION:name`. */
  readonly counts: ReadonlyMap<string, readonly Probe[]>;
}

/** Names whose probes are kept; parameters' names are the client's, so there can be any number of others. */
const MAX_KEPT_NAMES = 512;
const MAX_CONDITIONS = 30;

/** Names in `ARGS` are those of the query and of the content. */
const PARTS: Partial<Record<WafCollection, readonly WafCollection[]>> = {
  ARGS: ["ARGS_GET", "ARGS_POST"],
  ARGS_NAMES: ["ARGS_GET_NAMES", "ARGS_POST_NAMES"],
};

/** Leaves out what is above the level. */
export function compileRules(rules: readonly WafRule[], paranoia: number): RuleSet {
  const chains: (readonly WafTransformation[])[] = [];
  const chainNumbers = new Map<string, number>();
  const byCollection = new Map<WafCollection, Probe[]>();
  const counts = new Map<string, Probe[]>();
  const compiled: CompiledRule[] = [];

  for (const rule of rules) {
    if ((rule.paranoia ?? 1) > paranoia) continue;
    const conditions: readonly WafCondition[] = [rule, ...(rule.chain ?? [])];
    if (conditions.length > MAX_CONDITIONS) {
      throw new RangeError(`${rule.id} has more than ${MAX_CONDITIONS} conditions`);
    }
    const one: CompiledRule = {
      index: compiled.length,
      rule,
      points: SEVERITY_POINTS[rule.severity ?? "critical"],
      all: (1 << conditions.length) - 1,
    };
    compiled.push(one);
    conditions.forEach((condition, at) => addCondition(one, condition, 1 << at));
  }
  return { rules: compiled, chains, counts, probesFor: createLookup(byCollection) };

  function addCondition(rule: CompiledRule, condition: WafCondition, bit: number): void {
    const shared = {
      rule,
      bit,
      chains: chainsOf(condition).map(chainNumber),
      decodesOnly: chainsOf(condition)
        .flat()
        .every((name) => DECODING.has(name)),
      filter: compileNeeds(condition.needs),
      operation: compileOperator(condition.operator),
      not: condition.not ?? false,
    };
    for (const variable of condition.variables) {
      const isCount = variable.startsWith("&");
      const { collection, name } = splitVariable(isCount ? variable.slice(1) : variable);
      for (const part of PARTS[collection] ?? [collection]) {
        const probe: Probe = { ...shared, name, except: exceptNames(condition.except, part) };
        if (isCount) {
          const key = name === undefined ? part : `${part}:${name}`;
          counts.set(key, [...(counts.get(key) ?? []), probe]);
        } else {
          byCollection.set(part, [...(byCollection.get(part) ?? []), probe]);
        }
      }
    }
  }

  function chainNumber(chain: readonly WafTransformation[]): number {
    const key = chain.join();
    let number = chainNumbers.get(key);
    if (number === undefined) {
      number = chains.length;
      chains.push(chain);
      chainNumbers.set(key, number);
    }
    return number;
  }
}

function createLookup(
  byCollection: ReadonlyMap<WafCollection, readonly Probe[]>,
): RuleSet["probesFor"] {
  const kept = new Map<WafCollection, Map<string, readonly Probe[]>>();
  const named = new Set<WafCollection>();
  for (const [collection, probes] of byCollection) {
    kept.set(collection, new Map());
    const isNamed = probes.some(({ name, except }) => name !== undefined || except.size > 0);
    if (isNamed) named.add(collection);
  }
  return (collection, name) => {
    const all = byCollection.get(collection);
    if (all === undefined) return NONE;
    if (!named.has(collection)) return all;
    const known = kept.get(collection) as Map<string, readonly Probe[]>;
    let probes = known.get(name);
    if (probes === undefined) {
      const lower = name.toLowerCase();
      probes = all.filter(
        (probe) => (probe.name === undefined || probe.name === lower) && !probe.except.has(lower),
      );
      if (known.size < MAX_KEPT_NAMES) known.set(name, probes);
    }
    return probes;
  };
}

const NONE: readonly Probe[] = [];

function chainsOf({
  transformations = [],
}: WafCondition): readonly (readonly WafTransformation[])[] {
  const isList = (one: WafTransformation | readonly WafTransformation[]): boolean =>
    Array.isArray(one);
  return transformations.some(isList)
    ? (transformations as readonly (readonly WafTransformation[])[])
    : [transformations as readonly WafTransformation[]];
}

function splitVariable(text: string): { collection: WafCollection; name: string | undefined } {
  const colon = text.indexOf(":");
  if (colon === -1) return { collection: text as WafCollection, name: undefined };
  return {
    collection: text.slice(0, colon) as WafCollection,
    name: text.slice(colon + 1).toLowerCase(),
  };
}

function exceptNames(
  except: readonly WafVariable[] | undefined,
  collection: WafCollection,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const variable of except ?? []) {
    const { collection: whole, name } = splitVariable(variable);
    if (name !== undefined && (PARTS[whole] ?? [whole]).includes(collection)) names.add(name);
  }
  return names;
}
