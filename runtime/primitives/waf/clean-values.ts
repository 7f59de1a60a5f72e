/** What a table of values may cost in memory before its older half goes. */
const MAX_CHARACTERS = 1 << 20;
/** What an entry costs besides its characters. */
const ENTRY_COST = 64;
/** Longer values hardly repeat. */
const MAX_LENGTH = 2048;

/**
 * Values in which nothing was found, so that what every request repeats (User-Agent, Accept, a session's cookies, names of
 * parameters) is looked at once. Rules are pure functions of a value and its place, so there is a table for each place, and
 * what was clean stays so as long as the rules do. All tables together are bounded: when the newer half is full it becomes
 * the older one, which is dropped then; whoever floods them with values of his own only makes others be looked at again.
 */
export class CleanValues {
  readonly #tables: CleanTable[] = [];
  #characters = 0;

  table(): CleanTable {
    const table = new CleanTable(this);
    this.#tables.push(table);
    return table;
  }

  /** Makes room before an entry of this length is written. */
  charge(length: number): void {
    this.#characters += length + ENTRY_COST;
    if (this.#characters <= MAX_CHARACTERS) return;
    this.#characters = length + ENTRY_COST;
    for (const table of this.#tables) table.age();
  }
}

export class CleanTable {
  readonly #all: CleanValues;
  #newer = new Map<string, number>();
  #older = new Map<string, number>();

  constructor(all: CleanValues) {
    this.#all = all;
  }

  /** The number noted with a clean value, or -1. */
  get(value: string): number {
    const newer = this.#newer.get(value);
    if (newer !== undefined) return newer;
    if (this.#older.size === 0) return -1;
    const older = this.#older.get(value);
    if (older === undefined) return -1;
    this.add(value, older);
    return older;
  }

  add(value: string, note: number): void {
    if (value.length > MAX_LENGTH) return;
    this.#all.charge(value.length);
    this.#newer.set(detached(value), note);
  }

  age(): void {
    this.#older = this.#newer;
    this.#newer = new Map();
  }
}

/** The same text without the one that it was cut from: a slice would keep a whole content alive. */
export function detached(text: string): string {
  return ` ${text}`.slice(1);
}
