/**
 * Turns by weight, as even as they can be: after every number of turns, each entry has had less than one turn more or
 * less than its exact share. (Tijdeman's answer to the chairman assignment problem, 1980: an entry may have a turn once
 * it is owed more than a little; of those, the one goes first that would be owed a whole turn soonest.) Any weights above
 * 0; logarithmic in the number of entries.
 */
import { IndexHeap } from "./index-heap.ts";

/** Counts stay exact enough for the comparison of fractions. */
const REBASE_AFTER = 2 ** 30;

export class SmoothSchedule {
  /** Turns from one to the next of an entry, were they evenly spaced: total weight / own. */
  readonly #spacing: Float64Array;
  /** Turns had, less what was owed at the start. */
  readonly #had: Float64Array;
  /** By the turn at which they may go. */
  readonly #waiting: IndexHeap;
  /** Those that may go, by the turn before which they must. */
  readonly #ready: IndexHeap;
  readonly #slack: number;
  #turn = 0;

  /** `owed`: what {@link owed} of a schedule before said, so that a change does not start all over. */
  constructor(weights: readonly number[], owed?: readonly number[]) {
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#spacing = Float64Array.from(weights, (weight) => total / weight);
    this.#had = Float64Array.from(weights, (_, entry) => -(owed?.[entry] ?? 0));
    this.#waiting = new IndexHeap(count);
    this.#ready = new IndexHeap(count);
    this.#slack = count < 2 ? 0 : 1 / (2 * count - 2);
    for (let entry = 0; entry < count; entry++) this.#enter(entry);
  }

  next(): number {
    if (this.#turn >= REBASE_AFTER) this.#rebase();
    this.#turn += 1;
    const waiting = this.#waiting;
    while (waiting.size > 0 && (waiting.keys[waiting.top] as number) <= this.#turn) {
      this.#ready.push(waiting.pop());
    }
    const entry = this.#ready.size > 0 ? this.#ready.pop() : waiting.pop();
    this.#had[entry] = (this.#had[entry] as number) + 1;
    this.#enter(entry);
    return entry;
  }

  /** Its share of the turns so far, less those that it had. */
  owed(entry: number): number {
    return this.#turn / (this.#spacing[entry] as number) - (this.#had[entry] as number);
  }

  #enter(entry: number): void {
    const had = this.#had[entry] as number;
    const spacing = this.#spacing[entry] as number;
    const from = Math.ceil((had + this.#slack) * spacing);
    this.#waiting.keys[entry] = from;
    this.#ready.keys[entry] = Math.ceil((had + 1 - this.#slack) * spacing);
    if (from <= this.#turn + 1) this.#ready.push(entry);
    else this.#waiting.push(entry);
  }

  #rebase(): void {
    const count = this.#had.length;
    const owed = Array.from({ length: count }, (_, entry) => this.owed(entry));
    while (this.#waiting.pop() !== -1);
    while (this.#ready.pop() !== -1);
    this.#turn = 0;
    for (let entry = 0; entry < count; entry++) {
      this.#had[entry] = -(owed[entry] as number);
      this.#enter(entry);
    }
  }
}
