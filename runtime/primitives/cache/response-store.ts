import type { PurgeSelection } from "@gatewright/sdk";
import { LRUCache } from "lru-cache";

import type { ReadonlyRawFields } from "../../http/raw-fields.ts";
import { PrefixIndex } from "./prefix-index.ts";
import { RouteFigures, type CacheFigures } from "./route-figures.ts";
import { Selecting, type StoredResponse } from "./stored-response.ts";

/** What purges name. Tags that are not known yet may be any. */
export interface Purgeable {
  readonly url: string;
  readonly tags: readonly string[] | undefined;
}

/** What an entry takes; a new object tells the table to count anew. */
interface Charge {
  readonly bytes: number;
}

/** Responses of one key: those that Vary told apart. */
const MAX_VARIANTS = 64;

/** Of those before, a fetch that lasts as long assumes the worst. */
const MAX_PURGES = 1024;

/** What is stored, bounded in bytes; what was not used for longest goes first. */
export class ResponseStore {
  #lru: LRUCache<StoredResponse, Charge>;
  readonly #byKey = new Map<string, StoredResponse[]>();
  readonly #byUrl = new PrefixIndex<Set<StoredResponse>>();
  readonly #byTag = new Map<string, Set<StoredResponse>>();
  readonly routes = new RouteFigures();
  #maxEntryBytes: number;
  #maxBytes: number;
  /** Of the same budget: contents on their way in, and what was removed while somebody still reads it. */
  #reserved = 0;
  /** The latest purges, oldest first, for what was under way when they came. */
  readonly #purges: PurgeSelection[] = [];
  /** Goes up with each purge. */
  epoch = 0;

  constructor(maxBytes: number, maxEntryBytes: number) {
    this.#maxBytes = maxBytes;
    this.#maxEntryBytes = maxEntryBytes;
    this.#lru = this.#create();
  }

  get maxEntryBytes(): number {
    return this.#maxEntryBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get bytes(): number {
    return this.#lru.calculatedSize;
  }

  get size(): number {
    return this.#lru.size;
  }

  /** Bytes that are not of entries. */
  get reservedBytes(): number {
    return this.#reserved;
  }

