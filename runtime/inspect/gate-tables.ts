import type { ProxyStatus } from "./status.ts";

type Cell = string | number | undefined;

/** One table of the status page. */
export interface GateTable {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Rate limits and IP lists, where there are some. */
export function gateTables({ limits = [], lists = [] }: ProxyStatus): GateTable[] {
  const tables: GateTable[] = [
    {
      title: "Rate limits",
      heads: ["Name", "Keys", "At most", "Waiting"],
      rows: limits.map(({ name, keys, maxKeys, waiting }) => [name, keys, maxKeys, waiting]),
    },
    {
      title: "IP lists",
      heads: ["Name", "Kind", "Source", "Ranges", "Added", "Removed", "Good at", "Problem"],
      rows: lists.map((list) => [
        list.name,
        list.mode ?? list.kind,
        list.source,
        list.ranges,
        list.added,
        list.removed,
        list.updated,
        list.problem,
      ]),
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}
