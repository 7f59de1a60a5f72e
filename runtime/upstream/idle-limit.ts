import { ProxyError } from "../errors.ts";
import { fieldValue, type ReadonlyRawFields } from "../http/raw-fields.ts";

/**
 * How long a response has been silent, told at each half of its idle limit. Twice in silence, then it is too long: chunks
 * need no clock that way, and a stall of ours is no silence of theirs.
 */
export class Silence {
  /** Something has come since the last look. */
  heard = false;
  #silences = 0;

  /** At a look: whether it is too long now. `mayWait`: it is for us to go on, or for the request's content. */
  isTooLong(mayWait: boolean): boolean {
    this.#silences = this.heard || mayWait ? 0 : this.#silences + 1;
    this.heard = false;
    return this.#silences >= 2;
  }
}

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
