import { isBase64 } from "./base64.ts";
import { characterClasses, groupsWithin, literalGroups, PERCENT } from "./detect/characters.ts";
import { EVERY, type Filter } from "./operator.ts";
import type { WafTransformation } from "./rule.ts";
import {
  changedClasses,
  DECODING,
  decodedClasses,
  isDecoded,
  transformValue,
} from "./transform.ts";

/** A chain gives nothing that passes the filter. */
export const NOTHING = -1;
const UNKNOWN = -1;

/**
 * One value in the forms that the chains of all rules give it. Different chains mostly give the same text, which is then
 * looked at once. Reused for every value, since inspection is synchronous: nothing is allocated for plain values.
 */
export class Variants {
  readonly #chains: readonly (readonly WafTransformation[])[];
  readonly #decodesOnly: readonly boolean[];
  readonly #changedBy: readonly number[];
  readonly #takesBase64: readonly boolean[];
  /** Number of the text that each chain gives; -1: not computed yet. */
  readonly #numbers: Int16Array;
  readonly #texts: string[] = [];
  readonly #classes: number[] = [];
  readonly #groups: number[] = [];
  #count = 0;
  /** What a decoded form may hold at most, if that is known. */
  #reachedClasses = EVERY;
  #reachedGroups = EVERY;
  #isBase64 = false;
  /** Nothing is encoded in it: whatever only decodes leaves it alone. */
  isPlain = false;

  constructor(chains: readonly (readonly WafTransformation[])[]) {
    this.#chains = chains;
    this.#changedBy = chains.map(changedClasses);
    this.#decodesOnly = chains.map((chain) => chain.every((name) => DECODING.has(name)));
    this.#takesBase64 = chains.map((chain) => chain.includes("base64Decode"));
    this.#numbers = new Int16Array(chains.length);
  }

  begin(value: string, classes: number, groups: number): void {
    this.#texts[0] = value;
    this.#classes[0] = classes;
    this.#groups[0] = groups;
    this.#count = 1;
    this.#numbers.fill(UNKNOWN);
    this.isPlain = isDecoded(value, classes);
    this.#isBase64 = !this.isPlain && isBase64(value, classes);
    if (this.isPlain) return;
    const decoded = decodedClasses(value, classes);
    this.#reachedClasses = decoded === EVERY ? EVERY : (classes & ~PERCENT) | decoded;
    this.#reachedGroups = decoded === EVERY ? EVERY : groups | groupsWithin(decoded);
  }

  /** Number of the text after this chain; {@link NOTHING} where it is known beforehand that the filter stops it. */
  after(chain: number, { classes, groups }: Filter): number {
    const known = this.#numbers[chain] as number;
    if (known !== UNKNOWN) return known;
    let number = 0;
    if (!this.#isUnchanged(chain)) {
      if (
        this.#decodesOnly[chain] &&
        !this.#takesBase64[chain] &&
        classes !== EVERY &&
        (classes & this.#reachedClasses) === 0 &&
        (groups & this.#reachedGroups) === 0
      ) {
        return NOTHING;
      }
      const text = transformValue(
        this.#texts[0] as string,
        this.#chains[chain] as readonly WafTransformation[],
      );
      number = this.#numberOf(text);
    }
    this.#numbers[chain] = number;
    return number;
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

  #isUnchanged(chain: number): boolean {
    if (this.isPlain && this.#decodesOnly[chain]) return true;
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
