import { resolve } from "node:path";

import type { BlocklistConfig, IpListConfig } from "@gatewright/sdk";

import { parseDuration, parseSize } from "../units.ts";

export type ResolvedIpListSource =
  | { readonly kind: "inline" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | {
      readonly kind: "crowdsec";
      readonly url: string;
      readonly key: string;
      readonly types: readonly string[];
    };

export interface ResolvedIpList {
  readonly name: string;
  readonly ranges: readonly string[];
  readonly source: ResolvedIpListSource;
  readonly column: number | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly maxShrink: number;
}

export interface ResolvedBlocklist extends ResolvedIpList {
  readonly mode: "drop" | "block" | "challenge" | "score";
  readonly points: number;
}

export function toAllowlists(
  lists: Readonly<Record<string, IpListConfig>> | undefined,
  dir: string,
): readonly ResolvedIpList[] {
  return Object.freeze(Object.entries(lists ?? {}).map(([name, list]) => toList(name, list, dir)));
}

export function toBlocklists(
  lists: Readonly<Record<string, BlocklistConfig>> | undefined,
  dir: string,
): readonly ResolvedBlocklist[] {
  return Object.freeze(
    Object.entries(lists ?? {}).map(([name, list]) => {
      const { mode = "block", points = 5 } = list;
      return Object.freeze({ ...toList(name, list, dir), mode, points });
    }),
  );
}

function toList(name: string, list: IpListConfig, dir: string): ResolvedIpList {
  const interval = list.crowdsec === undefined ? 15 * 60_000 : 10_000;
  return Object.freeze({
    name,
    ranges: Object.freeze([...(list.ranges ?? [])]),
    source: toSource(list, dir),
    column: list.column,
    intervalMs: parseDuration(list.interval) ?? interval,
    timeoutMs: parseDuration(list.timeout) ?? 30_000,
    maxBytes: parseSize(list.maxSize) ?? 64 * 1024 ** 2,
    maxShrink: list.maxShrink ?? 0.5,
  });
}

function toSource({ file, url, crowdsec }: IpListConfig, dir: string): ResolvedIpListSource {
  if (file !== undefined) return { kind: "file", path: resolve(dir, file) };
  if (url !== undefined) return { kind: "url", url };
  return crowdsec === undefined
    ? { kind: "inline" }
    : { kind: "crowdsec", types: ["ban"], ...crowdsec };
}
