import { isNotModified } from "../../http/conditional.ts";
import {
  fieldValue,
  removeField,
  setField,
  type RawFields,
  type ReadonlyRawFields,
} from "../../http/raw-fields.ts";
import type { ContentSource } from "../../http/content.ts";
import { hasVariantTag, toOriginTags } from "../../primitives/compress/variant-tag.ts";
import type { StoredResponse } from "../../primitives/cache/stored-response.ts";
import type { Flow } from "../flow.ts";
import { OutgoingResponse } from "../outgoing-response.ts";
import { addCacheStatus } from "./cache-status.ts";
import { partOf } from "./stored-part.ts";

/** Sends what is stored: whole, a part, or 304. Also for a stale one whose validation has just succeeded. */
export function answerStored(flow: Flow, stored: StoredResponse): void {
  const now = flow.parts.clock.now();
  const request = flow.cacheUse?.request ?? flow.selectingFields;
  const fields: RawFields = [...stored.fields, "Age", String(stored.ageSeconds(now))];
  const ttl = Math.floor((stored.freshUntil - now) / 1000);
  addCacheStatus(flow, fields, ttl, stored.verdict.heuristic);
  flow.stage = "response";
  const { method } = flow.exchange;
  if (stored.status === 200 && isNotModified(conditionsOf(request), stored.fields, stored.bornAt)) {
    // RFC 9110 §15.4.5: only what the client needs to update what it has.
    for (const name of ["content-length", "content-type", "content-encoding"])
      removeField(fields, name);
    answer(flow, 304, fields, undefined);
    flow.runResponseHooks();
    return;
  }
  const part =
    method === "GET" && stored.status === 200 ? partOf(flow, request, stored, fields) : undefined;
  if (part !== undefined) {
    answer(flow, part.status, fields, stored.lend(part.body));
    flow.runResponseHooks();
    return;
  }
  const response = answer(flow, stored.status, fields, stored.lend(stored.body));
  response.variants = stored;
  flow.runResponseHooks();
}

function answer(
  flow: Flow,
  status: number,
  fields: RawFields,
  content: ContentSource | undefined,
): OutgoingResponse {
  const response = new OutgoingResponse(
    status,
    fields,
    content,
    "upstream",
    flow.exchange.method === "HEAD",
    flow.parts.responseContentMemory,
  );
  flow.response = response;
  return response;
}

/** The client's conditions, with the tags that the upstream gave in place of those of our coded variants. */
function conditionsOf(request: ReadonlyRawFields): ReadonlyRawFields {
  const tags = fieldValue(request, "if-none-match");
  if (tags === undefined || !hasVariantTag(tags)) return request;
  const fields = [...request];
  setField(fields, "If-None-Match", toOriginTags(tags));
  return fields;
}
