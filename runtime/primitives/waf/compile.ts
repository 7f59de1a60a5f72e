import { isNamed } from "../../http/raw-fields.ts";
import { CleanValues, detached, type CleanTable } from "./clean-values.ts";
import { asksFor, compileNeeds, compileOperator, type Filter, type Operation } from "./operator.ts";
import {
  SEVERITY_POINTS,
  type Rule,
  type WafCollection,
  type WafCondition,
  type WafRule,
  type WafTransformation,
  type WafVariable,
} from "./rule.ts";
import { changedClasses, DECODING, encodedClasses } from "./transform.ts";

/** One condition of one rule, as it is tried on values of one collection. */
export interface Probe {
  readonly rule: CompiledRule;
  /** Bit of the condition in its rule. */
  readonly bit: number;
  /** Lower case; absent: values of every name. */
  readonly name: string | undefined;
  /** Lower case names that it leaves out. */
  readonly except: ReadonlySet<string>;
  /** Number of the chains after which the operator is tried. */
  readonly chainSet: number;
  /** Classes of characters without all of which its chains leave a value alone that is no base64; -1: any may be changed. */
  readonly changedBy: number;
  /** All its chains only decode: a plain value is looked at once, as it is. */
  readonly decodesOnly: boolean;
  /** Classes of characters of which a value must have one, before anything is decoded, to be tried. */
  readonly rawClasses: number;
  readonly filter: Filter;
  /** That of the filter, unless the chains may make something else of a plain URL. */
  readonly urlGroups: number | undefined;
  readonly operation: Operation;
  readonly not: boolean;
}

/** All that is tried on the values of one place. */
export class ProbeSet {
  readonly probes: readonly Probe[];
  /** A value with none of these classes, of none of these groups and no base64 is of no interest to any of them. */
  readonly classes: number;
  readonly groups: number;
  /** What has to look at a plain URL with none of these words. */
  readonly urlGroups: number;
  readonly urlProbes: readonly Probe[];
  /** What looks at a value that is JSON as a whole, too. */
  readonly wholeProbes: readonly Probe[];
  /** Absent for names that are not kept. */
  readonly clean: CleanTable | undefined;
  /** The same of values that are JSON, by their parts. */
  readonly cleanParts: CleanTable | undefined;
  /** Most values hold what others held, too: the answers of {@link asking}, by a hash of the classes. */
  #keys: Int32Array | undefined;
  #answers: (readonly Probe[])[] = [];

  constructor(probes: readonly Probe[], clean: CleanValues | undefined) {
    this.probes = probes;
    this.classes = probes.reduce((all, { rawClasses }) => all | rawClasses, 0);
    this.groups = probes.reduce((all, { filter }) => all | filter.groups, 0);
    this.urlGroups = probes.reduce((all, { urlGroups = 0 }) => all | urlGroups, 0);
    this.urlProbes = probes.filter(({ urlGroups }) => urlGroups === undefined);
    this.wholeProbes = probes.filter(({ rule }) => (rule.rule as Rule).inParts !== true);
    this.clean = clean?.table();
    this.cleanParts = clean?.table();
  }

  /** What has to look at a value of these classes, in which nothing is encoded and which has no word of any group. */
  asking(classes: number): readonly Probe[] {
    const slot = Math.imul(classes, 0x9e3779b1) >>> (32 - ANSWER_BITS);
    const keys = this.#keys;
    if (keys === undefined || keys[slot] !== classes) return this.#answer(classes, slot);
    return this.#answers[slot] as readonly Probe[];
  }

  #answer(classes: number, slot: number): readonly Probe[] {
    if (this.#keys === undefined) {
      // No value has these classes.
      this.#keys = new Int32Array(ANSWERS).fill(-1);
      this.#answers = [];
      this.#answers.length = ANSWERS;
    }
    const answer = this.probes.filter(
      ({ filter, decodesOnly, changedBy }) =>
        asksFor(filter, classes, 0) || (!decodesOnly && (changedBy & classes) !== 0),
    );
    this.#keys[slot] = classes;
    this.#answers[slot] = answer;
    return answer;
  }
}

