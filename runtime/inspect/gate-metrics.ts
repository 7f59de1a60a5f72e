/** What stands before everything else: the tables of rate limits, the ranges of IP lists. */
import type { LimitStatus } from "../generation/limit-status.ts";
import type { ListStatus } from "../generation/list-requests.ts";
import { gauge, type Family, type Labels } from "./metric-family.ts";

export function ofLimits(limits: readonly LimitStatus[]): Family[] {
  return [
    gauge(
      "gatewright_rate_limit_keys",
      "Keys that a limit remembers.",
      limits.map(({ name, keys }) => [{ limit: name }, keys]),
    ),
    gauge(
      "gatewright_rate_limit_max_keys",
      "Keys that it can remember.",
      limits.map(({ name, maxKeys }) => [{ limit: name }, maxKeys]),
    ),
    gauge(
      "gatewright_rate_limit_requests_waiting",
      "Requests that a limit delays.",
      limits.map(({ name, waiting }) => [{ limit: name }, waiting]),
    ),
  ];
}

export function ofLists(lists: readonly ListStatus[]): Family[] {
  return [
    gauge(
      "gatewright_ip_list_ranges",
      "Ranges that a list has of the config and of its source.",
      lists.map(({ name, kind, source, ranges }) => [{ list: name, kind, source }, ranges]),
    ),
    gauge(
      "gatewright_ip_list_changes",
      "Ranges that were added and taken out at run time and count at present.",
      lists.flatMap(({ name, added, removed }): (readonly [Labels, number])[] => [
        [{ list: name, change: "added" }, added],
        [{ list: name, change: "removed" }, removed],
      ]),
    ),
    gauge(
      "gatewright_ip_list_up_to_date",
      "0 while the last attempt to read a list's source has failed.",
      lists.map(({ name, problem }) => [{ list: name }, problem === undefined ? 1 : 0]),
    ),
    gauge(
      "gatewright_ip_list_updated_timestamp_seconds",
      "When a list's source was last found as it should be.",
      lists.flatMap(({ name, updated }): (readonly [Labels, number])[] =>
        updated === undefined ? [] : [[{ list: name }, Date.parse(updated) / 1000]],
      ),
    ),
  ];
}
