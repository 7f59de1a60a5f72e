import type { Coding } from "../../http/content-codings.ts";
import { fieldValue, type RawFields, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import { prefersLanguage, selectingValue, varyNames as namesOfVary } from "../../http/vary.ts";
import type { Storability } from "./freshness.ts";

/** Names of fields and what the request that was answered had in them. */
export type Selection = readonly (readonly [lower: string, value: string])[];

export interface StoredFacts {
  readonly key: string;
  /** Scheme, host, path and query as clients ask for it: what purges name. */
  readonly url: string;
  readonly route: string;
  readonly status: number;
  /** As every client gets them, `Age` and the like aside. */
  readonly fields: RawFields;
  readonly body: Uint8Array;
  readonly selection: Selection;
  readonly tags: readonly string[];
  readonly receivedAt: number;
  readonly verdict: Storability;
}

/** One response in the store. */
export class StoredResponse {
  readonly key: string;
  readonly url: string;
  readonly route: string;
  readonly status: number;
  readonly body: Uint8Array;
  readonly selection: Selection;
  readonly tags: readonly string[];
  fields: RawFields;
  verdict: Storability;
  /** Its age counts from here. */
  bornAt: number;
  freshUntil: number;
  /** A fetch in the background has it. */
  refreshing = false;
  readonly #coded = new Map<Coding, Uint8Array | undefined>();
  #codedBytes = 0;
  /** Told when coded variants have made it larger. */
  grown: ((stored: StoredResponse) => void) | undefined;

  constructor(facts: StoredFacts) {
    this.key = facts.key;
    this.url = facts.url;
    this.route = facts.route;
    this.status = facts.status;
    this.body = facts.body;
    this.selection = facts.selection;
    this.tags = facts.tags;
    this.fields = facts.fields;
    this.verdict = facts.verdict;
    this.bornAt = facts.receivedAt - facts.verdict.ageMs;
    this.freshUntil = this.bornAt + facts.verdict.lifetimeMs;
  }

  /** After a 304 (RFC 9111 §4.3.4). */
  freshen(fields: RawFields, verdict: Storability, receivedAt: number): void {
    this.fields = fields;
    this.verdict = verdict;
    this.bornAt = receivedAt - verdict.ageMs;
    this.freshUntil = this.bornAt + verdict.lifetimeMs;
  }

  get size(): number {
    let fields = 0;
    for (const text of this.fields) fields += text.length;
    return this.body.length + fields + this.key.length * 2 + this.#codedBytes + 512;
  }

  ageSeconds(now: number): number {
    return Math.max(0, Math.floor((now - this.bornAt) / 1000));
  }

  // ---- coded variants of the body, made once (the pipeline's ContentVariants) ----

  get(coding: Coding): Uint8Array | undefined {
    return this.#coded.get(coding);
  }

  /** True for the first who asks: they make it. */
  claim(coding: Coding): boolean {
    if (this.#coded.has(coding)) return false;
    this.#coded.set(coding, undefined);
    return true;
  }

  put(coding: Coding, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return;
    this.#coded.set(coding, bytes);
    this.#codedBytes += bytes.length;
    this.grown?.(this);
  }
}

/** What selects the response among others of its key (RFC 9111 §4.1). */
export function selectionOf(names: readonly string[], request: ReadonlyRawFields): Selection {
  return names.map((name) => [name, selectingValue(request, name)] as const);
}

/** Names in lower case that a response and its route vary by. */
export function varyNames(fields: ReadonlyRawFields, own: readonly string[]): readonly string[] {
  return [...new Set([...own, ...namesOfVary(fields)])].sort();
}

export function isSelected(selection: Selection, request: ReadonlyRawFields): boolean {
  for (const [name, value] of selection) if (selectingValue(request, name) !== value) return false;
  return true;
}

/** The same, where the only difference is in languages and the client likes best the one that the response is in. */
export function isSelectedByLanguage(stored: StoredResponse, request: ReadonlyRawFields): boolean {
  let byLanguage = false;
  for (const [name, value] of stored.selection) {
    if (selectingValue(request, name) === value) continue;
    if (name !== "accept-language") return false;
    byLanguage = true;
  }
  return byLanguage && prefersLanguage(request, fieldValue(stored.fields, "content-language"));
}
