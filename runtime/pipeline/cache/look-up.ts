import type { RawFields } from "../../http/raw-fields.ts";
import { asksOrigin } from "../../http/conditional.ts";
import { hasField } from "../../http/raw-fields.ts";
import { ProxyError } from "../../errors.ts";
import { parseDuration } from "../../units.ts";
import { clientDirectives, reuse, type Reuse } from "../../primitives/cache/reuse.ts";
import { isSelected, selectionOf } from "../../primitives/cache/stored-response.ts";
import type { Flow } from "../flow.ts";
import type { UpstreamChoice } from "../parts.ts";
import { planFor } from "../upstream-choice.ts";
import { answerStored } from "./answer-stored.ts";
import { keyOf, urlOf } from "./cache-key.ts";
import type { CacheParts, CachePlan } from "./cache-parts.ts";
import { CacheUse } from "./cache-use.ts";
import { flightFor, lead } from "./flight.ts";
import { refresh } from "./refresh.ts";
import { isConditional } from "./validating-fields.ts";

/** Step 9: from the store, with another request's fetch, or on to the upstream. Only for requests without content. */
export function lookUp(
  flow: Flow,
  cache: CacheParts,
  plan: CachePlan,
  choice: UpstreamChoice,
): void {
  if (flow.cacheUse !== undefined) {
    // Another upstream after a failure: its answer is not what the key stands for.
    flow.cacheUse.noStore = true;
    flow.cacheUse.stored = undefined;
    flow.dispatch(choice);
    return;
  }
  if (!plan.methods.has(flow.method) || asksOrigin(flow.selectingFields)) {
    flow.dispatch(choice);
    return;
  }
  const request = flow.selectingFields;
  const key = keyOf(flow, plan, choice);
  const asked = clientDirectives(request);
  const now = flow.parts.clock.now();
  const bypass = flow.cacheView?.bypassed === true;
  const stored = bypass ? undefined : cache.store.find(key, request);
  const how = stored === undefined ? undefined : reuse(stored, asked, now);
  if (stored !== undefined) {
    if (how === "fresh" || how === "stale" || how === "stale-while-revalidate") {
      const use = new CacheUse(cache, plan, key, "", request as RawFields, "stale");
      use.status = how === "fresh" ? "hit" : "stale";
      flow.cacheUse = use;
      flow.upstreamPlan = planFor(flow, choice);
      if (how === "stale-while-revalidate") refresh(flow, use, stored, choice);
      answerStored(flow, stored);
      return;
    }
  }

  const use = new CacheUse(
    cache,
    plan,
    key,
    urlOf(flow, plan),
    [...request],
    reason(how, bypass, cache.store.has(key)),
  );
  flow.cacheUse = use;
  if (bypass) {
    use.status = "bypass";
    use.noStore = true;
    flow.dispatch(choice);
    return;
  }
  if (asked.onlyIfCached) {
    flow.fail(new ProxyError("PROXY_CACHE_ONLY"));
    return;
  }
  // Without a validator too: where the upstream fails it may be of use.
  if (!hasField(request, "range")) use.stored = stored;
  if (flow.method === "GET" && !hasField(request, "range")) {
    if (!asked.noCache && joined(flow, use, choice)) return;
    // A client's own condition may be answered by a 304, which serves nobody else.
    if (flightFor(use) === undefined && (use.stored !== undefined || !isConditional(request)))
      lead(use);
  }
  send(flow, use, choice);
}

/** The one who fetched is gone: the first who comes here fetches, the others wait for that. */
export function joinOrLead(flow: Flow, choice: UpstreamChoice): void {
  const use = flow.cacheUse as CacheUse;
  if (joined(flow, use, choice)) return;
  use.status = "miss";
  if (flightFor(use) === undefined) lead(use);
  send(flow, use, choice);
}

/** As a request of its own, whatever others do. */
export function forwardAlone(flow: Flow, choice: UpstreamChoice): void {
  const use = flow.cacheUse as CacheUse;
  use.status = "miss";
  send(flow, use, choice);
}

function send(flow: Flow, use: CacheUse, choice: UpstreamChoice): void {
  use.requestedAt = flow.parts.clock.now();
  use.epoch = use.cache.store.epoch;
  use.choice = choice;
  flow.dispatch(choice);
}

function joined(flow: Flow, use: CacheUse, choice: UpstreamChoice): boolean {
  use.flightKey = use.key;
  let flight = flightFor(use);
  if (flight?.selection !== undefined && !isSelected(flight.selection, use.request)) {
    // That one fetches another variant: those who want this one share a fetch of their own.
    const names = flight.selection.map(([name]) => name);
    use.flightKey = `${use.key}\n\n${JSON.stringify(selectionOf(names, use.request))}`;
    flight = flightFor(use);
  }
  if (flight === undefined) return false;
  flow.upstreamPlan = planFor(flow, choice);
  flow.stage = "forward";
  use.status = "joined";
  if (flight.serve !== undefined) {
    if (flight.serve(flow)) return true;
    use.status = "miss";
    return false;
  }
  const { parts, routePlan, upstreamPlan, forwardOptions } = flow;
  const now = parts.clock.monotonic();
  if (use.waitsUntil === -1) {
    use.waitsUntil =
      now +
      (parseDuration(forwardOptions?.responseHeadTimeout) ??
        routePlan?.responseHeadMs ??
        upstreamPlan?.responseHeadMs ??
        parts.timeouts.responseHeadMs);
  }
  use.waiting = flight.join(flow, choice, use.waitsUntil - now);
  return true;
}

/** RFC 9211 §2.2. */
function reason(
  how: Reuse | undefined,
  bypass: boolean,
  hasVariants: boolean,
): CacheUse["forwarded"] {
  if (bypass) return "bypass";
  if (how === undefined) return hasVariants ? "vary-miss" : "uri-miss";
  return how === "validate-request" ? "request" : "stale";
}
