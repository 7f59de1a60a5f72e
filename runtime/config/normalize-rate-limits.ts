import type {
  Context,
  ProxyRequest,
  RateLimitConfig,
  RateLimitKey,
  RateLimitMode,
} from "@gatewright/sdk";

import { parseDuration } from "../units.ts";

/** A part of a key. */
export type ResolvedKeyPart =
  | { readonly kind: "ip"; readonly ipv4: number; readonly ipv6: number }
  | { readonly kind: "route" }
  | { readonly kind: "header" | "cookie"; readonly name: string }
  | {
      readonly kind: "function";
      readonly run: (request: ProxyRequest, ctx: Context) => string | undefined;
    };

export interface ResolvedRateLimit {
  readonly name: string;
  readonly key: readonly ResolvedKeyPart[];
  /** 0: only `concurrent` counts. */
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly concurrent: number | undefined;
  readonly cost: RateLimitConfig["cost"];
  readonly scope: "all" | "named";
  readonly action: "refuse" | "delay" | "score" | "challenge";
  readonly mode: RateLimitMode;
  readonly points: number;
  readonly maxDelayMs: number;
  readonly maxKeys: number;
  readonly fields: boolean;
}

/** Rotating User-Agents gets nobody past the limit of their address. */
const PRESET: Readonly<Record<string, RateLimitConfig>> = {
  perClient: { key: ["ip", "user-agent"], limit: 100, window: "10s" },
  perIp: { key: "ip", limit: 1000, window: "10s" },
};

export function toRateLimits(
  rules: true | Readonly<Record<string, RateLimitConfig>> | undefined,
): readonly ResolvedRateLimit[] {
  const written = rules === true ? PRESET : (rules ?? {});
  return Object.freeze(Object.entries(written).map(([name, rule]) => toRule(name, rule)));
}

function toRule(name: string, rule: RateLimitConfig): ResolvedRateLimit {
  const { limit = 0, ipv6Prefix = 64, key = "ip" } = rule;
  return Object.freeze({
    name,
    key: Object.freeze([key].flat().map((part) => toPart(part as RateLimitKey, ipv6Prefix))),
    limit,
    windowMs: parseDuration(rule.window) ?? 1000,
    burst: rule.burst ?? limit,
    concurrent: rule.concurrent,
    cost: rule.cost?.bind(rule),
    scope: rule.scope ?? "all",
    action: rule.action ?? "refuse",
    mode: rule.mode ?? "block",
    points: rule.points ?? 5,
    maxDelayMs: parseDuration(rule.maxDelay) ?? 1000,
    maxKeys: rule.maxKeys ?? 100_000,
    fields: rule.fields ?? true,
  });
}

function toPart(part: RateLimitKey, ipv6: number): ResolvedKeyPart {
  if (part === "ip") return { kind: "ip", ipv4: 32, ipv6 };
  if (part === "route") return { kind: "route" };
  if (part === "user-agent") return { kind: "header", name: "user-agent" };
  if (typeof part === "function") return { kind: "function", run: part };
  if ("header" in part) return { kind: "header", name: part.header.toLowerCase() };
  if ("cookie" in part) return { kind: "cookie", name: part.cookie };
  return { kind: "ip", ipv4: part.prefix.ipv4 ?? 32, ipv6: part.prefix.ipv6 ?? ipv6 };
}
