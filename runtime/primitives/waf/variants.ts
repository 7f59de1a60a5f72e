import { isBase64 } from "./base64.ts";
import { characterClasses, groupsWithin, literalGroups, PERCENT } from "./detect/characters.ts";
import { asksFor, EVERY, type Filter } from "./operator.ts";
import type { WafTransformation } from "./rule.ts";
import { changedClasses, DECODING, decodedClasses, transformValue } from "./transform.ts";

const UNKNOWN = -1;
const NONE: readonly number[] = [];
const RAW: readonly number[] = [0];

/** The chains of transformations of all rules, and which of them stand together in a condition, by their numbers. */
export interface Chains {
  readonly chains: readonly (readonly WafTransformation[])[];
  readonly chainSets: readonly (readonly number[])[];
}

/**
 * One value in the forms that the chains of all rules give it. Different chains mostly give the same text, which is then
 * looked at once. Reused for every value, since inspection is synchronous: nothing is allocated but texts that are new.
 */
export class Variants {
  readonly #chains: Chains["chains"];
  readonly #chainSets: Chains["chainSets"];
  readonly #changedBy: readonly number[];
  readonly #decodesOnly: readonly boolean[];
  readonly #takesBase64: readonly boolean[];
  readonly #setDecodesOnly: readonly boolean[];
  /** Number of the text that each chain gives; -1: not computed yet. */
  readonly #numbers: Int16Array;
  /** Numbers of the different texts of each set of chains, and the value that they are those of. */
  readonly #forms: number[][];
  readonly #formed: Float64Array;
  /** The form that is left where no decoded one is asked for, and the value of which that is known. */
  readonly #raw: (readonly number[])[];
  readonly #asked: Float64Array;
  readonly #texts: string[] = [];
  readonly #classes: number[] = [];
  readonly #groups: number[] = [];
  #count = 0;
  #value = 0;
  #reachedClasses = EVERY;
  #reachedGroups = EVERY;
  #isBase64 = false;
  #isPlain = false;

  constructor({ chains, chainSets }: Chains) {
    this.#chains = chains;
    this.#chainSets = chainSets;
    this.#changedBy = chains.map(changedClasses);
    this.#decodesOnly = chains.map((chain) => chain.every((name) => DECODING.has(name)));
    this.#takesBase64 = chains.map((chain) => chain.includes("base64Decode"));
    this.#setDecodesOnly = chainSets.map((set) => set.every((chain) => this.#decodesOnly[chain]));
    this.#numbers = new Int16Array(chains.length);
    this.#forms = chainSets.map(() => []);
    this.#formed = new Float64Array(chainSets.length);
    this.#raw = chainSets.map(() => NONE);
    this.#asked = new Float64Array(chainSets.length);
  }

  /** `isPlain`: nothing is encoded in it, as `isDecoded` tells. Does nothing where it has begun with the same. */
  begin(value: string, classes: number, groups: number, isPlain: boolean): void {
    if (this.#count > 0 && value === this.#texts[0] && isPlain === this.#isPlain) return;
    this.#texts[0] = value;
    this.#classes[0] = classes;
    this.#groups[0] = groups;
    this.#count = 1;
    this.#value += 1;
    this.#numbers.fill(UNKNOWN);
    this.#isPlain = isPlain;
    this.#isBase64 = !this.#isPlain && isBase64(value, classes);
    const decoded = this.#isPlain ? 0 : decodedClasses(value, classes);
    this.#reachedClasses = decoded === EVERY ? EVERY : (classes & ~PERCENT) | decoded;
    this.#reachedGroups = decoded === EVERY ? EVERY : groups | groupsWithin(decoded);
  }

  /** Classes that a decoded form may hold at most; {@link EVERY} if that is not known. */
  get reachedClasses(): number {
    return this.#isBase64 ? EVERY : this.#reachedClasses;
  }

  /** The same of groups of words. */
  get reachedGroups(): number {
    return this.#isBase64 ? EVERY : this.#reachedGroups;
  }

  /** Numbers of the different texts that a set of chains gives, but for those of which it is known that the filter stops them. */
  forms(chainSet: number, filter: Filter): readonly number[] {
    if (
      this.#setDecodesOnly[chainSet] &&
      !this.#isBase64 &&
      !asksFor(filter, this.#reachedClasses, this.#reachedGroups)
    ) {
      if (this.#asked[chainSet] !== this.#value) {
        this.#asked[chainSet] = this.#value;
        this.#raw[chainSet] = this.#keepsRaw(chainSet) ? RAW : NONE;
      }
      return this.#raw[chainSet] as readonly number[];
    }
    const forms = this.#forms[chainSet] as number[];
    if (this.#formed[chainSet] !== this.#value) {
      this.#formed[chainSet] = this.#value;
      forms.length = 0;
      for (const chain of this.#chainSets[chainSet] as readonly number[]) {
        const number = this.#after(chain);
        if (!forms.includes(number)) forms.push(number);
      }
    }
    return forms;
  }

  /** Whether one of these chains leaves the value as it came. */
  #keepsRaw(chainSet: number): boolean {
    for (const chain of this.#chainSets[chainSet] as readonly number[]) {
      if (this.#isUnchanged(chain)) return true;
    }
    return false;
  }

  text(number: number): string {
    return this.#texts[number] as string;
  }

  classes(number: number): number {
    return this.#classes[number] as number;
  }

  groups(number: number): number {
    return this.#groups[number] as number;
  }

  #after(chain: number): number {
    const known = this.#numbers[chain] as number;
    if (known !== UNKNOWN) return known;
    const number = this.#isUnchanged(chain)
      ? 0
      : this.#numberOf(
          transformValue(
            this.#texts[0] as string,
            this.#chains[chain] as readonly WafTransformation[],
          ),
        );
    this.#numbers[chain] = number;
    return number;
  }

  #isUnchanged(chain: number): boolean {
    if (this.#isPlain && this.#decodesOnly[chain]) return true;
    return (
      ((this.#classes[0] as number) & (this.#changedBy[chain] as number)) === 0 &&
      !(this.#isBase64 && this.#takesBase64[chain])
    );
  }

  #numberOf(text: string): number {
    for (let at = 0; at < this.#count; at++) if (this.#texts[at] === text) return at;
    const number = this.#count++;
    this.#texts[number] = text;
    this.#classes[number] = characterClasses(text);
    this.#groups[number] = literalGroups(text);
    return number;
  }
}
