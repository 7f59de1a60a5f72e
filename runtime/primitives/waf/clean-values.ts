/** What a table of values may cost in memory before its older half goes. */
const MAX_CHARACTERS = 1 << 19;
/** What an entry costs besides its characters. */
const ENTRY_COST = 96;
/** Longer values hardly repeat. */
const MAX_LENGTH = 2048;
const SEEN_SLOTS = 1 << 13;
/** Of a longer value this many characters tell it from others, half of them its last. */
const TELLING = 48;

/** The value is not known, and was not seen lately either. */
export const NEW = -2;
/** The value is not known, but may have been seen: it is worth being noted. */
export const UNKNOWN = -1;

/**
 * Values in which nothing was found, so that what every request repeats (User-Agent, Accept, a session's cookies, names of
 * parameters) is looked at once. Rules are pure functions of a value and its place, so there is a table for each place, and
 * what was clean stays so as long as the rules do. Only what comes a second time is noted. All tables together are bounded:
 * when the newer half is full it becomes the older one, which is dropped then; whoever floods them with values of his own
 * only makes others be looked at again.
 */
export class CleanValues {
  readonly #tables: CleanTable[] = [];
  readonly #seen = new Int32Array(SEEN_SLOTS);
  #characters = 0;

  table(): CleanTable {
    const table = new CleanTable(this, Math.imul(this.#tables.length + 1, 0x9e3779b1));
    this.#tables.push(table);
    return table;
  }

  /** Whether something with this hash was asked for lately. */
  wasSeen(hash: number): boolean {
    const slot = (hash ^ (hash >>> 13)) & (SEEN_SLOTS - 1);
    if (this.#seen[slot] === hash) return true;
    this.#seen[slot] = hash;
    return false;
  }

  /** Makes room before an entry of this length is written. */
  charge(length: number): void {
    this.#characters += length + ENTRY_COST;
    if (this.#characters <= MAX_CHARACTERS) return;
    this.#characters = length + ENTRY_COST;
    for (const table of this.#tables) table.age();
  }
}

interface Entry {
  readonly value: string;
  readonly note: number;
}

export class CleanTable {
  readonly #all: CleanValues;
  readonly #salt: number;
  #newer = new Map<string, Entry>();
  #older = new Map<string, Entry>();
  /** What was found last: most fields say the same in every request. */
  #last: Entry = { value: "", note: NEW };

  constructor(all: CleanValues, salt: number) {
    this.#all = all;
    this.#salt = salt;
  }

  /** The number noted with a clean value, {@link UNKNOWN} or {@link NEW}. */
  get(value: string): number {
    if (value === this.#last.value) return this.#last.note;
    // A hash of our own is a hint only: it spares new values a look into two large maps.
    if (!this.#all.wasSeen(hashOf(value, this.#salt))) return NEW;
    let entry = this.#newer.get(value);
    if (entry === undefined) {
      entry = this.#older.size === 0 ? undefined : this.#older.get(value);
      if (entry === undefined) return UNKNOWN;
      this.#keep(entry);
    }
    this.#last = entry;
    return entry.note;
  }

  add(value: string, note: number): void {
    if (value.length <= MAX_LENGTH) this.#keep({ value: detached(value), note });
  }

  age(): void {
    this.#older = this.#newer;
    this.#newer = new Map();
  }

  #keep(entry: Entry): void {
    this.#all.charge(entry.value.length);
    this.#newer.set(entry.value, entry);
  }
}

function hashOf(value: string, salt: number): number {
  const { length } = value;
  let hash = salt ^ length;
  let at = 0;
  if (length > TELLING) {
    const step = Math.floor((2 * length) / TELLING);
    for (; at < length; at += step) hash = ((hash << 5) - hash + value.charCodeAt(at)) | 0;
    at = length - TELLING / 2;
  }
  for (; at < length; at++) hash = ((hash << 5) - hash + value.charCodeAt(at)) | 0;
  return hash;
}

/** The same text without the one that it was cut from: a slice would keep a whole content alive. */
export function detached(text: string): string {
  return ` ${text}`.slice(1);
}
