import type { AccessRecord } from "@gatewright/sdk";

import { ProxyError } from "../errors.ts";
import { fieldValue } from "../http/raw-fields.ts";
import type { RefusedBy, TrafficTally } from "../primitives/traffic-tally.ts";
import { leaveCache } from "./cache/store-response.ts";
import type { Flow } from "./flow.ts";
import { leaveLimits } from "./rate-limits.ts";
import { countOutcome } from "./waf.ts";

/** Of one request in its record. */
const MAX_TOLD_MATCHES = 16;

/** Step 15, exactly once for every request: everything that still runs is let go, then the record is told. */
export function complete(flow: Flow, whole: boolean): void {
  if (flow.stage === "over") return;
  const { parts } = flow;
  const before = flow.stage;
  flow.stage = "over";
  flow.turn += 1;
  flow.disarmHookDeadline();
  if (!whole) {
    if (flow.outcome === "complete" && before !== "tunnel") {
      flow.outcome = flow.error === undefined ? "aborted" : "cut";
    }
    const reason = flow.error ?? new ProxyError("PROXY_CLIENT_ABORTED");
    flow.fireSignal(reason);
    flow.dropUpstream(reason);
    flow.sending?.cancel();
    flow.response?.content?.cancel();
  } else if (flow.sendsContent) {
    // The client has all that was declared, and with it the end of its stream: nobody waits for what comes after.
    flow.dropUpstream(undefined);
    flow.sending?.cancel();
  }
  if (flow.wafUse !== undefined) countOutcome(flow, flow.wafUse);
  if (flow.cacheUse !== undefined) leaveCache(flow, flow.cacheUse);
  if (flow.limitState !== undefined) leaveLimits(flow.limitState);
  flow.buffer?.release();
  flow.ahead?.release();
  // A hook's content that nobody was sent.
  if (flow.contentReplaced && !flow.contentSpent) flow.content?.cancel();
  flow.discardUnreadIfOver();
  flow.registry.live.delete(flow);
  // A tunnel has left when it was opened; an explanation has never been counted.
  if (flow.trace === null && before !== "tunnel") parts.load.end();
  if (flow.trace === null && !flow.isBackground) {
    if (parts.tally !== undefined) count(flow, parts.tally);
    if (parts.accessLog !== undefined || parts.hooks.complete.length > 0) tell(flow);
  }
  flow.releaseLease();
}

function count(flow: Flow, tally: TrafficTally): void {
  const { exchange, parts } = flow;
  const refusedBy = whoRefused(flow);
  tally.count({
    route: flow.routePlan?.name ?? "",
    upstream: flow.upstreamPlan?.name ?? "",
    status: sentStatus(flow),
    cache: flow.cacheUse?.status,
    outcome: flow.outcome,
    error: flow.error?.code,
    refusedBy,
    flagged: refusedBy === undefined && (flow.madeContext?.scoreTotal ?? 0) > 0,
    attempts: flow.attempts,
    totalMs: parts.clock.monotonic() - flow.startedTick,
    hooksMs: flow.hookMs,
    upstreamMs: flow.headAt === 0 ? 0 : flow.headAt - flow.dispatchedAt,
    requestBytes: exchange.bytesReceived,
    responseBytes: exchange.bytesSent,
  });
}

function whoRefused({ error, blockReason, outcome }: Flow): RefusedBy | undefined {
  switch (error?.code) {
    case "PROXY_ADDRESS_BLOCKED":
      return "ip-list";
    case "PROXY_RATE_LIMITED":
      return "rate-limit";
    case "PROXY_CHALLENGE_REQUIRED":
      return "challenge";
    case "PROXY_WAF_BLOCKED":
      return "waf";
    case "PROXY_BLOCKED":
      return "hook";
    default:
      // A redirect to the challenge, and a client that got no answer.
      if (blockReason === "challenge") return "challenge";
      if (outcome !== "dropped") return undefined;
      return blockReason?.startsWith("list ") === true ? "ip-list" : "hook";
  }
}

function tell(flow: Flow): void {
  const record = accessRecord(flow);
  flow.parts.accessLog?.(record);
  for (const hook of flow.parts.hooks.complete) {
    flow.hookOwner = hook.owner;
    try {
      hook.run(record, flow.context);
    } catch (error) {
      flow.parts.log.error(
        { id: flow.id, hook: hook.owner, ...flow.parts.describeError(error) },
        `onComplete of ${hook.owner} failed`,
      );
    }
  }
}

function accessRecord(flow: Flow): AccessRecord {
  const { exchange, parts } = flow;
  const fields = exchange.fields;
  const referer = fieldValue(fields, "referer");
  return {
    id: flow.id,
    generation: parts.generation,
    client: flow.clientAddress,
    method: exchange.method,
    scheme: flow.scheme,
    host: exchange.authority,
    path: parts.redactTarget(exchange.target),
    protocol: exchange.protocol,
    route: flow.routePlan?.name,
    upstream: flow.upstreamPlan?.name,
    target: flow.target,
    attempts: flow.attempts,
    status: sentStatus(flow),
    outcome: flow.outcome,
    error: flow.error?.code,
    reason: flow.blockReason,
    requestBytes: exchange.bytesReceived,
    responseBytes: exchange.bytesSent,
    score: flow.madeContext?.scoreTotal ?? 0,
    scoredBy: flow.madeContext?.scoredBy,
    waf: wafRecord(flow),
    cache: flow.cacheUse?.status,
    notStored: flow.cacheUse?.notStored,
    times: {
      total: round(parts.clock.monotonic() - flow.startedTick),
      hooks: round(flow.hookMs),
      upstream: flow.headAt === 0 ? 0 : round(flow.headAt - flow.dispatchedAt),
    },
    userAgent: fieldValue(fields, "user-agent"),
    referer: referer === undefined ? undefined : parts.redactUrl(referer),
  };
}

function wafRecord({ wafUse }: Flow): AccessRecord["waf"] {
  if (wafUse === undefined || wafUse.matches.length === 0) return undefined;
  return wafUse.matches.slice(0, MAX_TOLD_MATCHES);
}

function sentStatus(flow: Flow): number {
  if (flow.outcome === "dropped") return 0;
  if (!flow.exchange.headSent) return 499;
  return flow.tunnel === undefined ? (flow.response?.status ?? 0) : 101;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