/** A set for each of many names, in each generation that a stream keeps alive: not more than pays. */
const ANSWER_BITS = 6;
const ANSWERS = 1 << ANSWER_BITS;

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
  /** Numbers of the chains that stand together in a condition. */
  readonly chainSets: readonly (readonly number[])[];
  /** What is tried on a value of this collection and name; undefined: nothing. */
  probesFor(collection: WafCollection, name: string): ProbeSet | undefined;
  /** For values whose names are not known yet; undefined where each is counted. */
  sharedProbes(collection: WafCollection): SharedProbes | undefined;
  /** What is known about fields of this name, which stands at this place among others; undefined for names that are not kept. */
  fieldsOf(name: string, position: number): KnownFields | undefined;
  readonly cleanTargets: CleanTable;
  /** What is tried on how many values there are: by `COLLECTION` or `COLLECTION:name`. */
  readonly counts: ReadonlyMap<string, readonly Probe[]>;
  /** Values of the target are counted, so that each is needed; the same for cookies. */
  readonly countsTarget: boolean;
  readonly countsCookies: boolean;
}

/** What is tried on the values of a collection, as far as it can be told without their names. */
export interface SharedProbes {
  /** All that is tried on any of them. */
  readonly all: ProbeSet;
  /** What is tried where no rule tells the name from others. */
  readonly unnamed: ProbeSet;
  /** Lengths of the names that rules tell from others. */
  readonly lengths: ReadonlySet<number>;
}

/** Fields of one name that have been inspected. */
export interface KnownFields {
  readonly name: string;
  /** Whole fields in which nothing was found. */
  readonly clean: CleanTable;
  readonly isCookie: boolean;
  /** Nothing was found in the name itself. */
  isNameClean: boolean;
}

/** Names whose probes are kept; parameters' names are the client's, so there can be any number of others. */
const MAX_KEPT_NAMES = 512;
const MAX_KEPT_NAME = 128;
/** Fields of a request that are likely to be where they were in others. */
const MAX_POSITIONS = 64;
const MAX_CONDITIONS = 30;

/** Names in `ARGS` are those of the query and of the content. */
const PARTS: Partial<Record<WafCollection, readonly WafCollection[]>> = {
  ARGS: ["ARGS_GET", "ARGS_POST"],
  ARGS_NAMES: ["ARGS_GET_NAMES", "ARGS_POST_NAMES"],
};

/** Whose values come again in texts that are not the same as a whole, as fields and targets are. */
const REPEATED: ReadonlySet<WafCollection> = new Set<WafCollection>([
  "ARGS_GET",
  "ARGS_GET_NAMES",
  "ARGS_POST",
  "ARGS_POST_NAMES",
  "GRAPHQL",
  "REQUEST_COOKIES",
  "REQUEST_COOKIES_NAMES",
]);

const IN_TARGET: ReadonlySet<WafCollection> = new Set<WafCollection>([
  "ARGS_GET",
  "ARGS_GET_NAMES",
  "QUERY_STRING",
  "REQUEST_BASENAME",
  "REQUEST_FILENAME",
  "REQUEST_LINE",
  "REQUEST_METHOD",
  "REQUEST_PROTOCOL",
  "REQUEST_URI",
  "REQUEST_URI_RAW",
]);
/** Whose values are scanned before they are put together. */
const SCANNED: readonly WafCollection[] = ["ARGS_POST", "ARGS_POST_NAMES"];
const IN_COOKIES: ReadonlySet<WafCollection> = new Set<WafCollection>([
  "REQUEST_COOKIES",
  "REQUEST_COOKIES_NAMES",
]);

