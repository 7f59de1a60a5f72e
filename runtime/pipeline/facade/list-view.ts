import type { IpListView } from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { parseDuration } from "../../units.ts";
import type { ContextOwner } from "./context-owner.ts";
import { hookTypeError } from "./field-error.ts";

/** A list of the config as a hook sees it. */
export function listView(owner: ContextOwner, name: string): IpListView {
  const list = owner.ipLists?.byName.get(name);
  if (list === undefined) {
    throw new ProxyError("PROXY_HOOK_DECISION", {
      message: `there is no IP list ${JSON.stringify(name)} (known: ${[...(owner.ipLists?.byName.keys() ?? [])].join(", ")})`,
    });
  }
  return {
    has: (address = owner.client.address) => list.hasAddress(address),
    add: (range, duration) => change("add", range, toMs(duration)),
    remove: (range, duration) => change("remove", range, toMs(duration)),
  };

  function change(kind: "add" | "remove", range: string, forMs: number | undefined): boolean {
    if (list?.[kind](range, forMs) !== true) return false;
    owner.ipLists?.announce?.(name, kind, { ranges: [range], forMs });
    return true;
  }
}

function toMs(duration: unknown): number | undefined {
  if (duration === undefined) return undefined;
  const ms = parseDuration(duration);
  if (ms === undefined)
    throw hookTypeError("PROXY_HOOK_DECISION", 'an IP list takes durations such as "10m"');
  return ms;
}
