/**
 * How many connections an upstream may have, counted apart from the pools that hold them: the pool of a replaced
 * generation and the one of its successor draw on the same count, and so can workers on a shared one.
 */
export interface ConnectionBudget {
  readonly limit: number;
  /** More are taken than allowed: the limit was lowered. */
  readonly overdrawn: boolean;
  setLimit(limit: number): void;
  /** Counts one more, if there is one. Before it says no, the other holders are asked for an idle one. */
  tryTake(holder?: BudgetHolder): boolean;
  /** One that was taken is closed. */
  give(): void;
  /** Registers a pool; call the result to leave. */
  join(holder: BudgetHolder): () => void;
}

/** A pool, as its budget sees it. */
export interface BudgetHolder {
  /** Others need a place: close an idle connection and give its place back. False if there is none. */
  yieldIdle(): boolean;
  /** There may be a place for whoever waits in this pool. */
  onRoom(): void;
}

/** The count of one thread. */
export class LocalBudget implements ConnectionBudget {
  limit: number;
  #taken = 0;
  readonly #holders = new Set<BudgetHolder>();
  #yielding = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get overdrawn(): boolean {
    return this.#taken > this.limit;
  }

  setLimit(limit: number): void {
    if (limit === this.limit) return;
    this.limit = limit;
    for (const holder of this.#holders) holder.onRoom();
  }

  tryTake(holder?: BudgetHolder): boolean {
    if (this.#taken >= this.limit && !this.#reclaim(holder)) return false;
    this.#taken += 1;
    return true;
  }

  give(): void {
    this.#taken -= 1;
    if (this.#holders.size < 2 || this.#yielding) return;
    for (const holder of this.#holders) if (this.#taken < this.limit) holder.onRoom();
  }

  join(holder: BudgetHolder): () => void {
    this.#holders.add(holder);
    return () => this.#holders.delete(holder);
  }

  /** Idle connections of a pool that is on its way out must not keep its successor from working. */
  #reclaim(by: BudgetHolder | undefined): boolean {
    if (this.#holders.size < 2 || this.#yielding || this.limit < 1) return false;
    this.#yielding = true;
    try {
      for (const holder of this.#holders) {
        if (holder === by) continue;
        while (this.#taken >= this.limit && holder.yieldIdle());
        if (this.#taken < this.limit) return true;
      }
      return false;
    } finally {
      this.#yielding = false;
    }
  }
}
