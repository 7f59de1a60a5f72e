import type { ProxyResponse } from "@gatewright/sdk";

import { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import { forwardableFields } from "../http/hop-by-hop.ts";
import { hasField, type RawFields } from "../http/raw-fields.ts";
import { sourceFromBytes } from "../http/readable-source.ts";
import { hasNoContent } from "../http/status.ts";
import { fromWebResponse } from "../http/web-response.ts";
import { declaredCodingHolds } from "../primitives/content-coding/sniff.ts";
import type { Flow } from "./flow.ts";
import { OutgoingResponse } from "./outgoing-response.ts";

/** Answers without an upstream: a route's, a hook's or our own response. Takes `fields` over. */
export function respond(
  flow: Flow,
  status: number,
  fields: RawFields,
  content: ContentSource | Uint8Array | undefined,
  source: ProxyResponse["source"],
): void {
  if (flow.stage === "over") {
    if (content !== undefined && !(content instanceof Uint8Array)) content.cancel();
    return;
  }
  const body = content instanceof Uint8Array ? sourceFromBytes(content) : content;
  const empty = body === undefined && !hasNoContent(flow.exchange.method, status);
  const length = empty ? 0 : body?.length;
  if (length !== undefined && !hasField(fields, "content-length")) {
    fields.push("Content-Length", String(length));
  }
  flow.response = new OutgoingResponse(
    status,
    fields,
    body,
    source,
    flow.exchange.method === "HEAD",
    flow.parts.responseContentMemory,
  );
  flow.stage = "response";
  flow.runResponseHooks();
}

/** Answers with a Web Response that a hook returned. */
export function respondWeb(flow: Flow, response: Response): void {
  const turn = flow.turn;
  const forHead = flow.exchange.method === "HEAD";
  fromWebResponse(response, declaredCodingHolds, forHead).then(
    (raw) => {
      if (flow.turn !== turn) {
        raw.content?.cancel();
        return;
      }
      // A fetched Response brings its own connection's fields along.
      respond(flow, raw.status, forwardableFields(raw.fields, "response"), raw.content, "hook");
    },
    (error: unknown) => {
      if (flow.turn === turn) flow.fail(new ProxyError("PROXY_HOOK_FAILED", { cause: error }));
    },
  );
}
