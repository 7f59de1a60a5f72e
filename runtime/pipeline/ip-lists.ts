import { ProxyError } from "../errors.ts";
import { NO_IP, parseIp } from "../http/ip-address.ts";
import type { IpList } from "../primitives/ip-list/ip-list.ts";
import type { ListChange } from "../primitives/ip-list/list-change.ts";
import type { Flow } from "./flow.ts";
import { traceStep } from "./trace.ts";

export interface BlockUse {
  readonly list: IpList;
  readonly mode: "drop" | "block" | "challenge" | "score";
  readonly points: number;
}

export interface IpListPlan {
  /** Whoever is on one of them is on no blocklist. */
  readonly allow: readonly IpList[];
  readonly block: readonly BlockUse[];
  readonly byName: ReadonlyMap<string, IpList>;
  /** Tells other workers what a hook has changed. Absent: there are none. */
  readonly announce?:
    | ((list: string, kind: "add" | "remove", change: ListChange) => void)
    | undefined;
}

const words = new Uint32Array(4);

/** Step 3. Returns true if the request goes on. */
export function passIpLists(flow: Flow, plan: IpListPlan): boolean {
  const family = parseIp(flow.clientAddress, words);
  if (family === NO_IP) return true;
  for (const list of plan.allow) if (list.has(family, words)) return true;
  for (const { list, mode, points } of plan.block) {
    if (!list.has(family, words)) continue;
    if (mode === "score" || mode === "challenge") {
      flow.context.score.add(points, `the client is on the list ${list.name}`, `list:${list.name}`);
      if (mode === "challenge") flow.challengedBy ??= `list ${list.name}`;
      continue;
    }
    flow.blockReason = `list ${list.name}`;
    if (mode === "drop") {
      if (flow.trace !== null) {
        traceStep(flow, "lists", `dropped: the client is on the list ${list.name}`, [], "failed");
      }
      flow.outcome = "dropped";
      flow.exchange.abort();
    } else {
      flow.fail(
        new ProxyError("PROXY_ADDRESS_BLOCKED", {
          message: `the client is on the list ${list.name}`,
        }),
      );
    }
    return false;
  }
  return true;
}

/** Step 1, before TLS: whether a connection of this peer is taken. */
export function admitsPeer(plan: IpListPlan, address: string): boolean {
  const family = parseIp(address, words);
  if (family === NO_IP) return true;
  let isListed = false;
  for (const { list, mode } of plan.block) isListed ||= mode === "drop" && list.has(family, words);
  return !isListed || plan.allow.some((list) => list.has(family, words));
}
