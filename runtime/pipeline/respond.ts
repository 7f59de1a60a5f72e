import type { ProxyResponse } from "@gatewright/sdk";

import { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import { forwardableFields } from "../http/hop-by-hop.ts";
import { hasField, type RawFields, type ReadonlyRawFields } from "../http/raw-fields.ts";
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
  if (source === "hook" && flow.error?.status === status) addMissing(fields, flow.error.fields);
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

/** What a status needs (Retry-After, Allow) holds for the words that `onError` finds for it as well. */
function addMissing(fields: RawFields, more: ReadonlyRawFields): void {
  const missing: RawFields = [];
  for (let at = 0; at < more.length; at += 2) {
    const name = more[at] as string;
    if (!hasField(fields, name.toLowerCase())) missing.push(name, more[at + 1] as string);
  }
  fields.push(...missing);
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
