import {
  fieldValue,
  fieldValues,
  hasField,
  removeField,
  setField,
  type RawFields,
  type ReadonlyRawFields,
} from "../../http/raw-fields.ts";
import { forwardableFields } from "../../http/hop-by-hop.ts";
import type { ProxyError } from "../../errors.ts";
import { judgeResponse, type Storability } from "../../primitives/cache/freshness.ts";
import { answersForError } from "../../primitives/cache/reuse.ts";
import {
  isSelected,
  selectionOf,
  StoredResponse,
  varyNames,
} from "../../primitives/cache/stored-response.ts";
import { compressionOf } from "../compress.ts";
import type { Flow } from "../flow.ts";
import { OutgoingResponse } from "../outgoing-response.ts";
import { runTransforms } from "../transform/run-transforms.ts";
import { transformedFields } from "../transform/transformed-fields.ts";
import { answerStored } from "./answer-stored.ts";
import { purgeEverywhere } from "./cache-parts.ts";
import { addCacheStatus } from "./cache-status.ts";
import type { CacheUse, NotStored } from "./cache-use.ts";
import { Fill } from "./fill.ts";
import { forwardAlone } from "./look-up.ts";
import { withoutIgnored } from "./cache-key.ts";
import { freshenedFields, headConfirms, sharedFields, speaksOf } from "../../http/stored-fields.ts";
import { invalidatedUrls } from "../../http/invalidation.ts";
import { originText } from "../../http/origin.ts";

const OWN_FIELDS = ["surrogate-control", "surrogate-key", "cache-tag"];
const MAX_TAGS = 64;
const EVENTS = /^text\/event-stream(?:[;\s]|$)/i;
/**
 * What tells one client, or one request, from all others. We write these ourselves, so what a client sent in them must
 * not select either: whoever sends another's address would be given what that other one was.
 */
const OF_ONE_REQUEST: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-real-ip",
  "x-request-id",
]);

/** Step 12: after the hooks that edit what is shared. Goes on to what is per client. */
export function storeResponse(flow: Flow, use: CacheUse): void {
  const response = flow.response as OutgoingResponse;
  const { fields } = response;
  const now = flow.parts.clock.now();
  const tags = tagsOf(flow, use, fields);
  const verdict = judgeResponse(
    use.request,
    response.status,
    fields,
    use.plan,
    use.requestedAt,
    now,
    flow.cacheView?.ttlMs,
  );
  // Said to us, and of no use to clients.
  for (const name of OWN_FIELDS) removeField(fields, name);
  const names = selectingNames(flow, use, fields);
  use.notStored = refusal(flow, use, response, verdict);
  if (use.notStored !== undefined) {
    addCacheStatus(flow, fields);
    release(use);
    flow.runResponseHooks();
    return;
  }
  const stored = (body: Uint8Array, shared: RawFields): StoredResponse =>
    new StoredResponse({
      key: use.key,
      url: use.url,
      route: use.plan.identity,
      status: response.status,
      fields: shared,
      body,
      selection: use.selection ?? [],
      tags,
      receivedAt: now,
      verdict,
      ttlMs: flow.cacheView?.ttlMs,
    });
  use.selection = selectionOf(names, use.request);
  applyTransforms(flow, response);
  const shared = sharedFields(fields);
  const ttl = Math.floor((verdict.lifetimeMs - verdict.ageMs) / 1000);
  addCacheStatus(flow, fields, ttl, verdict.heuristic);
  const { content } = response;
  if (content === undefined) {
    keep(use, stored(new Uint8Array(0), shared));
    release(use);
    flow.runResponseHooks();
    return;
  }
  const { wheel, slowReaders } = flow.parts;
  const pace = { wheel, minRate: slowReaders.limits.minRate };
  const fill = new Fill(content, use.cache.store, pace, (body) => {
    if (use.flight !== undefined) forget(use, use.flight);
    if (body === undefined || !use.whole) return;
    setField(shared, "Content-Length", String(body.length));
    keep(use, stored(body, shared));
  });
  use.fill = fill;
  const { length } = content;
  response.content = use.reader = fill.reader(length);
  if (use.flight !== undefined) use.flight.tags = tags;
  share(flow, use, fill, shared, verdict, now, response.status, length);
  fill.start();
  flow.runResponseHooks();
}

/** What tells variants apart. Not the codings that clients take, where the upstream is asked for plain content anyway. */
function selectingNames(flow: Flow, use: CacheUse, fields: ReadonlyRawFields): readonly string[] {
  const names = varyNames(fields, use.plan.vary);
  if (compressionOf(flow)?.options.asksIdentity !== true) return names;
  return names.filter((name) => name !== "accept-encoding");
}

function keep(use: CacheUse, stored: StoredResponse): void {
  // What was purged meanwhile may be what this was made of.
  const { store } = use.cache;
  if (!store.purgedSince(use.epoch, stored)) store.add(stored);
}

