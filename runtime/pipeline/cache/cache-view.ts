import type { CacheView, Duration, PurgeSelection } from "@gatewright/sdk";

import { parseDuration } from "../../units.ts";
import { toPurge } from "../../primitives/cache/purge-selection.ts";
import { hookRangeError, hookTypeError } from "../facade/field-error.ts";
import type { Flow } from "../flow.ts";
import { purgeEverywhere, type CacheParts } from "./cache-parts.ts";

const MAX_TAGS = 64;
const MAX_TAG_LENGTH = 256;

/** `ctx.cache` of one request: what hooks have said so far. */
export class RequestCacheView implements CacheView {
  readonly #flow: Flow;
  readonly #cache: CacheParts;
  bypassed = false;
  ttlMs: number | undefined = undefined;
  readonly tags: string[] = [];

  constructor(flow: Flow, cache: CacheParts) {
    this.#flow = flow;
    this.#cache = cache;
  }

  /** For a fetch in the background: tags and lifetimes that hooks gave before the store was asked hold for it too. */
  copyFor(flow: Flow): RequestCacheView {
    const copy = new RequestCacheView(flow, this.#cache);
    copy.ttlMs = this.ttlMs;
    copy.tags.push(...this.tags);
    return copy;
  }

  get status(): CacheView["status"] {
    return this.#flow.cacheUse?.status;
  }

  bypass(): void {
    this.bypassed = true;
  }

  tag(...tags: readonly string[]): void {
    for (const tag of tags) {
      if (typeof tag !== "string" || tag === "" || tag.length > MAX_TAG_LENGTH) {
        throw hookTypeError(
          "PROXY_HOOK_DECISION",
          "ctx.cache.tag takes texts of 1 to 256 characters",
        );
      }
      if (this.tags.length >= MAX_TAGS) {
        throw hookRangeError("PROXY_HOOK_DECISION", "ctx.cache.tag takes at most 64 tags");
      }
      this.tags.push(tag);
    }
  }

  ttl(duration: Duration): void {
    const ms = parseDuration(duration);
    if (ms === undefined) {
      throw hookTypeError("PROXY_HOOK_DECISION", 'ctx.cache.ttl takes a duration such as "60s"');
    }
    this.ttlMs = ms;
  }

  purge(selection: PurgeSelection): number {
    return this.#purge(selection);
  }

  invalidate(selection: PurgeSelection): number {
    return this.#purge({ ...selection, soft: true });
  }

  #purge(given: unknown): number {
    const selection = toPurge(given);
    if (typeof selection === "string") {
      throw hookTypeError("PROXY_HOOK_DECISION", `ctx.cache.purge: ${selection}`);
    }
    return purgeEverywhere(this.#cache, selection, this.#flow.parts.clock.now());
  }
}
