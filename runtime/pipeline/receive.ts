import type { ProxyError } from "../errors.ts";
import { forwardableFields } from "../http/hop-by-hop.ts";
import { fieldValue, removeField, type RawFields } from "../http/raw-fields.ts";
import { hasNoContent } from "../http/status.ts";
import { cacheFailed, cacheHead, invalidateAfter } from "./cache/store-response.ts";
import type { Flow } from "./flow.ts";
import { OutgoingResponse } from "./outgoing-response.ts";
import { sendChunk, sendEnd } from "./send.ts";
import { UpstreamContent } from "./upstream-content.ts";
import { passWafResponse } from "./waf-response.ts";

/** 102, 103 and the like go through as they come; 100 is between us and each side. */
export function receiveInformational(flow: Flow, status: number, fields: RawFields): void {
  if (status === 100 || status === 101) return;
  flow.exchange.writeInformational(status, forwardableFields(fields, "response"));
}

export function receiveHead(flow: Flow, status: number, fields: RawFields): void {
  const { exchange, parts } = flow;
  flow.headAt = parts.clock.monotonic();
  if (flow.cacheUse !== undefined && cacheHead(flow, flow.cacheUse, status, fields)) return;
  if (parts.cache !== undefined) invalidateAfter(flow, status, fields);
  flow.stage = "response";
  const forHead = exchange.method === "HEAD";
  const kept = forwardableFields(fields, "response");
  let content: UpstreamContent | undefined;
  if (hasNoContent(flow.method, status)) {
    // A hook turned the client's GET into a HEAD: the length belongs to content that will not come.
    if (!hasNoContent(exchange.method, status)) removeField(kept, "content-length");
  } else {
    const length = fieldValue(fields, "content-length");
    content = new UpstreamContent(length === undefined ? undefined : Number(length));
    flow.upstreamContent = content;
    if (flow.call !== undefined) content.attach(flow.call);
  }
  flow.response = new OutgoingResponse(
    status,
    kept,
    content,
    "upstream",
    forHead,
    parts.responseContentMemory,
  );
  if (parts.waf === undefined || passWafResponse(flow, parts.waf)) flow.runUpstreamResponseHooks();
}

export function receiveData(flow: Flow, chunk: Uint8Array): void {
  if (flow.direct) {
    sendChunk(flow, chunk);
  } else {
    flow.upstreamContent?.push(chunk);
  }
}

export function receiveEnd(flow: Flow, trailers: RawFields): void {
  if (flow.direct) {
    sendEnd(flow, trailers);
  } else {
    flow.upstreamContent?.finish(trailers);
  }
}

/** Before the head: an error answer. After it: the message is cut, so that half a document never looks whole (RFC 9112 §8). */
export function receiveError(flow: Flow, error: ProxyError): void {
  if (flow.cacheUse?.isFilling === true) {
    // Its readers learn it, this client too if it is one of them.
    flow.upstreamContent?.fail(error);
    return;
  }
  if (flow.stage === "over") return;
  if (
    flow.cacheUse !== undefined &&
    flow.stage === "forward" &&
    cacheFailed(flow, flow.cacheUse, error)
  )
    return;
  const content = flow.upstreamContent;
  if (content !== undefined && !flow.direct) {
    // Whoever reads the content learns it from there: a hook's `text()` rejects, a transform stops. Some tell the flow
    // at once, which then has no content any more.
    content.fail(error);
    if (content.opened) return;
  }
  flow.fail(error);
}
