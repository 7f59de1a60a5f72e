import type { ContentSource } from "../http/content.ts";
import type { Coding } from "../http/content-codings.ts";
import { DIGEST_FIELDS } from "../http/digest-fields.ts";
import {
  fieldValue,
  listValue,
  removeField,
  setField,
  type RawFields,
} from "../http/raw-fields.ts";
import { sourceFromBytes } from "../http/readable-source.ts";
import type { Compression, CodingPlan } from "../primitives/compress/compression.ts";
import { codedFields, varyByCoding } from "../primitives/compress/coded-fields.ts";
import { hasVariantTag, notModifiedTag, toOriginTags } from "../primitives/compress/variant-tag.ts";
import { decodeContent, encodeContent } from "../primitives/content-coding/content-coding.ts";
import { encodeBytes, encodedAtOnce } from "../primitives/content-coding/encoder.ts";
import type { Flow } from "./flow.ts";
import type { OutgoingResponse } from "./outgoing-response.ts";

/** The rules for this request, or `undefined` where the config switches compression off. */
export function compressionOf(flow: Flow): Compression | undefined {
  const own = flow.routePlan?.compression;
  return own === undefined ? flow.parts.compression : (own ?? undefined);
}

/** Step 14, the head: decides, and brings the fields in line. `undefined`: the content goes out as it is. */
export function planCoding(flow: Flow, response: OutgoingResponse): CodingPlan | undefined {
  const compression = compressionOf(flow);
  if (compression === undefined) return undefined;
  const { fields, status } = response;
  const { exchange } = flow;
  if (status === 304 || status === 206) {
    if (compression.varies(fields)) varyByCoding(fields);
    if (status === 304) restoreTag(flow, fields);
    return undefined;
  }
  if (flow.compressionOff) return undefined;
  if (status === 204 || status === 416 || flow.method === "CONNECT") return undefined;
  if (response.content === undefined && exchange.method !== "HEAD") return undefined;
  const length = fieldValue(fields, "content-length");
  const plan = compression.plan(
    exchange.fields,
    fields,
    length === undefined ? undefined : Number(length),
  );
  if (plan.varies) varyByCoding(fields);
  if (plan.decode.length === 0 && plan.encode === undefined) return undefined;
  // Without chunks the end of the message is that of the connection, and half of it would look whole.
  if (exchange.protocol === "HTTP/1.0" && plan.decode.length === 0) return undefined;
  codedFields(fields, plan.encode);
  return plan;
}

/** Step 14, the content. Sets Content-Length where the result is known at once. */
export function codedContent(
  flow: Flow,
  response: OutgoingResponse,
  plan: CodingPlan,
  source: ContentSource,
): ContentSource {
  const { decode, encode } = plan;
  const plain = decodeContent(source, decode);
  const levels = compressionOf(flow)?.options.levels;
  if (encode === undefined || levels === undefined) return plain;
  const bytes = plain.bytes;
  if (bytes !== undefined) {
    const variant = storedVariant(flow, response, encode, bytes, levels[encode]);
    const coded = variant ?? encodedAtOnce(encode, bytes, levels[encode]);
    if (coded !== undefined) {
      setField(response.fields, "Content-Length", String(coded.length));
      return variant === undefined || response.variants === undefined
        ? sourceFromBytes(coded)
        : response.variants.lend(coded);
    }
  }
  return encodeContent(plain, [encode], levels);
}

/** Forms made at the same time: the threads are there for live streams and names too. What is not made now is made at a later hit. */
const MAX_MAKING = 2;
let making = 0;

/** What the store has; else it is made for the next one, unless hooks made this client's content its own. */
function storedVariant(
  flow: Flow,
  response: OutgoingResponse,
  coding: Coding,
  bytes: Uint8Array,
  level: number,
): Uint8Array | undefined {
  const { variants } = response;
  if (variants === undefined || response.contentReplaced || response.transforms !== undefined)
    return undefined;
  const known = variants.get(coding);
  if (known !== undefined || making >= MAX_MAKING || !variants.claim(coding)) return known;
  making += 1;
  const made = (coded: Uint8Array | undefined): void => {
    making -= 1;
    variants.put(coding, coded);
  };
  flow.parts.waitUntil(
    encodeBytes(coding, bytes, level).then(made, () => {
      made(undefined);
    }),
  );
  return undefined;
}

const STALE_IN_304 = ["accept-ranges", "content-length", ...DIGEST_FIELDS];

/** RFC 9110 §15.4.5: a 304 has the ETag that the 200 would have had, which is that of the client's variant. */
function restoreTag(flow: Flow, fields: RawFields): void {
  const asked = listValue(flow.exchange.fields, "if-none-match");
  const tag = fieldValue(fields, "etag");
  if (asked === undefined || tag === undefined || !hasVariantTag(asked)) return;
  const stored = notModifiedTag(tag, asked);
  if (stored === tag) return;
  setField(fields, "ETag", stored);
  // The client puts these into its stored head (RFC 9111 §3.2), and they are of other bytes.
  for (const name of STALE_IN_304) removeField(fields, name);
}

/**
 * The request's side: upstreams get tags that they know, in place. If-Match too: who holds the variant of `"v1"` holds
 * all that `"v1"` says. Not so If-Range (RFC 9110 §13.1.5): the client's part is one of coded bytes, which no part of
 * ours continues, so the range is dropped and it gets the whole.
 */
export function uncodedRequest(flow: Flow, fields: RawFields): void {
  const compression = compressionOf(flow);
  if (compression === undefined) return;
  translate(fields, "If-None-Match", "if-none-match");
  translate(fields, "If-Match", "if-match");
  const ifRange = fieldValue(fields, "if-range");
  if (ifRange !== undefined && hasVariantTag(ifRange)) {
    removeField(fields, "range");
    removeField(fields, "if-range");
  }
  if (compression.options.asksIdentity) setField(fields, "Accept-Encoding", "identity");
}

function translate(fields: RawFields, name: string, lower: string): void {
  const value = listValue(fields, lower);
  if (value !== undefined && hasVariantTag(value))
    setField(fields, name, toOriginTags(value), lower);
}
