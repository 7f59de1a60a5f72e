import { createKey, type KeySource } from "./balance-key.ts";
import type { BalanceRequest } from "./balancer.ts";
import { keyHash, mix } from "./key-hash.ts";
import { throttled } from "./throttled.ts";

export interface WeightedSplitOptions {
  /** Of the split: another one divides the same clients otherwise. */
  readonly name: string;
  readonly shares: readonly (readonly [name: string, share: number])[];
  readonly by: KeySource | "random";
  readonly onFault?: ((error: unknown) => void) | undefined;
  readonly random?: (() => number) | undefined;
}

/**
 * Divides keys by shares, the same way each time, on every machine. When a share grows, keys only move to it; when one is
 * taken out, only its own keys move (rendezvous hashing by weight).
 */
export class WeightedSplit {
  readonly #names: readonly string[];
  readonly #shares: readonly number[];
  readonly #hashes: readonly number[];
  readonly #seed: number;
  readonly #total: number;
  readonly #keyOf: ((request: BalanceRequest) => string) | undefined;
  readonly #random: () => number;

  constructor({ name, shares, by, onFault, random = Math.random }: WeightedSplitOptions) {
    const used = shares.filter(([, share]) => share > 0);
    this.#names = used.map(([one]) => one);
    this.#shares = used.map(([, share]) => share);
    this.#hashes = used.map(([one]) => keyHash(one));
    this.#total = this.#shares.reduce((sum, share) => sum + share, 0);
    this.#seed = keyHash(name);
    this.#keyOf = by === "random" ? undefined : createKey(by, throttled(onFault));
    this.#random = random;
  }

  choose(request: BalanceRequest): string {
    const at = this.#keyOf === undefined ? this.#drawn() : this.#nearest(this.#keyOf(request));
    return this.#names[at] as string;
  }

  #drawn(): number {
    let left = this.#random() * this.#total;
    const last = this.#shares.length - 1;
    for (let at = 0; at < last; at++) {
      left -= this.#shares[at] as number;
      if (left < 0) return at;
    }
    return last;
  }

  /** Each waits a time that is exponentially distributed at the rate of its share; whose ends first has the key. */
  #nearest(key: string): number {
    const hash = keyHash(key, this.#seed);
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.#shares.length; at++) {
      const drawn = (mix(hash ^ (this.#hashes[at] as number)) + 0.5) / 2 ** 32;
      const wait = -Math.log(drawn) / (this.#shares[at] as number);
      if (wait < least) {
        least = wait;
        nearest = at;
      }
    }
    return nearest;
  }
}