function refusal(
  flow: Flow,
  use: CacheUse,
  response: OutgoingResponse,
  verdict: Storability,
): NotStored | undefined {
  const readByHook = response.buffer !== undefined || response.contentReplaced;
  return (
    refusedByHead(flow, use, response.fields, verdict) ?? (readByHook ? "read-by-hook" : undefined)
  );
}

/** Why it is not stored, as far as heads tell. */
export function refusedByHead(
  flow: Flow,
  use: CacheUse,
  fields: ReadonlyRawFields,
  verdict: Storability,
): NotStored | undefined {
  if (use.noStore || flow.cacheView?.bypassed === true) return "bypass";
  if (verdict.refused !== undefined) return verdict.refused;
  if (flow.method !== "GET") return "method";
  if (selectingNames(flow, use, fields).some((name) => OF_ONE_REQUEST.has(name))) return "vary";
  // Whatever a route's ttl says: who comes later would be told of what was.
  if (EVENTS.test(fieldValue(fields, "content-type") ?? "")) return "event-stream";
  const length = Number(fieldValue(fields, "content-length") ?? 0);
  return length > use.cache.store.maxEntryBytes ? "too-large" : undefined;
}

/** Those who wait, and those who come while it arrives. */
function share(
  flow: Flow,
  use: CacheUse,
  fill: Fill,
  shared: RawFields,
  verdict: Storability,
  receivedAt: number,
  status: number,
  length: number | undefined,
): void {
  const { flight } = use;
  if (flight === undefined) return;
  if (verdict.lifetimeMs <= verdict.ageMs) {
    // Each has to ask for itself.
    release(use);
    return;
  }
  const selection = use.selection ?? [];
  flight.selection = selection;
  flight.serve = (follower) => {
    const { cacheUse } = follower;
    if (!fill.keeps || fill.end !== undefined || cacheUse === undefined) return false;
    if (!isSelected(selection, cacheUse.request)) return false;
    const now = flow.parts.clock.now();
    const age = Math.floor((verdict.ageMs + now - receivedAt) / 1000);
    const fields = [...shared, "Age", String(age)];
    addCacheStatus(
      follower,
      fields,
      Math.floor((verdict.lifetimeMs - verdict.ageMs - now + receivedAt) / 1000),
      verdict.heuristic,
    );
    follower.stage = "response";
    cacheUse.reader = fill.reader(length);
    follower.response = new OutgoingResponse(
      status,
      fields,
      cacheUse.reader,
      "upstream",
      follower.exchange.method === "HEAD",
      follower.parts.responseContentMemory,
    );
    follower.runResponseHooks();
    return true;
  };
  const { serve } = flight;
  for (const follower of flight.take()) {
    follower.go((waiting, choice) => {
      if (!serve(waiting)) waiting.joinOrLead(choice);
    });
  }
}

/** The fetch serves nobody else: all who wait go at once, each for itself. */
function release(use: CacheUse): void {
  const flight = end(use);
  for (const follower of flight?.take() ?? []) follower.go(forwardAlone);
}

function end(use: CacheUse): CacheUse["flight"] {
  const { flight } = use;
  use.flight = undefined;
  if (flight !== undefined) forget(use, flight);
  return flight;
}

/** Nobody joins it any more. Another one may have taken its place since. */
function forget({ cache }: CacheUse, flight: NonNullable<CacheUse["flight"]>): void {
  if (cache.flights.get(flight.key) === flight) cache.flights.delete(flight.key);
}

/**
 * The request is over. If its client left before a head came, the next one fetches. If it went wrong after that (a hook
 * that throws, say), it would go wrong for one after the other: all go at once.
 */
export function leaveCache(flow: Flow, use: CacheUse): void {
  if (!flow.isBackground && flow.trace === null)
    use.cache.store.routes.answered(use.plan.identity, use.status);
  use.waiting?.leave();
  if (use.isFilling) return;
  if (use.flight === undefined || use.flight.serve !== undefined) return;
  const flight = end(use);
  for (const follower of flight?.take() ?? []) {
    if (use.answered && flow.error !== undefined) follower.go(forwardAlone);
    else follower.go((waiting, choice) => waiting.joinOrLead(choice));
  }
}

/** The upstream failed: all who wait for this fetch learn it, unless a stale response helps. True if this one was answered. */
export function cacheFailed(flow: Flow, use: CacheUse, error: ProxyError): boolean {
  const flight = end(use);
  for (const follower of flight?.take() ?? []) {
    follower.go((waiting, choice) => {
      if (waiting.cacheUse !== undefined && answerStale(waiting, waiting.cacheUse, true)) return;
      // How long this fetch may take was for its own request to say: the next one has its own time.
      if (error.code === "PROXY_UPSTREAM_HEAD_TIMEOUT") waiting.joinOrLead(choice);
      else waiting.fail(error);
    });
  }
  return answerStale(flow, use, true);
}