/** Leaves out what is above the level. */
export function compileRules(rules: readonly WafRule[], paranoia: number): RuleSet {
  const chains: (readonly WafTransformation[])[] = [];
  const chainNumbers = new Map<string, number>();
  const chainSets: (readonly number[])[] = [];
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
  const clean = new CleanValues();
  return {
    rules: compiled,
    chains,
    chainSets,
    counts,
    ...createLookup(byCollection, counts, clean),
    fieldsOf: createFieldTables(clean),
    cleanTargets: clean.table(),
    countsTarget: countsAny(counts, IN_TARGET),
    countsCookies: countsAny(counts, IN_COOKIES),
  };

  function addCondition(rule: CompiledRule, condition: WafCondition, bit: number): void {
    const conditionChains = chainsOf(condition);
    const filter = compileNeeds(condition.needs);
    const shared = {
      rule,
      bit,
      chainSet: chainSetNumber(conditionChains.map(chainNumber)),
      changedBy: conditionChains.reduce((classes, chain) => classes | changedClasses(chain), 0),
      decodesOnly: conditionChains.flat().every((name) => DECODING.has(name)),
      rawClasses: conditionChains.reduce(
        (classes, chain) => classes | encodedClasses(chain),
        filter.pairs.reduce((classes, [one]) => classes | one, filter.classes),
      ),
      filter,
      urlGroups: conditionChains.flat().every(leavesPlain) ? filter.urlGroups : undefined,
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

  function chainSetNumber(numbers: readonly number[]): number {
    const key = numbers.join();
    const known = chainSets.findIndex((other) => other.join() === key);
    return known === -1 ? chainSets.push(numbers) - 1 : known;
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
  counts: RuleSet["counts"],
  clean: CleanValues,
): Pick<RuleSet, "probesFor" | "sharedProbes"> {
  const wholes = new Map<WafCollection, ProbeSet>();
  const kept = new Map<WafCollection, Map<string, ProbeSet | undefined>>();
  for (const [collection, probes] of byCollection) {
    wholes.set(collection, new ProbeSet(probes, REPEATED.has(collection) ? clean : undefined));
    const isNamed = probes.some(({ name, except }) => name !== undefined || except.size > 0);
    if (isNamed) kept.set(collection, new Map());
  }
  const shared = new Map<WafCollection, SharedProbes>();
  for (const collection of SCANNED) {
    if (countsAny(counts, new Set([collection]))) continue;
    const all = wholes.get(collection) ?? new ProbeSet([], undefined);
    const names = all.probes.flatMap(({ name, except }) => [name ?? [], ...except].flat());
    const unnamed = all.probes.filter(({ name }) => name === undefined);
    shared.set(collection, {
      all,
      unnamed: unnamed.length === all.probes.length ? all : new ProbeSet(unnamed, clean),
      lengths: new Set(names.map((name) => name.length)),
    });
  }
  /** Names are the client's, but there are only so many sets of probes that rules tell apart by them. */
  const sets = new Map<string, ProbeSet>();
  const probesFor: RuleSet["probesFor"] = (collection, name) => {
    const known = kept.get(collection);
    if (known === undefined) return wholes.get(collection);
    let probes = known.get(name);
    if (probes !== undefined || known.has(name)) return probes;
    const keeps = known.size < MAX_KEPT_NAMES && name.length <= MAX_KEPT_NAME;
    const lower = name.toLowerCase();
    const whole = wholes.get(collection) as ProbeSet;
    const asked: Probe[] = [];
    let key: string = collection;
    whole.probes.forEach((probe, at) => {
      if (probe.except.has(lower) || (probe.name !== undefined && probe.name !== lower)) return;
      asked.push(probe);
      key += ` ${at}`;
    });
    if (asked.length === whole.probes.length) probes = whole;
    else if (asked.length > 0) {
      probes = sets.get(key) ?? new ProbeSet(asked, REPEATED.has(collection) ? clean : undefined);
      sets.set(key, probes);
    }
    if (keeps) {
      known.set(detached(name), probes);
      if (lower !== name) known.set(detached(lower), probes);
    }
    return probes;
  };
  return { probesFor, sharedProbes: (collection) => shared.get(collection) };
}

function createFieldTables(clean: CleanValues): RuleSet["fieldsOf"] {
  const all = new Map<string, KnownFields>();
  // Most clients send the same fields in the same order, and to compare a name is less than to look it up.
  const last: KnownFields[] = [];
  return (name, position) => {
    const guess = last[position];
    if (guess !== undefined && guess.name === name) return guess;
    let known = all.get(name);
    if (known === undefined && all.size < MAX_KEPT_NAMES && name.length <= MAX_KEPT_NAME) {
      known = {
        name: detached(name),
        clean: clean.table(),
        isCookie: isNamed(name, "cookie"),
        isNameClean: false,
      };
      all.set(known.name, known);
    }
    if (known !== undefined && position < MAX_POSITIONS) last[position] = known;
    return known;
  };
}

/** Whether a transformation leaves a text alone in which nothing is encoded in any way. */
function leavesPlain(name: WafTransformation): boolean {
  return DECODING.has(name) || name === "htmlEntityDecode" || name === "urlDecodeUni";
}

function countsAny(counts: RuleSet["counts"], collections: ReadonlySet<WafCollection>): boolean {
  return [...counts.keys()].some((key) => collections.has(splitVariable(key).collection));
}

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
