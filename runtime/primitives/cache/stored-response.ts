import type { Coding } from "../../http/content-codings.ts";
import type { ContentSource } from "../../http/content.ts";
import { fieldValue, type RawFields, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import { SLICE_BYTES, sourceFromBytes } from "../../http/readable-source.ts";
import { prefersLanguage, selectingValue, varyNames as namesOfVary } from "../../http/vary.ts";
import type { Storability } from "./freshness.ts";
import { LentBody } from "./lent-body.ts";

/** Names of fields and what the request that was answered had in them. */
export type Selection = readonly (readonly [lower: string, value: string])[];

export interface StoredFacts {
  readonly key: string;
  /** Scheme, host, path and query as clients ask for it: what purges name. */
  readonly url: string;
  /** What tells its route from others. */
  readonly route: string;
  readonly status: number;
  /** As every client gets them, `Age` and the like aside. */
  readonly fields: RawFields;
  readonly body: Uint8Array;
  readonly selection: Selection;
  readonly tags: readonly string[];
  readonly receivedAt: number;
  readonly verdict: Storability;
  /** How long a hook wants it to be fresh, whatever it says itself: holds for the 304s that renew it too. */
  readonly ttlMs?: number | undefined;
  /** The one that a 304 has renewed: same bytes, so its coded variants are taken over. */
  readonly renews?: StoredResponse;
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
  readonly fields: RawFields;
  readonly verdict: Storability;
  readonly ttlMs: number | undefined;
  /** Its age counts from here. */
  bornAt: number;
  freshUntil: number;
  /** A fetch in the background has it. */
  refreshing = false;
  readonly #coded = new Map<Coding, Uint8Array | undefined>();
  #codedBytes = 0;
  readonly #overhead: number;
  /** Told when coded variants have made it larger. */
  grown: ((stored: StoredResponse) => void) | undefined;
  /** Clients that are being sent its content, piece by piece. */
  #reads = 0;
  /** Told when the last of them has it. */
  read: (() => void) | undefined;

  constructor(facts: StoredFacts) {
    this.key = facts.key;
    this.url = facts.url;
    this.route = facts.route;
    this.status = facts.status;
    this.body = inOwnMemory(facts.body);
    this.selection = facts.selection;
    this.tags = facts.tags;
    this.fields = facts.fields;
    this.verdict = facts.verdict;
    this.ttlMs = facts.ttlMs;
    this.bornAt = facts.receivedAt - facts.verdict.ageMs;
    this.freshUntil = this.bornAt + facts.verdict.lifetimeMs;
    this.#overhead = OVERHEAD_BYTES + textBytes(facts);
    if (facts.renews !== undefined) this.#takeOver(facts.renews);
  }

  /** Bytes that it takes: content, coded variants, and what it is found by, which a client may have made long. */
  get size(): number {
    return this.body.length + this.#codedBytes + this.#overhead;
  }

  ageSeconds(now: number): number {
    return Math.max(0, Math.floor((now - this.bornAt) / 1000));
  }

  get isBeingRead(): boolean {
    return this.#reads > 0;
  }

  /** Bytes of it for a client. What goes out in one piece is soon gone; what takes longer is held, and the store counts that. */
  lend(bytes: Uint8Array): ContentSource {
    const content = sourceFromBytes(bytes);
    return bytes.length <= SLICE_BYTES ? content : new LentBody(this, content);
  }

  beginRead(): void {
    this.#reads += 1;
  }

  endRead(): void {
    this.#reads -= 1;
    if (this.#reads === 0) this.read?.();
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

  put(coding: Coding, coded: Uint8Array | undefined): void {
    if (coded === undefined) return;
    const bytes = inOwnMemory(coded);
    this.#codedBytes += bytes.length - (this.#coded.get(coding)?.length ?? 0);
    this.#coded.set(coding, bytes);
    this.grown?.(this);
  }

  /** Variants that are still being made stay with the old one. */
  #takeOver(renewed: StoredResponse): void {
    for (const [coding, bytes] of renewed.#coded) {
      if (bytes !== undefined) this.put(coding, bytes);
    }
  }
}

/** A place in a pool, or the front of an output block, would hold on to all of it. */
function inOwnMemory(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** The object itself, its maps and its places in the indexes: an estimate on the safe side. */
const OVERHEAD_BYTES = 1024;

function textBytes({ key, url, fields, tags, selection }: StoredFacts): number {
  let characters = key.length + url.length;
  for (const text of fields) characters += text.length;
  for (const tag of tags) characters += tag.length;
  for (const [name, value] of selection) characters += name.length + value.length;
  return characters * 2;
}

/** What selects the response among others of its key (RFC 9111 §4.1). */
export function selectionOf(names: readonly string[], request: ReadonlyRawFields): Selection {
  return names.map((name) => [name, selectingValue(request, name)] as const);
}

/** Names in lower case that a response and its route vary by. */
export function varyNames(fields: ReadonlyRawFields, own: readonly string[]): readonly string[] {
  return [...new Set([...own, ...namesOfVary(fields)])].sort();
}

/** What a request has in the fields that select, each looked at once however many responses there are to choose from. */
export class Selecting {
  readonly #request: ReadonlyRawFields;
  readonly #values = new Map<string, string>();

  constructor(request: ReadonlyRawFields) {
    this.#request = request;
  }

  value(name: string): string {
    let value = this.#values.get(name);
    if (value === undefined) this.#values.set(name, (value = selectingValue(this.#request, name)));
    return value;
  }

  selects(stored: StoredResponse): boolean {
    return stored.selection.every(([name, value]) => this.value(name) === value);
  }

  /** The same, where the only difference is in languages and the client likes best the one that the response is in. */
  selectsByLanguage(stored: StoredResponse): boolean {
    let byLanguage = false;
    for (const [name, value] of stored.selection) {
      if (this.value(name) === value) continue;
      if (name !== "accept-language") return false;
      byLanguage = true;
    }
    const language = fieldValue(stored.fields, "content-language");
    return byLanguage && prefersLanguage(this.#request, language);
  }
}

export function isSelected(selection: Selection, request: ReadonlyRawFields): boolean {
  for (const [name, value] of selection) if (selectingValue(request, name) !== value) return false;
  return true;
}
