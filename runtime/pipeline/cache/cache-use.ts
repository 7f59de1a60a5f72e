import type { CacheStatus } from "../../http/cache-status.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import type { RefusedStorage } from "../../primitives/cache/freshness.ts";
import type { CacheOutcome } from "../../primitives/cache/route-figures.ts";
import type { Selection, StoredResponse } from "../../primitives/cache/stored-response.ts";
import type { UpstreamChoice } from "../parts.ts";
import type { CacheParts, CachePlan } from "./cache-parts.ts";
import type { Fill, FillReader } from "./fill.ts";
import type { Flight, Follower } from "./flight.ts";

/** Why a response is not stored, in a word: for `Cache-Status`, the access log and `explain`. */
export type NotStored =
  | RefusedStorage
  | "bypass"
  | "event-stream"
  | "method"
  | "read-by-hook"
  | "too-large";

/** What the cache has to do with one request. */
export class CacheUse {
  readonly cache: CacheParts;
  readonly plan: CachePlan;
  readonly key: string;
  /** Of the fetch that it may share: the key, and the variant where a fetch for another one has told what varies. */
  flightKey: string;
  readonly url: string;
  /** The request's fields as they stood when the store was asked. */
  readonly request: RawFields;
  status: CacheOutcome = "miss";
  /** Why the store could not answer, as in RFC 9211 §2.2. */
  forwarded: NonNullable<CacheStatus["forwarded"]>;
  /** Stale: being validated. */
  stored: StoredResponse | undefined = undefined;
  /** The fetch that it makes for others too. */
  flight: Flight | undefined = undefined;
  /** The place where it waits for another's fetch, and until when, on the monotonic clock. */
  waiting: Follower | undefined = undefined;
  waitsUntil = -1;
  /** A head has come for the fetch: whoever waits for it still does not wait for another one. */
  answered = false;
  fill: Fill | undefined = undefined;
  /** Its own place in its own fill, or in another's. */
  reader: FillReader | undefined = undefined;
  selection: Selection | undefined = undefined;
  /** The upstream's message had an end of its own. */
  whole = true;
  requestedAt = 0;
  /** Of the store when the fetch began: what is purged since must not come back by it. */
  epoch = 0;
  choice: UpstreamChoice | undefined = undefined;
  /** Nothing of it is stored. */
  noStore = false;
  /** Why the response is not stored. */
  notStored: NotStored | undefined = undefined;

  constructor(
    cache: CacheParts,
    plan: CachePlan,
    key: string,
    url: string,
    request: RawFields,
    forwarded: NonNullable<CacheStatus["forwarded"]>,
  ) {
    this.cache = cache;
    this.plan = plan;
    this.key = key;
    this.flightKey = key;
    this.url = url;
    this.request = request;
    this.forwarded = forwarded;
  }

  /** The content goes to others too: it is not this client's to end. */
  get isFilling(): boolean {
    return this.fill !== undefined && this.fill.end === undefined;
  }
}
