import type { BodyInput, HeaderFields, HeadersInput } from "../headers.ts";
import type { ProxyResponse, TransformFunction } from "../response.ts";
import { concat, DECODER, toContent, type TestContent } from "./content.ts";
import { TestFields, toLines } from "./fields.ts";
import { decisionRangeError, decisionTypeError } from "./hook-error.ts";

/** What {@link makeResponse} takes beside the content. */
export interface ResponseInit {
  /** Default 200. */
  readonly status?: number;
  /** In order. */
  readonly headers?: HeadersInput;
  /** Default `"upstream"`. */
  readonly source?: ProxyResponse["source"];
  /** It answers a HEAD request. Default false. */
  readonly forHead?: boolean;
}

/** A response of a test, and what the hook has made of it. */
export interface TestResponse extends ProxyResponse {
  /** The content as the client would get it before compression: every declared edit has run. */
  sentBytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** The same as text. */
  sentText(): Promise<string>;
}

/** Of the chunks that edits get. */
const CHUNK_BYTES = 65_536;

/**
 * A response for one hook, without a proxy: behaves as the one that the runtime gives to hooks.
 *
 * @example
 * ```ts
 * const response = makeResponse("<html></html>", { headers: { "content-type": "text/html" } });
 * ```
 */
export function makeResponse(body?: BodyInput, init: ResponseInit = {}): TestResponse {
  return new ResponseUnderTest(body, init);
}

class ResponseUnderTest implements TestResponse {
  readonly source: ProxyResponse["source"];
  readonly headers: HeaderFields;
  readonly #fields: TestFields;
  readonly #forHead: boolean;
  #status = 200;
  #content: TestContent | undefined;
  #isReplaced = false;
  #transforms: TransformFunction[] = [];

  constructor(body: BodyInput | undefined, init: ResponseInit) {
    this.status = init.status ?? 200;
    this.source = init.source ?? "upstream";
    this.#forHead = init.forHead ?? false;
    this.#content = toContent(body);
    this.#fields = new TestFields(toLines(init.headers), false);
    this.headers = this.#fields;
  }

  get status(): number {
    return this.#status;
  }

  set status(status: number) {
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw decisionRangeError(
        `response.status takes a whole number from 200 to 599, got ${String(status)}`,
      );
    }
    this.#status = status;
  }

  get ok(): boolean {
    return this.#status < 300;
  }

  get hasContent(): boolean {
    return this.#content !== undefined && !this.#forHead && allowsContent(this.#status);
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.hasContent) return new Uint8Array(0);
    const bytes = (await this.#content?.read()) ?? new Uint8Array(0);
    return this.#isReplaced ? bytes : decode(bytes, this.#fields.get("content-encoding"));
  }

  async text(): Promise<string> {
    return DECODER.decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  setBody(body: BodyInput): void {
    const content = toContent(body);
    // RFC 9110 §15.3.7: a 206 is a part of something; the hook's content is a whole.
    if (this.#status === 206) this.#status = 200;
    const declares = allowsContent(this.#status);
    this.#fields.describe(
      declares ? (content === undefined ? 0 : content.length) : undefined,
      declares ? content?.type : undefined,
    );
    this.#content = content;
    this.#isReplaced = true;
    this.#transforms = [];
  }

  transform(fn: TransformFunction): void {
    if (typeof fn !== "function") {
      throw decisionTypeError(
        "response.transform takes a function: async function* (chunks) { … }",
      );
    }
    this.#transforms.push(fn);
  }

  async toWeb(): Promise<Response> {
    const headers = this.#fields.toWeb();
    headers.delete("content-encoding");
    headers.delete("content-length");
    const body = this.hasContent && this.#status !== 205 ? await this.bytes() : null;
    return new Response(body, { status: this.#status, headers });
  }

  async sentBytes(): Promise<Uint8Array<ArrayBuffer>> {
    let chunks: AsyncIterable<Uint8Array> = pieces(await this.bytes());
    for (const transform of this.#transforms) chunks = inBytes(transform(chunks));
    return concat(chunks);
  }

  async sentText(): Promise<string> {
    return DECODER.decode(await this.sentBytes());
  }
}

function allowsContent(status: number): boolean {
  return status !== 204 && status !== 304;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    yield bytes.slice(at, at + CHUNK_BYTES);
  }
}

/** Between two edits there are bytes, at most 64 KiB at a time. */
async function* inBytes(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const chunk of chunks) {
    yield* pieces(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  }
}

async function decode(
  bytes: Uint8Array<ArrayBuffer>,
  coding: string | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const codings = (coding ?? "")
    .split(",")
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== "" && one !== "identity");
  let stream = new Blob([bytes]).stream();
  for (const one of codings.toReversed()) {
    if (one !== "gzip" && one !== "x-gzip" && one !== "deflate") {
      throw new Error(
        `makeResponse decodes gzip and deflate only, not ${one}: give the plain content instead`,
      );
    }
    const format = one === "deflate" ? "deflate" : "gzip";
    stream = stream.pipeThrough(new DecompressionStream(format));
  }
  return concat(stream);
}
