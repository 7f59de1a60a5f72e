import type { HedgeConfig, RetryBudgetConfig, RetryConfig, RetryFunction } from "@gatewright/sdk";

import { parseDuration } from "../units.ts";
import { DEFAULT_RETRY_BUDGET } from "./defaults.ts";
import type { ResolvedHedge, ResolvedRetry, ResolvedRetryBudget } from "./resolved-config.ts";

/** Only what is written: a route's keys go over the upstream's before defaults fill the rest. */
export function toRetry(
  retry: RetryConfig | RetryFunction | false | undefined,
): ResolvedRetry | false | undefined {
  if (retry === undefined || retry === false) return retry;
  const { attempts, methods, statuses, perTryTimeout, backoff, retryAfter, when } =
    typeof retry === "function" ? ({ when: retry } satisfies RetryConfig) : retry;
  return written<ResolvedRetry>({
    attempts,
    methods: methods && Object.freeze([...methods]),
    statuses: statuses && Object.freeze([...statuses]),
    perTryTimeoutMs: parseDuration(perTryTimeout),
    backoffBaseMs: parseDuration(backoff?.base),
    backoffMaxMs: parseDuration(backoff?.max),
    retryAfterMs: parseDuration(retryAfter),
    decide: typeof retry === "function" ? retry : when?.bind(retry),
  });
}

export function toHedge(
  hedge: Partial<HedgeConfig> | false | undefined,
): ResolvedHedge | false | undefined {
  if (hedge === undefined || hedge === false) return hedge;
  return written<ResolvedHedge>({ afterMs: parseDuration(hedge.after), max: hedge.max });
}

export function toRetryBudget(
  retry: { readonly budget?: RetryBudgetConfig } | RetryFunction | false | undefined,
): ResolvedRetryBudget {
  const { share, minPerSecond } =
    (typeof retry === "object" ? retry.budget : undefined) ?? ({} satisfies RetryBudgetConfig);
  return Object.freeze({
    share: share ?? DEFAULT_RETRY_BUDGET.share,
    minPerSecond: minPerSecond ?? DEFAULT_RETRY_BUDGET.minPerSecond,
  });
}

function written<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(entries)) as T;
}
