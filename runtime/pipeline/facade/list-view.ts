import type { IpListView } from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { parseDuration } from "../../units.ts";
import type { ContextOwner } from "./context-owner.ts";
import { hookTypeError } from "./field-error.ts";

/** A list of the config as a hook sees it. */
export function listView(owner: ContextOwner, name: string): IpListView {
  const list = owner.ipLists?.get(name);
  if (list === undefined) {
    throw new ProxyError("PROXY_HOOK_DECISION", {
      message: `there is no IP list ${JSON.stringify(name)} (known: ${[...(owner.ipLists?.keys() ?? [])].join(", ")})`,
    });
  }
  return {
    has: (address = owner.client.address) => list.hasAddress(address),
    add: (range, duration) => list.add(range, toMs(duration)),
    remove: (range, duration) => list.remove(range, toMs(duration)),
  };
}

function toMs(duration: unknown): number | undefined {
  if (duration === undefined) return undefined;
  const ms = parseDuration(duration);
  if (ms === undefined)
    throw hookTypeError("PROXY_HOOK_DECISION", 'an IP list takes durations such as "10m"');
  return ms;
}
