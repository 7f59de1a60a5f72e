import type { BalanceConfig, BalanceKey, MirrorConfig, SplitUpstream } from "@gatewright/sdk";

import { parseDuration } from "../units.ts";
import { DEFAULT_BALANCE, DEFAULT_MIRROR } from "./defaults.ts";
import type {
  ResolvedBalance,
  ResolvedBalanceKey,
  ResolvedMirror,
  ResolvedSplitUpstream,
} from "./resolved-config.ts";

export function toBalance(balance: BalanceConfig = DEFAULT_BALANCE.algorithm): ResolvedBalance {
  if (typeof balance === "string") return Object.freeze({ type: balance });
  if (balance.type === "hash") {
    const { boundedLoad = DEFAULT_BALANCE.boundedLoad } = balance;
    return Object.freeze({
      type: "hash",
      by: toKey(balance.by),
      boundedLoad: boundedLoad === false ? undefined : boundedLoad,
    });
  }
  const { cookie = {}, secret = [], otherwise = DEFAULT_BALANCE.algorithm } = balance;
  const maxAgeMs = parseDuration(cookie.maxAge);
  return Object.freeze({
    type: "sticky",
    cookie: Object.freeze({
      name: cookie.name ?? DEFAULT_BALANCE.cookie,
      path: cookie.path ?? "/",
      domain: cookie.domain,
      maxAgeSeconds: maxAgeMs === undefined ? undefined : Math.ceil(maxAgeMs / 1000),
      sameSite: cookie.sameSite ?? "Lax",
      secure: cookie.secure ?? "auto",
      httpOnly: cookie.httpOnly ?? true,
    }),
    secrets: Object.freeze([secret].flat()),
    otherwise,
  });
}

export function toMirror(mirror: MirrorConfig | undefined): ResolvedMirror | undefined {
  if (mirror === undefined) return undefined;
  return Object.freeze({
    upstream: mirror.upstream,
    share: mirror.share ?? DEFAULT_MIRROR.share,
    maxRequests: mirror.maxRequests ?? DEFAULT_MIRROR.maxRequests,
    timeoutMs: parseDuration(mirror.timeout) ?? DEFAULT_MIRROR.timeoutMs,
  });
}

export function toSplit(
  name: string,
  { split, by = "client" }: SplitUpstream,
): ResolvedSplitUpstream {
  return Object.freeze({
    kind: "split",
    name,
    shares: Object.freeze(
      Object.entries(split).map(([upstream, share = 0]) =>
        Object.freeze([upstream, share] as const),
      ),
    ),
    by: by === "random" ? by : toKey(by),
  });
}

function toKey(by: BalanceKey): ResolvedBalanceKey {
  if (typeof by !== "object") return by;
  return Object.freeze(
    "header" in by ? { header: by.header.toLowerCase() } : { cookie: by.cookie },
  );
}
