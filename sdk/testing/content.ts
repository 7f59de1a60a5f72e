import type { BodyInput } from "../headers.ts";
import { decisionTypeError } from "./hook-error.ts";

/** The content of a message in a test: read as often as one likes. */
export interface TestContent {
  /** Where it is known beforehand. */
  readonly length: number | undefined;
  /** Of a text that names none. */
  readonly type: string | undefined;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

const ENCODER = new TextEncoder();
export const DECODER: TextDecoder = new TextDecoder();

/** Throws for what the runtime would not take. */
export function toContent(body: BodyInput | undefined): TestContent | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") {
    return ofBytes(ENCODER.encode(body), "text/plain;charset=utf-8");
  }
  if (ArrayBuffer.isView(body)) {
    return ofBytes(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
  }
  if (body instanceof ArrayBuffer) return ofBytes(new Uint8Array(body));
  const shape = body as Partial<ReadableStream & AsyncIterable<Uint8Array | string>>;
  if (typeof body === "object" && typeof shape.getReader === "function") {
    if (shape.locked === true) {
      throw decisionTypeError("the content is a stream that somebody already reads");
    }
    return ofChunks(body as ReadableStream<Uint8Array>);
  }
  if (typeof body === "object" && typeof shape[Symbol.asyncIterator] === "function") {
    return ofChunks(body as AsyncIterable<Uint8Array | string>);
  }
  const got =
    typeof body === "object" ? ((body as object).constructor?.name ?? "object") : typeof body;
  throw decisionTypeError(
    `content takes a string, bytes, a ReadableStream or an async iterable, got ${got} (use ctx.json for objects)`,
  );
}

function ofBytes(bytes: Uint8Array, type?: string): TestContent {
  // A copy for each reader: what it does to its bytes is its own matter.
  return { length: bytes.byteLength, type, read: async () => Uint8Array.from(bytes) };
}

function ofChunks(chunks: AsyncIterable<Uint8Array | string>): TestContent {
  let whole: Promise<Uint8Array<ArrayBuffer>> | undefined;
  return {
    length: undefined,
    type: undefined,
    async read() {
      whole ??= concat(chunks);
      return Uint8Array.from(await whole);
    },
  };
}

export async function concat(
  chunks: AsyncIterable<Uint8Array | string>,
): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const bytes = typeof chunk === "string" ? ENCODER.encode(chunk) : chunk;
    all.push(bytes);
    length += bytes.byteLength;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const bytes of all) {
    whole.set(bytes, at);
    at += bytes.byteLength;
  }
  return whole;
}
