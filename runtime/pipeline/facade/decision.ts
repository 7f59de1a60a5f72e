import type { RequestDecision } from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { isWebResponse } from "../../http/web-response.ts";
import { nearestName } from "./nearest-name.ts";

/** A hook's phase allows some of these. */
export type DecisionKind = RequestDecision["kind"];

/** What a hook gave back, told apart. */
export type HookOutcome = RequestDecision | Response | undefined;

/**
 * What a hook returned, checked: nothing, a decision that this phase allows, or a Web `Response` (in a phase that
 * allows decisions at all). Everything else is a mistake that must not pass as "go on" (a guard that returns `false`
 * means "no"), so it throws `PROXY_HOOK_DECISION`, which is answered with 500.
 */
export function toDecision(
  value: unknown,
  allowed: readonly DecisionKind[],
  hookName: string,
): HookOutcome {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "object") {
    const { kind } = value as { kind?: unknown };
    if (typeof kind === "string") {
      const decision = value as RequestDecision;
      if (!allowed.includes(decision.kind)) throw wrong(value, allowed, hookName);
      const flaw = flawOf(decision);
      if (flaw !== undefined)
        throw decisionError(`${hookName} returned a ${kind} decision ${flaw}`);
      return decision;
    }
    if (allowed.length > 0 && isWebResponse(value)) return value;
  }
  throw wrong(value, allowed, hookName);
}

export function isFinalStatus(status: unknown): status is number {
  return typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
}

/** "upstream "apii" does not exist; did you mean "api"? Known: …" */
export function unknownUpstream(
  name: unknown,
  known: { keys(): IterableIterator<string> },
): ProxyError {
  const names = [...known.keys()];
  const near = typeof name === "string" ? nearestName(name, names) : undefined;
  const hint = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
  const listed = names.length === 0 ? "none is configured" : names.slice(0, 20).join(", ");
  return decisionError(`upstream ${show(name)} does not exist${hint} (known: ${listed})`);
}

function flawOf(decision: RequestDecision): string | undefined {
  switch (decision.kind) {
    case "forward":
      return typeof decision.upstream === "string" ? undefined : "without an upstream's name";
    case "respond":
      return isFinalStatus(decision.status)
        ? undefined
        : `with status ${show(decision.status)}: it takes 200 to 599`;
    case "block":
      if (typeof decision.reason !== "string") return "without a reason";
      return decision.status === undefined || isRefusal(decision.status)
        ? undefined
        : `with status ${show(decision.status)}: it takes 400 to 599`;
    case "challenge":
    case "drop":
      return undefined;
  }
}

export function isRefusal(status: unknown): status is number {
  return isFinalStatus(status) && status >= 400;
}

function wrong(value: unknown, allowed: readonly DecisionKind[], hookName: string): ProxyError {
  const decisions = allowed.map((kind) => `ctx.${kind}(…)`).join(", ");
  const may = allowed.length === 0 ? "nothing" : `nothing, a Response, or one of ${decisions}`;
  return decisionError(`${hookName} returned ${show(value)}; it may return ${may}`);
}

function decisionError(message: string): ProxyError {
  return new ProxyError("PROXY_HOOK_DECISION", { message });
}

function show(value: unknown): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return `the string ${JSON.stringify(value.slice(0, 64))}`;
    case "number":
    case "boolean":
    case "bigint":
      return String(value);
    case "object": {
      const { kind } = value as { kind?: unknown };
      if (typeof kind === "string")
        return `a decision of kind ${JSON.stringify(kind.slice(0, 64))}`;
      return `an object (${value.constructor?.name ?? "no class"})`;
    }
    default:
      return `a ${typeof value}`;
  }
}