  /** Room for a content on its way in: what was not used for longest makes it. False where all of it is reserved. */
  reserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.#maxBytes) return false;
    this.#reserved += bytes;
    this.#fit();
    return true;
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }

  /** New limits for what is there: what no longer fits goes, oldest first. */
  adjust(maxBytes: number, maxEntryBytes: number): void {
    this.#maxEntryBytes = maxEntryBytes;
    if (maxBytes === this.#maxBytes) return;
    this.#maxBytes = maxBytes;
    const kept = [...this.#lru.keys()].reverse();
    this.clear();
    this.#lru = this.#create();
    for (const stored of kept) this.add(stored);
  }

  /** The newest that fits the request. */
  find(key: string, request: ReadonlyRawFields): StoredResponse | undefined {
    const variants = this.#byKey.get(key);
    if (variants === undefined) return undefined;
    const [only] = variants;
    const found =
      variants.length === 1 && only?.selection.length === 0 ? only : newestOf(variants, request);
    if (found !== undefined) this.#lru.get(found);
    return found;
  }

  /** Something is stored under this key, for whatever request. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  add(stored: StoredResponse): void {
    for (const other of this.#byKey.get(stored.key)?.slice() ?? [])
      if (sameSelection(other, stored)) this.#lru.delete(other);
    const variants = this.#byKey.get(stored.key);
    if (variants !== undefined && variants.length >= MAX_VARIANTS)
      this.#lru.delete(variants[0] as StoredResponse);
    if (stored.size + this.#reserved > this.#maxBytes) return;
    stored.grown = (one) => {
      if (!this.#lru.has(one)) return;
      // The table would drop it without a word.
      if (one.size > this.#maxBytes) this.#lru.delete(one);
      else this.#charge(one, 0);
      this.#fit();
    };
    this.#charge(stored, 1);
    const list = this.#byKey.get(stored.key);
    if (list === undefined) this.#byKey.set(stored.key, [stored]);
    else list.push(stored);
    addTo(this.#byUrl, stored.url, stored);
    for (const tag of stored.tags) addTo(this.#byTag, tag, stored);
    this.#fit();
  }

  remove(stored: StoredResponse): void {
    this.#lru.delete(stored);
  }

  /** Returns how many responses it reached. Soft: they are stale from `now` on, and how long they may be that counts from there. */
  purge(selection: PurgeSelection, now: number): number {
    this.epoch += 1;
    this.#purges.push(selection);
    if (this.#purges.length > MAX_PURGES) this.#purges.shift();
    const reached = this.#reached(selection);
    for (const stored of reached) {
      if (selection.soft === true) stored.freshUntil = Math.min(stored.freshUntil, now);
      else this.#lru.delete(stored);
    }
    return reached.length;
  }

  /**
   * Whether a purge since `epoch` would have reached this response: it may be made of what was purged while it was on
   * its way. Only those that name it count, else a site with many POSTs would store nothing.
   */
  purgedSince(epoch: number, stored: Purgeable): boolean {
    const count = this.epoch - epoch;
    if (count === 0) return false;
    if (count > this.#purges.length) return true;
    for (const purge of this.#purges.slice(this.#purges.length - count)) {
      if (reaches(purge, stored)) return true;
    }
    return false;
  }

  get figures(): { readonly entries: number; readonly urls: number; readonly tags: number } {
    return { entries: this.#lru.size, urls: this.#byUrl.size, tags: this.#byTag.size };
  }

  /** For operators. */
  get status(): CacheFigures {
    return {
      bytes: this.bytes,
      reservedBytes: this.reservedBytes,
      maxBytes: this.maxBytes,
      entries: this.size,
      hitRatio: this.routes.hitRatio,
      routes: this.routes.all,
    };
  }

  clear(): void {
    this.#lru.clear();
  }

  #reached(selection: PurgeSelection): StoredResponse[] {
    if ("tag" in selection) return [...this.#tagged(selection.tag)];
    if ("url" in selection) return [...(this.#byUrl.get(selection.url) ?? [])];
    if ("prefix" in selection)
      return this.#byUrl.startingWith(selection.prefix).flatMap((all) => [...all]);
    return [...this.#lru.keys()];
  }

  /** Each once, however many of the tags it has. */
  #tagged(tags: string | readonly string[]): Iterable<StoredResponse> {
    if (typeof tags === "string") return this.#byTag.get(tags) ?? [];
    const found = new Set<StoredResponse>();
    for (const tag of tags) for (const stored of this.#byTag.get(tag) ?? []) found.add(stored);
    return found;
  }

  /** The table knows the limit, and not what of it is reserved. */
  #fit(): void {
    while (this.#lru.calculatedSize + this.#reserved > this.#maxBytes && this.#lru.size > 0) {
      this.#lru.pop();
    }
  }

  #create(): LRUCache<StoredResponse, Charge> {
    return new LRUCache<StoredResponse, Charge>({
      maxSize: this.#maxBytes,
      sizeCalculation: (charge) => charge.bytes,
      dispose: (charge, stored, reason) => {
        this.routes.changed(stored.route, reason === "set" ? 0 : -1, -charge.bytes);
        if (reason !== "set") this.#forget(stored);
      },
    });
  }

  #charge(stored: StoredResponse, entries: number): void {
    const { size } = stored;
    this.routes.changed(stored.route, entries, size);
    this.#lru.set(stored, { bytes: size });
  }

  /** Whoever reads it holds it: it takes memory until the slowest of them is done. */
  #keepAccount(stored: StoredResponse): void {
    if (!stored.isBeingRead) return;
    const { size } = stored;
    this.#reserved += size;
    stored.read = () => {
      stored.read = undefined;
      this.#reserved -= size;
    };
  }

  #forget(stored: StoredResponse): void {
    stored.grown = undefined;
    this.#keepAccount(stored);
    const variants = this.#byKey.get(stored.key);
    const at = variants?.indexOf(stored) ?? -1;
    if (variants !== undefined && at !== -1) {
      variants.splice(at, 1);
      if (variants.length === 0) this.#byKey.delete(stored.key);
    }
    removeFrom(this.#byUrl, stored.url, stored);
    for (const tag of stored.tags) removeFrom(this.#byTag, tag, stored);
  }
}

function newestOf(
  variants: readonly StoredResponse[],
  request: ReadonlyRawFields,
): StoredResponse | undefined {
  const selecting = new Selecting(request);
  return (
    variants.findLast((one) => selecting.selects(one)) ??
    variants.findLast((one) => selecting.selectsByLanguage(one))
  );
}

function reaches(purge: PurgeSelection, stored: Purgeable): boolean {
  if ("tag" in purge) {
    const { tag } = purge;
    const { tags } = stored;
    if (tags === undefined) return true;
    return typeof tag === "string" ? tags.includes(tag) : tag.some((one) => tags.includes(one));
  }
  if ("url" in purge) return stored.url === purge.url;
  if ("prefix" in purge) return stored.url.startsWith(purge.prefix);
  return true;
}

function sameSelection(one: StoredResponse, other: StoredResponse): boolean {
  return JSON.stringify(one.selection) === JSON.stringify(other.selection);
}

/** What both indexes have of a map. */
interface Index {
  get(name: string): Set<StoredResponse> | undefined;
  set(name: string, value: Set<StoredResponse>): unknown;
  delete(name: string): unknown;
}

function addTo(index: Index, name: string, stored: StoredResponse): void {
  const known = index.get(name);
  if (known === undefined) index.set(name, new Set([stored]));
  else known.add(stored);
}

function removeFrom(index: Index, name: string, stored: StoredResponse): void {
  const known = index.get(name);
  known?.delete(stored);
  if (known?.size === 0) index.delete(name);
}
