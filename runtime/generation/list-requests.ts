import type { IpListPlan } from "../pipeline/ip-lists.ts";
import type { IpList, TimedEntry } from "../primitives/ip-list/ip-list.ts";

/** What the admin listener asks of the lists. Plain data: it crosses threads. */
export type ListRequest =
  | { readonly kind: "all" }
  /** With `address`: whether the list has it. */
  | { readonly kind: "one"; readonly name: string; readonly address?: string | undefined }
  | {
      readonly kind: "add" | "remove";
      readonly name: string;
      readonly ranges: readonly string[];
      readonly forMs: number | undefined;
    };

export type ListAnswer =
  | { readonly kind: "lists"; readonly lists: readonly ListStatus[] }
  | { readonly kind: "list"; readonly list: ListDetails }
  /** `left`: there was no room for them. */
  | { readonly kind: "changed"; readonly list: ListStatus; readonly left: readonly string[] }
  | { readonly kind: "unknown"; readonly names: readonly string[] };

export interface ListStatus {
  readonly name: string;
  readonly kind: "allow" | "block";
  /** Of a blocklist. */
  readonly mode?: string;
  readonly source: "inline" | "file" | "url" | "crowdsec";
  /** Of the config and the source, merged. */
  readonly ranges: number;
  /** At run time, those that have not ended. */
  readonly added: number;
  readonly removed: number;
  /** When the source was last found as it should be; absent: never yet. */
  readonly updated?: string;
  /** Why that has not happened since. */
  readonly problem?: string;
}

export interface ListDetails extends ListStatus {
  /** The answer to `address`. */
  readonly has?: boolean;
  /** What was added and taken out at run time, at most {@link MAX_ENTRIES} each. */
  readonly addedRanges: readonly TimedEntry[];
  readonly removedRanges: readonly TimedEntry[];
}

/** Of those that `added` and `removed` count. */
const MAX_ENTRIES = 1000;

/** Looks at the lists of the live generation, or changes one. */
export function answerListRequest(plan: IpListPlan | undefined, request: ListRequest): ListAnswer {
  const names = [...(plan?.byName.keys() ?? [])];
  if (plan === undefined || request.kind === "all") {
    if (request.kind !== "all") return { kind: "unknown", names };
    return { kind: "lists", lists: listStatuses(plan) };
  }
  const list = plan.byName.get(request.name);
  if (list === undefined) return { kind: "unknown", names };
  if (request.kind === "one") {
    const { address } = request;
    return {
      kind: "list",
      list: {
        ...statusOf(plan, list),
        ...(address === undefined ? {} : { has: list.hasAddress(address) }),
        addedRanges: list.added(MAX_ENTRIES),
        removedRanges: list.removed(MAX_ENTRIES),
      },
    };
  }
  const { kind, ranges, forMs } = request;
  const left = ranges.filter((range) => !list[kind](range, forMs));
  return { kind: "changed", list: statusOf(plan, list), left };
}

/** Of all lists of the live generation. */
export function listStatuses(plan: IpListPlan | undefined): ListStatus[] {
  if (plan === undefined) return [];
  return [...plan.byName.values()].map((list) => statusOf(plan, list));
}

function statusOf(plan: IpListPlan, list: IpList): ListStatus {
  const use = plan.block.find((one) => one.list === list);
  return {
    name: list.name,
    kind: use === undefined ? "allow" : "block",
    ...(use === undefined ? {} : { mode: use.mode }),
    ...list.status(),
  };
}
