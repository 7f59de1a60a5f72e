import { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import { parseDuration } from "../units.ts";
import type { RequestClient } from "../upstream/upstream.ts";
import type { Flow } from "./flow.ts";
import { LentContent } from "./lent-content.ts";
import type { UpstreamPlan } from "./parts.ts";
import { applyRewrite } from "./routing/rewrite.ts";
import { traceStep } from "./trace.ts";

/** Steps 8 to 11: content, fields, target; then the request leaves. */
export function forward(flow: Flow, plan: UpstreamPlan): void {
  const { exchange, parts } = flow;
  flow.upstreamPlan = plan;
  flow.stage = "forward";

  const fields = flow.dispatchFields();
  const hookHost = flow.newHost;
  parts.globalRules.request?.(fields);
  plan.rules.request?.(fields);
  flow.routePlan?.rules.request?.(fields);

  const authority = upstreamAuthority(flow, plan, hookHost);
  const path = forwardedPath(flow);

  if (flow.trace !== null) {
    traceForward(flow, plan, authority, path, fields);
    return;
  }

  flow.dispatchedAt = parts.clock.monotonic();
  try {
    flow.call = plan.upstream.dispatch(
      {
        method: flow.method,
        scheme: flow.scheme,
        path,
        authority,
        fields,
        content: dispatchedContent(flow),
        upgrade: flow.upgrading ? exchange.upgrade : undefined,
        client: plan.upstream.tellsClient === true ? requestClient(flow) : undefined,
        connectTimeoutMs: flow.routePlan?.connectMs ?? plan.connectMs ?? parts.timeouts.connectMs,
        responseHeadTimeoutMs:
          parseDuration(flow.forwardOptions?.responseHeadTimeout) ??
          flow.routePlan?.responseHeadMs ??
          plan.responseHeadMs ??
          parts.timeouts.responseHeadMs,
      },
      flow,
    );
  } catch (error) {
    flow.fail(new ProxyError("PROXY_INTERNAL", { cause: error, message: "dispatch failed" }));
  }
}

function requestClient(flow: Flow): RequestClient {
  const { localAddress, localPort } = flow.exchange.connection;
  return { peerAddress: flow.clientAddress, peerPort: flow.clientPort, localAddress, localPort };
}

/** Content that streams through can be sent once, unless an upstream fails before it has read any of it. */
function dispatchedContent(flow: Flow): ContentSource | undefined {
  const content = flow.buffer === undefined ? flow.content : flow.buffer.asSource();
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
  return !flow.contentSpent && !flow.exchange.headSent && !flow.fallbackUsed && !flow.upgrading;
}
