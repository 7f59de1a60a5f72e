import { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import type { RawFields } from "../http/raw-fields.ts";
import { parseDuration } from "../units.ts";
import { dispatchAttempts } from "../upstream/retry/attempted-call.ts";
import type { AttemptPolicy } from "../upstream/retry/retry-policy.ts";
import type { RequestClient, UpstreamRequest } from "../upstream/upstream.ts";
import { targetDetails } from "./explain-target.ts";
import { addValidators } from "./cache/validating-fields.ts";
import type { Flow } from "./flow.ts";
import { LentContent } from "./lent-content.ts";
import { isMirrored, mirror, mirrorFields } from "./mirror.ts";
import type { MirrorPlan, UpstreamChoice, UpstreamPlan } from "./parts.ts";
import { applyRewrite } from "./routing/rewrite.ts";
import { traceStep } from "./trace.ts";
import { planFor } from "./upstream-choice.ts";

/** Steps 8 to 11: content, fields, target; then the request leaves. */
export function forward(flow: Flow, choice: UpstreamChoice): void {
  const { exchange, parts } = flow;
  const plan = planFor(flow, choice);
  flow.upstreamPlan = plan;
  flow.stage = "forward";

  const attempts = attemptPolicy(flow, plan);
  const showsRequest = plan.showsRequest === true || attempts?.retry?.decide !== undefined;
  const fields = flow.dispatchFields(showsRequest || flow.cacheUse?.stored !== undefined);
  if (flow.cacheUse !== undefined) addValidators(flow.cacheUse, fields);
  const hookHost = flow.newHost;
  parts.globalRules.request?.(fields);
  const mirrorPlan = flow.routePlan?.mirror ?? plan.mirror;
  // Before the upstream's own rules: what they add (a token, say) is not meant for another one.
  const copied = mirrorPlan !== undefined && isMirrored(flow, mirrorPlan) ? [...fields] : undefined;
  plan.rules.request?.(fields);
  flow.routePlan?.rules.request?.(fields);

  const authority = upstreamAuthority(flow, plan, hookHost);
  const path = forwardedPath(flow);

  const connectTimeoutMs = flow.routePlan?.connectMs ?? plan.connectMs ?? parts.timeouts.connectMs;
  const responseHeadTimeoutMs =
    parseDuration(flow.forwardOptions?.responseHeadTimeout) ??
    flow.routePlan?.responseHeadMs ??
    plan.responseHeadMs ??
    parts.timeouts.responseHeadMs;
  const idleTimeoutMs = flow.routePlan?.idleMs ?? plan.idleMs ?? parts.timeouts.idleMs;
  if (flow.trace !== null) {
    const times = { connectTimeoutMs, responseHeadTimeoutMs, idleTimeoutMs };
    const from = plan.balance === undefined ? plan.name : `one of ${plan.name}`;
    traceStep(flow, "target", from, targetDetails(plan, times, attempts));
    traceForward(flow, plan, authority, path, fields);
    return;
  }

  flow.dispatchedAt = parts.clock.monotonic();
  const content = dispatchedContent(flow);
  const request: UpstreamRequest = {
    method: flow.method,
    scheme: flow.scheme,
    path,
    authority,
    fields,
    content,
    replay: flow.buffer,
    upgrade: flow.upgrading ? exchange.upgrade : undefined,
    client: plan.upstream.tellsClient === true ? requestClient(flow) : undefined,
    clientAddress: flow.clientAddress,
    facades: showsRequest ? flow : undefined,
    connectTimeoutMs,
    responseHeadTimeoutMs,
    idleTimeoutMs,
  };
  try {
    flow.call =
      attempts === undefined
        ? plan.upstream.dispatch(request, flow)
        : dispatchAttempts(plan.upstream, attempts, request, flow);
  } catch (error) {
    flow.fail(new ProxyError("PROXY_INTERNAL", { cause: error, message: "dispatch failed" }));
    return;
  }
  if (mirrorPlan !== undefined && copied !== undefined) {
    sendCopy(flow, mirrorPlan, copied, path, hookHost, content);
  }
}

function sendCopy(
  flow: Flow,
  plan: MirrorPlan,
  fields: RawFields,
  path: string,
  hookHost: string | undefined,
  content: ContentSource | undefined,
): void {
  const { upstream } = plan;
  upstream.rules.request?.(fields);
  flow.routePlan?.rules.request?.(fields);
  const request = {
    method: flow.method,
    scheme: flow.scheme,
    path,
    authority: upstreamAuthority(flow, upstream, hookHost),
    fields: mirrorFields(fields),
    upgrade: undefined,
    client: upstream.upstream.tellsClient === true ? requestClient(flow) : undefined,
    clientAddress: flow.clientAddress,
    connectTimeoutMs: upstream.connectMs ?? flow.parts.timeouts.connectMs,
    responseHeadTimeoutMs: plan.timeoutMs,
  };
  mirror(flow, plan, request, content);
}

/** What the route says about its attempts replaces what the upstream says. */
function attemptPolicy(flow: Flow, plan: UpstreamPlan): AttemptPolicy | undefined {
  const own = flow.routePlan?.attempts;
  return own === undefined ? plan.attempts : own.get(plan.name);
}

function requestClient(flow: Flow): RequestClient {
  const { localAddress, localPort } = flow.exchange.connection;
  return { peerAddress: flow.clientAddress, peerPort: flow.clientPort, localAddress, localPort };
}

/** Content that streams through can be sent once, unless an upstream fails before it has read any of it. */
function dispatchedContent(flow: Flow): ContentSource | undefined {
  if (flow.buffer !== undefined) return flow.buffer.asSource();
  const { content } = flow;
  if (content === undefined || content.bytes !== undefined) return content;
  flow.contentSpent = true;
  if (flow.parts.hooks.error.length === 0) return content;
  flow.lent = new LentContent(content);
  return flow.lent;
}

function upstreamAuthority(
  flow: Flow,
  plan: UpstreamPlan,
  hookHost: string | undefined,
): string | undefined {
  const choice = flow.forwardOptions?.host ?? hookHost ?? flow.routePlan?.host ?? plan.host;
  if (choice === "target") return undefined;
  if (choice !== "preserve") return choice;
  return flow.exchange.authority === "" ? undefined : flow.exchange.authority;
}

/** The target as sent, byte for byte, unless a hook or the route changed the path. */
function forwardedPath(flow: Flow): string {
  const rewrite = flow.routePlan?.rewrite;
  if (rewrite === undefined && flow.newPath === undefined && flow.newSearch === undefined) {
    return flow.exchange.target;
  }
  const search = flow.newSearch ?? flow.rawSearch;
  if (rewrite === undefined) return (flow.newPath ?? flow.rawPath) + search;
  return applyRewrite(rewrite, flow.newPath ?? flow.normalizedPath) + search;
}

function traceForward(
  flow: Flow,
  plan: UpstreamPlan,
  authority: string | undefined,
  path: string,
  fields: readonly string[],
): void {
  const lines: string[] = [];
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
  traceStep(
    flow,
    "forward",
    `${flow.method} ${path} to ${plan.name}, Host ${authority ?? "of the target"}`,
    lines,
    "decided",
  );
  flow.exchange.abort();
}

/** After a failure: content that the upstream has not touched is there for `onError` and for another upstream. */
export function reclaimContent(flow: Flow): void {
  if (flow.lent?.takeBack() === true) flow.contentSpent = false;
  flow.lent = undefined;
}

/** Whether the same content can go to another upstream after a failure. */
export function canForwardAgain(flow: Flow): boolean {
  return (
    !flow.contentSpent &&
    flow.buffer?.failure === undefined &&
    !flow.exchange.headSent &&
    !flow.fallbackUsed &&
    !flow.upgrading &&
    flow.cacheUse?.isFilling !== true &&
    flow.wafUse?.isRefused !== true
  );
}
