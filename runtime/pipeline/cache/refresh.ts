import type { Exchange } from "../../downstream/exchange.ts";
import { removeField } from "../../http/raw-fields.ts";
import type { StoredResponse } from "../../primitives/cache/stored-response.ts";
import { AbsentClient, type AbsentRequest } from "../absent-client.ts";
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
  const exchange = new AbsentClient(asAsked(flow.exchange));
  const background = flow.branch(exchange);
  // The whole is wanted, whatever part the client had.
  for (const name of ["range", "if-range"]) removeField(background.ownFields(), name);
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

/** The request as it was, and nobody who waits for the answer. Copied: the client may be gone before it comes. */
function asAsked(of: Exchange): AbsentRequest {
  const { protocol, scheme, target, authority } = of;
  const fields = [...of.fields];
  const connection = { ...of.connection };
  return {
    protocol,
    scheme,
    method: "GET",
    target,
    authority,
    fields,
    upgrade: undefined,
    connection,
  };
}
