/**
 * Smooth weighted round robin, as nginx does it: of weights 5, 1, 1 the order is a a b a c a a, never five in a row.
 * Works on positions; who stands there is the caller's business.
 */
export class WeightedRotation {
  readonly #weights: number[];
  readonly #current: number[];

  constructor(weights: readonly number[]) {
    this.#weights = weights.map(toWeight);
    this.#current = weights.map(() => 0);
  }

  /** The next position, other than `except` if there is another. */
  next(except = -1): number {
    if (this.#weights.length === 1) return 0;
    let best = -1;
    let total = 0;
    for (let i = 0; i < this.#weights.length; i++) {
      if (i === except) continue;
      const weight = this.#weights[i] as number;
      const current = (this.#current[i] as number) + weight;
      this.#current[i] = current;
      total += weight;
      if (best === -1 || current > (this.#current[best] as number)) best = i;
    }
    if (best === -1) return except;
    this.#current[best] = (this.#current[best] as number) - total;
    return best;
  }

  setWeight(position: number, weight: number): void {
    if (position in this.#weights) this.#weights[position] = toWeight(weight);
  }
}

function toWeight(weight: number): number {
  return weight > 0 ? weight : 0;
}
