/**
 * The addresses of targets that are written as names, looked up by the system (its hosts file included) on an interval
 * instead of once for each connection, and anew when a connection fails. A lookup that fails leaves the last good
 * addresses in use: a name server that is down takes nothing else down.
 */
import { lookup as systemLookup, type LookupAddress, type LookupAllOptions } from "node:dns";
import type { LookupFunction } from "node:net";

import { systemClock, type Clock } from "../../clock.ts";

export interface NameCacheOptions {
  readonly clock?: Clock;
  /** Default 30 s. */
  readonly intervalMs?: number;
  /** Default: the system's. */
  readonly lookup?: (
    name: string,
    options: LookupAllOptions,
    callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ) => void;
  readonly onFailure?: (name: string, error: Error) => void;
  readonly onRecovery?: (name: string) => void;
}

type Callback = (error: Error | null, addresses: readonly LookupAddress[]) => void;

interface Entry {
  addresses: readonly LookupAddress[];
  /** When they were looked up; monotonic. */
  at: number;
  /** A connection to them failed: whoever asks next waits for a new answer. */
  suspect: boolean;
  failing: boolean;
  /** Those who wait for the lookup that is under way. */
  waiting: Callback[] | null;
}

const INTERVAL_MS = 30_000;
const MAX_NAMES = 1000;
/** Old addresses may be somebody else's by now. */
const MAX_LAST_GOOD_MS = 3_600_000;
/** Addresses younger than that are not looked up again because a connection failed. */
const FRESH_MS = 1000;

export class NameCache {
  readonly #options: NameCacheOptions;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(name: string) => void>();

  constructor(options: NameCacheOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#intervalMs = options.intervalMs ?? INTERVAL_MS;
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.resolve(name, (error, found) => {
      const family = familyOf(options.family);
      const addresses = found.filter((one) => family === 0 || one.family === family);
      const [first] = addresses;
      if (error !== null || first === undefined) {
        callback(error ?? notFound(name), "", 0);
      } else if (options.all === true) {
        callback(null, addresses as LookupAddress[]);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };

  /** Never calls back within itself. */
  resolve(name: string, callback: Callback): void {
    const entry = this.#entries.get(name);
    const age = entry === undefined ? 0 : this.#clock.monotonic() - entry.at;
    if (entry === undefined || entry.suspect || age > 2 * this.#intervalMs) {
      this.#ask(name, callback);
      return;
    }
    // Between one interval and two the known addresses are used while the new ones are on their way.
    if (age > this.#intervalMs) this.#ask(name);
    process.nextTick(callback, null, entry.addresses);
  }

  /** A connection to what this name was last resolved to has failed. True if another lookup may tell more. */
  failed(name: string): boolean {
    const entry = this.#entries.get(name);
    if (entry === undefined || this.#clock.monotonic() - entry.at < FRESH_MS) return false;
    entry.suspect = true;
    return true;
  }

  /** Told when a name has come to stand for none of the addresses that it stood for. Returns how to leave. */
  onMoved(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #ask(name: string, callback?: Callback): void {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = {
        addresses: [],
        at: Number.NEGATIVE_INFINITY,
        suspect: true,
        failing: false,
        waiting: null,
      };
      this.#makeRoom();
      this.#entries.set(name, entry);
    }
    if (entry.waiting !== null) {
      if (callback !== undefined) entry.waiting.push(callback);
      return;
    }
    const asked = entry;
    asked.waiting = callback === undefined ? [] : [callback];
    const lookup = this.#options.lookup ?? systemLookup;
    lookup(name, { all: true, order: "verbatim" }, (error, addresses) =>
      this.#answered(name, asked, error, addresses),
    );
  }

  #answered(
    name: string,
    entry: Entry,
    error: NodeJS.ErrnoException | null,
    addresses: readonly LookupAddress[] | undefined,
  ): void {
    const now = this.#clock.monotonic();
    const waiting = entry.waiting ?? [];
    entry.waiting = null;
    let failure = error;
    if (failure === null && (addresses === undefined || addresses.length === 0)) {
      failure = notFound(name);
    }
    if (failure === null) {
      const before = entry.addresses;
      entry.addresses = addresses as readonly LookupAddress[];
      entry.at = now;
      entry.suspect = false;
      if (entry.failing) this.#options.onRecovery?.(name);
      entry.failing = false;
      if (isDisjoint(before, entry.addresses)) for (const told of this.#listeners) told(name);
    } else {
      if (!entry.failing && entry.addresses.length > 0) this.#options.onFailure?.(name, failure);
      entry.failing = entry.addresses.length > 0;
      const isUsable = entry.addresses.length > 0 && now - entry.at < MAX_LAST_GOOD_MS;
      if (isUsable) failure = null;
      else this.#entries.delete(name);
    }
    for (const callback of waiting) callback(failure, entry.addresses);
  }

  #makeRoom(): void {
    if (this.#entries.size < MAX_NAMES) return;
    for (const [name, entry] of this.#entries) {
      if (entry.waiting !== null) continue;
      this.#entries.delete(name);
      return;
    }
  }
}

/** Both are known, and nothing is left. Answers that rotate through many addresses overlap sooner or later. */
function isDisjoint(before: readonly LookupAddress[], after: readonly LookupAddress[]): boolean {
  if (before.length === 0) return false;
  const known = new Set(before.map(({ address }) => address));
  return !after.some(({ address }) => known.has(address));
}

function familyOf(family: number | string | undefined): number {
  if (family === "IPv4") return 4;
  if (family === "IPv6") return 6;
  return typeof family === "number" ? family : 0;
}

function notFound(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${name} has no address`), { code: "ENOTFOUND" });
}
