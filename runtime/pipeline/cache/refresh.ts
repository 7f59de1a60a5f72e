import type { Duplex } from "node:stream";

import type { Exchange, ExchangeReceiver } from "../../downstream/exchange.ts";
import type { StoredResponse } from "../../primitives/cache/stored-response.ts";
import type { Flow } from "../flow.ts";
import type { UpstreamChoice } from "../parts.ts";
import { CacheUse } from "./cache-use.ts";
import { lead } from "./flight.ts";

/** Fetches without a client at the same time: beyond it, stale stays stale a little longer. */
const MAX_REFRESHING = 64;

/** Asks the upstream again while the client already has its answer (RFC 5861 §3). */
export function refresh(
  flow: Flow,
  use: CacheUse,
  stored: StoredResponse,
  choice: UpstreamChoice,
): void {
  const { cache } = use;
  if (stored.refreshing || cache.refreshing >= MAX_REFRESHING || cache.flights.has(use.key)) return;
  stored.refreshing = true;
  cache.refreshing += 1;
  const exchange = new NoClient(flow.exchange);
  const background = flow.branch(exchange);
  exchange.receiver = {
    onDrain() {},
    onClose: (whole) => {
      stored.refreshing = false;
      cache.refreshing -= 1;
      background.onClose(whole);
    },
  };
  const own = new CacheUse(cache, use.plan, use.key, stored.url, [...use.request], "stale");
  own.stored = stored;
  own.requestedAt = flow.parts.clock.now();
  background.cacheUse = own;
  own.epoch = cache.store.epoch;
  own.choice = choice;
  lead(own);
  try {
    background.dispatch(choice);
  } catch (error) {
    background.failInternal(error);
  }
}

/** The request as it was, and nobody who waits for the answer. */
class NoClient implements Exchange {
  readonly protocol: Exchange["protocol"];
  readonly scheme: Exchange["scheme"];
  readonly method = "GET";
  readonly target: string;
  readonly authority: string;
  readonly fields: Exchange["fields"];
  readonly content = undefined;
  readonly upgrade = undefined;
  readonly expectsContinue = false;
  readonly connection: Exchange["connection"];
  readonly bytesReceived = 0;
  readonly bytesSent = 0;
  readonly takenBytes = 0;
  headSent = false;
  receiver: ExchangeReceiver | null = null;
  #open = true;

  constructor(of: Exchange) {
    this.protocol = of.protocol;
    this.scheme = of.scheme;
    this.target = of.target;
    this.authority = of.authority;
    this.fields = [...of.fields];
    this.connection = { ...of.connection };
  }

  writeInformational(): void {}

  writeHead(): void {
    this.headSent = true;
  }

  write(): boolean {
    return true;
  }

  end(): void {
    this.#close(true);
  }

  abort(): void {
    this.#close(false);
  }

  closeAfter(): void {}

  acceptUpgrade(): Duplex {
    throw new Error("nobody is there who could be upgraded");
  }

  #close(whole: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    queueMicrotask(() => this.receiver?.onClose(whole));
  }
}
