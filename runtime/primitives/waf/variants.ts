import { characterClasses, literalGroups } from "./detect/characters.ts";
import type { WafTransformation } from "./rule.ts";
import { changedClasses, DECODING, isDecoded, transformValue } from "./transform.ts";

/**
 * One value in the forms that the chains of all rules give it. Different chains mostly give the same text, which is then
 * looked at once. Reused for every value, since inspection is synchronous: nothing is allocated for plain values.
 */
export class Variants {
  readonly #chains: readonly (readonly WafTransformation[])[];
  readonly #decodesOnly: readonly boolean[];
  readonly #changedBy: readonly number[];
  /** Number of the text that each chain gives; -1: not computed yet. */
  readonly #numbers: Int16Array;
  readonly #texts: string[] = [];
  readonly #classes: number[] = [];
  readonly #groups: number[] = [];
  #count = 0;
  /** Nothing is encoded in it: whatever only decodes leaves it alone. */
  isPlain = false;

  constructor(chains: readonly (readonly WafTransformation[])[]) {
    this.#chains = chains;
    this.#changedBy = chains.map(changedClasses);
    this.#decodesOnly = chains.map((chain) => chain.every((name) => DECODING.has(name)));
    this.#numbers = new Int16Array(chains.length);
  }

  begin(value: string, classes: number, groups: number): void {
    this.#texts[0] = value;
    this.#classes[0] = classes;
    this.#groups[0] = groups;
    this.isPlain = isDecoded(value, classes);
    this.#count = 1;
    this.#numbers.fill(-1);
  }

  /** Number of the text after this chain. */
  after(chain: number): number {
    const known = this.#numbers[chain] as number;
    return known === -1 ? this.#compute(chain) : known;
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

  #compute(chain: number): number {
    let number = 0;
    const isUnchanged =
      (this.#decodesOnly[chain] && this.isPlain) ||
      ((this.#classes[0] as number) & (this.#changedBy[chain] as number)) === 0;
    if (!isUnchanged) {
      const text = transformValue(
        this.#texts[0] as string,
        this.#chains[chain] as readonly WafTransformation[],
      );
      number = this.#numberOf(text);
    }
    this.#numbers[chain] = number;
    return number;
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
