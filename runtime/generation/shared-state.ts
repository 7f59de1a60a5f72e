import type { PurgeSelection } from "@gatewright/sdk";

import type { SpentTickets } from "../primitives/challenge/spent-tickets.ts";
import type { LimitCounters } from "../primitives/rate-limit/gcra-table.ts";
import type { ListChange } from "../primitives/ip-list/list-change.ts";

/**
 * What workers that serve one address have in common, so that they act as one. Behind interfaces: memory that threads
 * share, or a server that machines do. Absent: each has its own, which is right for one.
 */
export interface SharedState {
  /** The key of fingerprints: counters are found by them. Two words. */
  readonly limitSeed: Uint32Array;
  /** A rule's counts. Asked for once for each rule that keeps its key. */
  counters(rule: string, maxKeys: number): LimitCounters;
  readonly spentTickets: SpentTickets;
  /** A hook here has changed a list: the others follow, by what their generations' `ipLists` names. */
  announceListChange(list: string, kind: "add" | "remove", change: ListChange): void;
  /**
   * A hook or an unsafe request here has removed stored responses (RFC 9111 §4.4): the others follow, by what their
   * generations' `cache` purges. What operators purge is sent to all of them anyway.
   */
  announcePurge(selection: PurgeSelection): void;
}
