import { ProxyError } from "../../errors.ts";
import type { TargetSet } from "./target-set.ts";

/** What a client is told that comes when all places are taken. Nothing better is known: it is a matter of moments. */
const RETRY_AFTER = ["Retry-After", "1"];

type BusyCode =
  | "PROXY_UPSTREAM_QUEUE_FULL"
  | "PROXY_UPSTREAM_QUEUE_TIMEOUT"
  | "PROXY_UPSTREAM_UNAVAILABLE";

/** A refusal with 503 that says when to come back. */
export function busy(code: BusyCode, message: string): ProxyError {
  return new ProxyError(code, { message, fields: RETRY_AFTER });
}

/** Why a request gets no target, where the set has none to give; `undefined` while they are still being looked up. */
export function refusal(targets: TargetSet): ProxyError | undefined {
  const { name, unresolved } = targets;
  if (targets.isPending) return undefined;
  if (targets.members.length > 0) {
    const message = `no target of ${name} may be used: their circuit breakers are open`;
    return busy("PROXY_UPSTREAM_UNAVAILABLE", message);
  }
  const message = `no address of ${name} is known${unresolved === undefined ? "" : `: ${unresolved}`}`;
  return new ProxyError("PROXY_UPSTREAM_CONNECT", { message });
}
