import type { BodyInput, HeadersInput } from "@gatewright/sdk";

import type { ContentSource } from "../../http/content.ts";
import { hasField, type RawFields } from "../../http/raw-fields.ts";
import {
  sourceFromAsyncIterable,
  sourceFromBytes,
  sourceFromReadableStream,
} from "../../http/readable-source.ts";
import { fieldValueText, isConnectionField, lowerName } from "./field-checks.ts";
import { hookTypeError } from "./field-error.ts";

/**
 * What a hook gave as content, as a source; `undefined` for none. Text gets a `Content-Type` in `fields` unless there is
 * one. Throws a `TypeError` for anything else: `[object Object]` is nobody's content.
 */
export function toContent(
  body: BodyInput | undefined,
  fields: RawFields,
): ContentSource | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") {
    if (!hasField(fields, "content-type")) fields.push("Content-Type", "text/plain;charset=utf-8");
    return sourceFromBytes(Buffer.from(body));
  }
  if (body instanceof Uint8Array) return sourceFromBytes(body);
  if (ArrayBuffer.isView(body)) {
    const { buffer, byteOffset, byteLength } = body as ArrayBufferView;
    return sourceFromBytes(new Uint8Array(buffer, byteOffset, byteLength));
  }
  if (body instanceof ArrayBuffer) return sourceFromBytes(new Uint8Array(body));
  if (typeof body === "object") {
    const shape = body as Partial<ReadableStream & AsyncIterable<Uint8Array | string>>;
    if (typeof shape.getReader === "function") {
      if (shape.locked === true) {
        throw hookTypeError(
          "PROXY_HOOK_DECISION",
          "the content is a stream that somebody already reads",
        );
      }
      return sourceFromReadableStream(body as ReadableStream<Uint8Array>);
    }
    if (typeof shape[Symbol.asyncIterator] === "function") {
      return sourceFromAsyncIterable(body as AsyncIterable<Uint8Array | string>);
    }
  }
  const got =
    typeof body === "object" ? ((body as object).constructor?.name ?? "object") : typeof body;
  throw hookTypeError(
    "PROXY_HOOK_DECISION",
    `content takes a string, bytes, a ReadableStream or an async iterable, got ${got} (use ctx.json for objects)`,
  );
}

/**
 * What a hook gave as fields, as a raw list, checked like `headers.set`. Fields that belong to the connection are left
 * out instead of refused: a `Headers` of another response has them as a matter of course.
 */
export function toFields(headers: HeadersInput | undefined): RawFields {
  const fields: RawFields = [];
  if (headers === undefined) return fields;
  if (typeof headers !== "object" || headers === null) {
    throw hookTypeError(
      "PROXY_HOOK_FIELD",
      "headers take a Headers object, a plain object or a list of [name, value]",
    );
  }
  if (typeof (headers as Partial<Iterable<unknown>>)[Symbol.iterator] === "function") {
    for (const pair of headers as Iterable<readonly [string, string]>) {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw hookTypeError("PROXY_HOOK_FIELD", "a list of headers takes [name, value] pairs");
      }
      add(fields, pair[0] as string, pair[1] as string);
    }
    return fields;
  }
  for (const [name, value] of Object.entries(headers as Readonly<Record<string, unknown>>)) {
    if (Array.isArray(value)) for (const line of value) add(fields, name, line as string);
    else add(fields, name, value as string);
  }
  return fields;
}

function add(fields: RawFields, name: string, value: string | number): void {
  if (isConnectionField(lowerName(name))) return;
  fields.push(name, fieldValueText(name, value));
}
