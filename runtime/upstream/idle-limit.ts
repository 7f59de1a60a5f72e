import { ProxyError } from "../errors.ts";
import { fieldValue, type ReadonlyRawFields } from "../http/raw-fields.ts";

/** Responses whose silence says nothing: events come when there are any, calls last as long as both sides want. */
export function mayBeQuiet(head: ReadonlyRawFields | null): boolean {
  const type = head === null ? undefined : fieldValue(head, "content-type");
  return type !== undefined && /^(?:text\/event-stream|application\/grpc)/i.test(type);
}

export function idleError(idleTimeoutMs: number): ProxyError {
  return new ProxyError("PROXY_UPSTREAM_IDLE_TIMEOUT", {
    message: `the response was silent for ${idleTimeoutMs} ms before it was complete`,
  });
}
