/** Where solved challenges are remembered, so that each counts once. Another one may share it between processes. */
export interface SpentTickets {
  /** True the first time for each id, false after that or if it cannot be told. */
  spend(id: string, expiresAt: number, now: number): boolean | Promise<boolean>;
}

const MOST = 100_000;

/**
 * In memory, and bounded: what has expired goes first. If all are alive the oldest one goes, and whatever ends no later
 * than that one counts as spent from then on: an overload costs some clients a second try, never a replay.
 */
export class SpentTicketTable implements SpentTickets {
  readonly #ids = new Map<string, number>();
  readonly #most: number;
  #horizon = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  spend(id: string, expiresAt: number, now: number): boolean {
    if (expiresAt <= now || expiresAt <= this.#horizon || this.#ids.has(id)) return false;
    for (const [oldest, ends] of this.#ids) {
      if (ends > now) {
        if (this.#ids.size < this.#most) break;
        this.#horizon = Math.max(this.#horizon, ends);
      }
      this.#ids.delete(oldest);
    }
    if (expiresAt <= this.#horizon) return false;
    this.#ids.set(id, expiresAt);
    return true;
  }

  get size(): number {
    return this.#ids.size;
  }
}
