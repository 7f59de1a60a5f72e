import { LRUCache } from "lru-cache";

import type { ReadonlyRawFields } from "../../http/raw-fields.ts";
import { isSelected, isSelectedByLanguage, type StoredResponse } from "./stored-response.ts";

export type Purge =
  | { readonly url: string; readonly soft?: boolean }
  | { readonly prefix: string; readonly soft?: boolean }
  | { readonly tag: string; readonly soft?: boolean }
  | { readonly all: true; readonly soft?: boolean };

export interface RouteCounts {
  hits: number;
  misses: number;
}

/** What an entry takes; a new object tells the table to count anew. */
interface Charge {
  readonly bytes: number;
}

/** Responses of one key: those that Vary told apart. */
const MAX_VARIANTS = 64;

/** What is stored, bounded in bytes; what was not used for longest goes first. */
export class ResponseStore {
  #lru: LRUCache<StoredResponse, Charge>;
  readonly #byKey = new Map<string, StoredResponse[]>();
  readonly #byUrl = new Map<string, Set<StoredResponse>>();
  readonly #byTag = new Map<string, Set<StoredResponse>>();
  readonly counts = new Map<string, RouteCounts>();
  #maxEntryBytes: number;
  #maxBytes: number;
  /** Goes up with each purge: what was fetched before is not stored after it. */
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
    const found =
      variants.findLast((one) => isSelected(one.selection, request)) ??
      variants.findLast((one) => isSelectedByLanguage(one, request));
    if (found !== undefined) this.#lru.get(found);
    return found;
  }

  add(stored: StoredResponse): void {
    for (const other of this.#byKey.get(stored.key)?.slice() ?? [])
      if (sameSelection(other, stored)) this.#lru.delete(other);
    const variants = this.#byKey.get(stored.key);
    if (variants !== undefined && variants.length >= MAX_VARIANTS)
      this.#lru.delete(variants[0] as StoredResponse);
    if (stored.size > this.#maxBytes) return;
    stored.grown = (one) => {
      if (this.#lru.has(one)) this.#lru.set(one, { bytes: one.size });
    };
    this.#lru.set(stored, { bytes: stored.size });
    const list = this.#byKey.get(stored.key);
    if (list === undefined) this.#byKey.set(stored.key, [stored]);
    else list.push(stored);
    addTo(this.#byUrl, stored.url, stored);
    for (const tag of stored.tags) addTo(this.#byTag, tag, stored);
  }

  remove(stored: StoredResponse): void {
    this.#lru.delete(stored);
  }

  /** Returns how many responses it reached. */
  purge(selection: Purge): number {
    this.epoch += 1;
    const reached = this.#reached(selection);
    for (const stored of reached) {
      if (selection.soft === true) stored.freshUntil = Math.min(stored.freshUntil, stored.bornAt);
      else this.#lru.delete(stored);
    }
    return reached.length;
  }

  count(route: string, hit: boolean): void {
    let counts = this.counts.get(route);
    if (counts === undefined) this.counts.set(route, (counts = { hits: 0, misses: 0 }));
    if (hit) counts.hits += 1;
    else counts.misses += 1;
  }

  clear(): void {
    this.#lru.clear();
  }

  #reached(selection: Purge): StoredResponse[] {
    if ("tag" in selection) return [...(this.#byTag.get(selection.tag) ?? [])];
    if ("url" in selection) return [...(this.#byUrl.get(selection.url) ?? [])];
    if ("prefix" in selection)
      return [...this.#byUrl].flatMap(([url, all]) =>
        url.startsWith(selection.prefix) ? [...all] : [],
      );
    return [...this.#lru.keys()];
  }

  #create(): LRUCache<StoredResponse, Charge> {
    return new LRUCache<StoredResponse, Charge>({
      maxSize: this.#maxBytes,
      sizeCalculation: (charge) => charge.bytes,
      dispose: (_charge, stored, reason) => {
        if (reason !== "set") this.#forget(stored);
      },
    });
  }

  #forget(stored: StoredResponse): void {
    stored.grown = undefined;
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

function sameSelection(one: StoredResponse, other: StoredResponse): boolean {
  return JSON.stringify(one.selection) === JSON.stringify(other.selection);
}

function addTo(
  index: Map<string, Set<StoredResponse>>,
  name: string,
  stored: StoredResponse,
): void {
  const known = index.get(name);
  if (known === undefined) index.set(name, new Set([stored]));
  else known.add(stored);
}

function removeFrom(
  index: Map<string, Set<StoredResponse>>,
  name: string,
  stored: StoredResponse,
): void {
  const known = index.get(name);
  known?.delete(stored);
  if (known?.size === 0) index.delete(name);
}
