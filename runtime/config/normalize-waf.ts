import type { WafConfig, WafExclusion, WafRule } from "@gatewright/sdk";

import { parseSize } from "../units.ts";
import { toPathPattern } from "./schema-patterns.ts";

export interface ResolvedWaf {
  readonly mode: "off" | "flag" | "block";
  readonly paranoia: 1 | 2 | 3 | 4;
  readonly threshold: number;
  readonly exclude: readonly WafExclusion[];
  /** Beside those that come with Gatewright. */
  readonly rules: readonly WafRule[];
  readonly maxInspectBytes: number;
  /** Absent: answers are not looked at. */
  readonly response: ResolvedWafResponse | undefined;
  readonly onMatch: WafConfig["onMatch"];
}

export interface ResolvedWafResponse {
  readonly maxInspectBytes: number;
  readonly threshold: number;
}

const DEFAULT_RESPONSE: ResolvedWafResponse = Object.freeze({
  maxInspectBytes: 64 * 1024,
  threshold: 4,
});

const DEFAULT_WAF: ResolvedWaf = Object.freeze({
  mode: "block",
  paranoia: 1,
  threshold: 5,
  exclude: Object.freeze([]),
  rules: Object.freeze([]),
  maxInspectBytes: 1024 ** 2,
  response: undefined,
  onMatch: undefined,
});

/** `undefined`: nothing is inspected. */
export function toWaf(own: WafConfig | undefined): ResolvedWaf | undefined {
  return own === undefined ? undefined : merged(own, DEFAULT_WAF);
}

/** A route's keys go over those of the whole. Routes that say nothing share its object, and with it the compiled rules. */
export function toRouteWaf(
  own: WafConfig | false | undefined,
  whole: ResolvedWaf | undefined,
): ResolvedWaf | undefined {
  if (own === undefined) return whole;
  return own === false ? undefined : merged(own, whole ?? DEFAULT_WAF);
}

function merged(own: WafConfig, base: ResolvedWaf): ResolvedWaf {
  const { exclude, rules } = own;
  return Object.freeze({
    mode: own.mode ?? base.mode,
    paranoia: own.paranoia ?? base.paranoia,
    threshold: own.threshold ?? base.threshold,
    exclude: exclude === undefined ? base.exclude : Object.freeze(exclude.map(toExclusion)),
    rules: rules === undefined ? base.rules : Object.freeze([...rules]),
    maxInspectBytes: parseSize(own.maxInspect) ?? base.maxInspectBytes,
    response: toResponse(own.response, base.response),
    onMatch: own.onMatch?.bind(own) ?? base.onMatch,
  });
}

/** Paths in the one form that requests' paths are brought to. */
function toExclusion(own: WafExclusion): WafExclusion {
  return Object.freeze(own.path === undefined ? own : { ...own, path: toPathPattern(own.path) });
}

function toResponse(
  own: WafConfig["response"],
  base: ResolvedWafResponse | undefined,
): ResolvedWafResponse | undefined {
  if (own === undefined) return base;
  if (own === false) return undefined;
  const { maxInspect, threshold } = own === true ? {} : own;
  const start = base ?? DEFAULT_RESPONSE;
  return Object.freeze({
    maxInspectBytes: parseSize(maxInspect) ?? start.maxInspectBytes,
    threshold: threshold ?? start.threshold,
  });
}