/** A status that counts as failure, or none at all. */
function answerStale(flow: Flow, use: CacheUse, unreachable: boolean): boolean {
  const { stored } = use;
  const now = flow.parts.clock.now();
  if (stored === undefined || !answersForError(stored, unreachable, now)) return false;
  use.status = "stale";
  flow.dropUpstream(undefined);
  answerStored(flow, stored);
  return true;
}

/** The head of an answer to a request that may be answered otherwise. True if it was. */
export function cacheHead(flow: Flow, use: CacheUse, status: number, raw: RawFields): boolean {
  const { stored } = use;
  use.answered = true;
  if (stored === undefined) return false;
  if (status === 304) {
    const fresh = forwardableFields(raw, "response");
    if (speaksOf(fresh, stored.fields)) {
      revalidated(flow, use, stored, fresh);
    } else {
      // It is about a content that is not here: once more, without conditions.
      use.cache.store.remove(stored);
      use.stored = undefined;
      flow.dropUpstream(undefined);
      if (use.choice !== undefined) flow.dispatch(use.choice);
    }
    return true;
  }
  if (flow.method === "HEAD" && status === 200) {
    // RFC 9111 §4.3.5.
    if (!headConfirms(raw, stored.fields)) use.cache.store.remove(stored);
    return false;
  }
  if (!use.plan.errorStatuses.has(status) || !answerStale(flow, use, false)) return false;
  for (const follower of end(use)?.take() ?? []) {
    follower.go((waiting, choice) => {
      if (waiting.cacheUse === undefined || !answerStale(waiting, waiting.cacheUse, false))
        forwardAlone(waiting, choice);
    });
  }
  return true;
}

function revalidated(flow: Flow, use: CacheUse, stored: StoredResponse, fresh: RawFields): void {
  const now = flow.parts.clock.now();
  const fields = freshenedFields(stored.fields, fresh);
  // RFC 9110 §6.6.1: one that does not say when it was made is from now, and not as old as what it renews.
  if (!hasField(fresh, "date")) setField(fields, "Date", new Date(now).toUTCString());
  const age = fieldValue(fresh, "age");
  const ttlMs = flow.cacheView?.ttlMs ?? stored.ttlMs;
  const verdict = judgeResponse(
    use.request,
    stored.status,
    age === undefined ? fields : [...fields, "Age", age],
    use.plan,
    use.requestedAt,
    now,
    ttlMs,
  );
  for (const name of OWN_FIELDS) removeField(fields, name);
  const renewed = new StoredResponse({
    key: stored.key,
    url: stored.url,
    route: stored.route,
    status: stored.status,
    fields,
    body: stored.body,
    // RFC 9111 §4.1: a 304 may say anew what selects.
    selection: selectionOf(selectingNames(flow, use, fields), use.request),
    tags: stored.tags,
    receivedAt: now,
    verdict,
    ttlMs,
    renews: stored,
  });
  use.cache.store.remove(stored);
  const shares = verdict.refused === undefined && !use.noStore;
  if (shares) keep(use, renewed);
  use.status = "revalidated";
  const flight = end(use);
  answerStored(flow, renewed);
  for (const follower of flight?.take() ?? []) {
    follower.go((waiting, choice) => {
      const selected = isSelected(renewed.selection, waiting.cacheUse?.request ?? []);
      if (shares && selected && verdict.lifetimeMs > verdict.ageMs) answerStored(waiting, renewed);
      else forwardAlone(waiting, choice);
    });
  }
}

function applyTransforms(flow: Flow, response: OutgoingResponse): void {
  const { transforms, content } = response;
  if (transforms === undefined || content === undefined) return;
  response.content = runTransforms(content, transforms, {
    contentEncoding: fieldValue(response.fields, "content-encoding"),
    hookTimeoutMs: flow.parts.hookTimeoutMs,
    wheel: flow.parts.wheel,
  });
  transformedFields(response.fields);
  response.transforms = undefined;
}

/** The route's, those of hooks and those that the response names. */
export function tagsOf(flow: Flow, use: CacheUse, fields: ReadonlyRawFields): readonly string[] {
  const tags = new Set([...use.plan.tags, ...(flow.cacheView?.tags ?? [])]);
  for (const line of fieldValues(fields, "cache-tag"))
    for (const tag of line.split(",")) tags.add(tag.trim());
  for (const line of fieldValues(fields, "surrogate-key"))
    for (const tag of line.split(/\s+/)) tags.add(tag);
  tags.delete("");
  return [...tags].slice(0, MAX_TAGS);
}

/** RFC 9111 §4.4: what an unsafe request has changed is no longer what is stored. */
export function invalidateAfter(flow: Flow, status: number, fields: RawFields): void {
  const { cache } = flow.parts;
  if (cache === undefined || flow.method === "GET") return;
  const plan = flow.routePlan?.cache;
  const search = plan === undefined ? flow.rawSearch : withoutIgnored(flow.rawSearch, plan);
  const base = originText(flow.scheme, flow.authority);
  const urls = invalidatedUrls(flow.method, status, base, flow.rawPath + search, fields);
  for (const url of urls) purgeEverywhere(cache, { url }, flow.parts.clock.now());
}
