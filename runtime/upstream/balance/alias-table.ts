/** Draws an entry by weight in constant time (Walker's alias method): one number says the column, the rest which of its two. */
export class AliasTable {
  readonly #own: Float64Array;
  readonly #other: Int32Array;

  constructor(weights: readonly number[]) {
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const part = Float64Array.from(weights, (weight) => (weight * count) / total);
    this.#own = new Float64Array(count).fill(1);
    this.#other = new Int32Array(count);
    const small: number[] = [];
    const large: number[] = [];
    for (let entry = 0; entry < count; entry++) {
      ((part[entry] as number) < 1 ? small : large).push(entry);
    }
    while (small.length > 0 && large.length > 0) {
      const low = small.pop() as number;
      const high = large.at(-1) as number;
      this.#own[low] = part[low] as number;
      this.#other[low] = high;
      part[high] = (part[high] as number) - (1 - (part[low] as number));
      if ((part[high] as number) < 1) small.push(large.pop() as number);
    }
  }

  /** `random`: from 0 up to, but not, 1. */
  draw(random: number): number {
    const place = random * this.#own.length;
    const column = Math.floor(place);
    return place - column < (this.#own[column] as number)
      ? column
      : (this.#other[column] as number);
  }
}
