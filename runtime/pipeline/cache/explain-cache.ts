import { cacheDirectives } from "../../http/cache-directives.ts";
import { asksOrigin } from "../../http/conditional.ts";
import { fieldValue, hasField, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import { judgeResponse } from "../../primitives/cache/freshness.ts";
import { clientDirectives } from "../../primitives/cache/reuse.ts";
import type { ExplainedResponse } from "../explain.ts";
import type { Flow } from "../flow.ts";
import type { UpstreamChoice } from "../parts.ts";
import { traceStep } from "../trace.ts";
import { keyOf, urlOf } from "./cache-key.ts";
import type { CachePlan } from "./cache-parts.ts";
import { CacheUse, type NotStored } from "./cache-use.ts";
import { refusedByHead, tagsOf } from "./store-response.ts";

/** Step 9 for `explain`: what the store would be asked for, and what an answer has to say to be kept. */
export function explainCache(flow: Flow, choice: UpstreamChoice): void {
  const { cache } = flow.parts;
  const plan = flow.routePlan?.cache;
  if (cache === undefined) return;
  if (plan === undefined) {
    traceStep(flow, "cache", "not asked: the route has no `cache`");
    return;
  }
  const request = flow.selectingFields;
  const reason = notAsked(flow, plan, request);
  if (reason !== undefined) {
    traceStep(flow, "cache", `not asked: ${reason}`);
    return;
  }
  const url = urlOf(flow, plan);
  const key = keyOf(flow, plan, choice);
  flow.cacheUse = new CacheUse(cache, plan, key, url, [...request], "uri-miss");
  const text =
    flow.cacheView?.bypassed === true
      ? "bypassed by a hook: neither answered from the store nor stored"
      : `asked for ${url}`;
  traceStep(flow, "cache", text, [...askedFor(flow, plan, request), ...storedFor(plan)]);
}

/** What would become of this response, as far as its head tells. */
export function explainStoring(flow: Flow, { status, fields }: ExplainedResponse): void {
  const use = flow.cacheUse;
  if (use === undefined) {
    traceStep(flow, "store", "not stored: the cache has no part in this request");
    return;
  }
  const { plan } = use;
  const now = flow.parts.clock.now();
  const verdict = judgeResponse(use.request, status, fields, plan, now, now, undefined);
  const refused = refusedByHead(flow, use, fields, verdict);
  const hooks = flow.parts.hooks.upstreamResponse.map(({ owner }) => owner);
  const unknown =
    hooks.length === 0 ? [] : [`onUpstreamResponse of ${hooks.join(", ")} may change that`];
  if (refused !== undefined) {
    traceStep(flow, "store", `not stored: ${REASONS[refused]}`, unknown, "decided");
    return;
  }
  const leftMs = verdict.lifetimeMs - verdict.ageMs;
  const how = verdict.heuristic ? " (10 % of the age of Last-Modified)" : "";
  const details: string[] = [];
  if (verdict.ageMs > 0) details.push(`${seconds(verdict.ageMs)} old when it comes`);
  if (verdict.staleWhileRevalidateMs > 0) {
    details.push(
      `then for ${seconds(verdict.staleWhileRevalidateMs)} answered while it is fetched in the background`,
    );
  }
  if (verdict.staleIfErrorMs > 0)
    details.push(`then for ${seconds(verdict.staleIfErrorMs)} answered where the upstream fails`);
  else if (verdict.mustRevalidate) details.push("never answered when stale");
  const vary = fieldValue(fields, "vary");
  if (vary !== undefined) details.push(`for requests with the same ${vary}`);
  const tags = tagsOf(flow, use, fields);
  if (tags.length > 0) details.push(`tags: ${tags.join(", ")}`);
  const text = verdict.noCache
    ? "stored, and never used without asking the upstream (no-cache)"
    : leftMs > 0
      ? `stored, fresh for ${seconds(leftMs)}${how}`
      : "stored as stale: the upstream is asked each time whether it has changed";
  traceStep(flow, "store", text, [...details, ...unknown], "decided");
}

function notAsked(flow: Flow, plan: CachePlan, request: ReadonlyRawFields): string | undefined {
  if (flow.content !== undefined) return "the request has content";
  if (flow.upgrading) return "the connection is upgraded";
  if (!plan.methods.has(flow.method)) {
    const methods = [...plan.methods].join(" and ");
    const safe = flow.method === "GET" || flow.method === "HEAD" || flow.method === "OPTIONS";
    return safe
      ? `only ${methods} are`
      : `only ${methods} are; where ${flow.method} succeeds, ${urlOf(flow, plan)} is purged`;
  }
  if (asksOrigin(request)) return "If-Match and If-Unmodified-Since are for the origin server";
  return undefined;
}

function askedFor(flow: Flow, plan: CachePlan, request: ReadonlyRawFields): string[] {
  const lines: string[] = [];
  if (plan.ignoreQuery === true) lines.push("query ignored");
  else if (plan.ignoreQuery !== false) lines.push(`ignored: ${[...plan.ignoreQuery].join(", ")}`);
  if (plan.vary.length > 0) lines.push(`variants by ${plan.vary.join(", ")}`);
  if (plan.key !== undefined) lines.push("and by what the route's key function says");
  const asked = clientDirectives(request);
  if (asked.noCache) lines.push("the client wants the upstream to be asked (no-cache)");
  if (asked.onlyIfCached) lines.push("the client wants no fetch (only-if-cached): 504 on a miss");
  if (hasField(request, "range"))
    lines.push("Range: a part is cut from a stored whole; a 206 is passed on and not stored");
  if (flow.method !== "GET")
    lines.push(`answered from a stored GET; ${flow.method} stores nothing`);
  else if (cacheDirectives(request).has("no-store")) lines.push(REASONS["request-no-store"]);
  if (hasField(request, "authorization"))
    lines.push("Authorization: stored only with public, s-maxage or must-revalidate");
  return lines;
}

function storedFor(plan: CachePlan): string[] {
  const fallback =
    plan.ttlMs === undefined
      ? plan.heuristic
        ? "10 % of the age of Last-Modified, at most a day"
        : "not at all"
      : `${seconds(plan.ttlMs)} (ttl)`;
  const lines = [`fresh for as long as the response says, else ${fallback}`];
  if (plan.staleWhileRevalidateMs !== undefined)
    lines.push(`stale-while-revalidate ${seconds(plan.staleWhileRevalidateMs)}`);
  if (plan.staleIfErrorMs !== undefined)
    lines.push(`stale-if-error ${seconds(plan.staleIfErrorMs)}`);
  if (plan.statuses !== undefined) lines.push(`only statuses ${plan.statuses.join(", ")}`);
  if (plan.tags.length > 0) lines.push(`tags: ${plan.tags.join(", ")}`);
  return lines;
}

/** What `Cache-Status` says in a word. */
const REASONS: Readonly<Record<NotStored, string>> = {
  status: "its status is none that is stored without a lifetime, or not one of `statuses`",
  "must-understand": "it has must-understand, and its status is not one whose rules are known",
  "no-store": "it says no-store",
  "request-no-store": "the request says no-store: nothing of its answer is stored",
  private: "it says private",
  "set-cookie": 'it has Set-Cookie (`setCookie: "strip"` stores it without)',
  authorization:
    "the request has Authorization, and the response none of public, s-maxage, must-revalidate",
  vary: "it varies by everything (*), or by a field that no two requests share",
  "no-lifetime":
    "it says neither how long it is fresh nor what it could be validated by, and the route has no `ttl`",
  bypass: "a hook bypassed the cache",
  method: "only answers to GET are stored",
  "read-by-hook": "a hook read or replaced its content in onUpstreamResponse",
  "event-stream": "it is a stream of events, which has no end and is another one for each client",
  "too-large": "its content is longer than `maxEntry`",
};

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}
