import { ProxyError } from "../../errors.ts";
import { originText } from "../../http/origin.ts";
import type { Flow } from "../flow.ts";
import type { UpstreamChoice } from "../parts.ts";
import type { CachePlan } from "./cache-parts.ts";

/**
 * What tells answers apart: parts that no request can contain the end of are joined by line ends. The target is as sent,
 * its parameters in their order.
 */
export function keyOf(flow: Flow, plan: CachePlan, choice: UpstreamChoice): string {
  const search = withoutIgnored(flow.newSearch ?? flow.rawSearch, plan);
  let key = `${flow.scheme}\n${flow.authority.toLowerCase()}\n${flow.rawPath}${search}\n${choice.name}\n${plan.identity}`;
  const host = flow.forwardOptions?.host ?? flow.newHost;
  if (flow.newPath !== undefined || host !== undefined || flow.newSearch !== undefined)
    key += `\n${JSON.stringify([flow.newPath, host])}`;
  if (plan.key !== undefined) key += `\n${ownKey(flow, plan.key)}`;
  return key;
}

/** What purges name. */
export function urlOf(flow: Flow, plan: CachePlan): string {
  return `${originText(flow.scheme, flow.authority)}${flow.rawPath}${withoutIgnored(flow.rawSearch, plan)}`;
}

export function withoutIgnored(search: string, plan: CachePlan): string {
  const { ignoreQuery } = plan;
  if (ignoreQuery === false || search === "") return search;
  if (ignoreQuery === true) return "";
  const kept = search
    .slice(1)
    .split("&")
    .filter((pair) => !ignoreQuery.has(pair.split("=", 1)[0] as string));
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}

function ownKey(flow: Flow, key: NonNullable<CachePlan["key"]>): string {
  try {
    return JSON.stringify([key(flow.request)].flat().map(String));
  } catch (error) {
    throw new ProxyError("PROXY_HOOK_FAILED", {
      cause: error,
      message: "the cache's key function failed",
    });
  }
}
