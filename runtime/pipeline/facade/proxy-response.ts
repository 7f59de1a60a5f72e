import type { BodyInput, HeaderFields, ProxyResponse, TransformFunction } from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { parseCodings } from "../../http/content-codings.ts";
import { createReplayBuffer } from "../../primitives/content-buffer/content-buffer.ts";
import { decodeBytes, unknownCodingError } from "../../primitives/content-coding/coding.ts";
import { isFinalStatus } from "./decision.ts";
import { hookRangeError, hookTypeError } from "./field-error.ts";
import { HeaderFieldsFacade } from "./header-fields.ts";
import { replaceContent } from "./replaced-content.ts";
import type { ResponseState } from "./response-state.ts";

const NO_BYTES = new Uint8Array(0);
const DECODER = new TextDecoder();

/** The response for hooks. All changes go to the state; content is read decoded while the coded bytes stay as they came. */
export class ProxyResponseFacade implements ProxyResponse {
  readonly #state: ResponseState;
  #headers: HeaderFieldsFacade | undefined = undefined;
  #decoded: Promise<Uint8Array<ArrayBuffer>> | undefined = undefined;

  constructor(state: ResponseState) {
    this.#state = state;
  }

  get status(): number {
    return this.#state.status;
  }

  set status(status: number) {
    if (!isFinalStatus(status)) {
      throw hookRangeError(
        "PROXY_HOOK_DECISION",
        `response.status takes a whole number from 200 to 599, got ${String(status)}`,
      );
    }
    this.#state.status = status;
  }

  get ok(): boolean {
    const { status } = this.#state;
    return status >= 200 && status < 300;
  }

  get headers(): HeaderFields {
    return (this.#headers ??= new HeaderFieldsFacade(this.#state));
  }

  get source(): ProxyResponse["source"] {
    return this.#state.source;
  }

  get hasContent(): boolean {
    const { content, forHead, status } = this.#state;
    return content !== undefined && !forHead && statusAllowsContent(status);
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    // A copy: what a hook does to its bytes must not change what is sent.
    return Uint8Array.from(await this.#read());
  }

  async text(): Promise<string> {
    return DECODER.decode(await this.#read());
  }

  async json(): Promise<unknown> {
    return JSON.parse(DECODER.decode(await this.#read())) as unknown;
  }

  setBody(body: BodyInput): void {
    const state = this.#state;
    // RFC 9110 §15.3.7: a 206 is a part of something; the hook's content is a whole.
    const status = state.status === 206 ? 200 : state.status;
    const content = replaceContent(state, body, statusAllowsContent(status));
    state.status = status;
    // With a buffer, the old content was read or is being read: it ends by itself, within the limit.
    if (state.buffer === undefined) state.content?.cancel();
    state.content = content;
    state.buffer = undefined;
    state.contentReplaced = true;
    state.contentSpent = false;
    state.transforms = undefined;
    this.#decoded = undefined;
  }

  transform(fn: TransformFunction): void {
    if (typeof fn !== "function") {
      throw hookTypeError(
        "PROXY_HOOK_DECISION",
        "response.transform takes a function: async function* (chunks) { … }",
      );
    }
    (this.#state.transforms ??= []).push(fn);
  }

  async toWeb(): Promise<Response> {
    const { status } = this.#state;
    const bytes = this.hasContent ? await this.bytes() : null;
    const headers = this.headers.toWeb();
    // The body is decoded; a copy of the old length and coding would be wrong for it.
    headers.delete("content-encoding");
    headers.delete("content-length");
    return new Response(status === 205 ? null : bytes, { status, headers });
  }

  #read(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#decoded === undefined) {
      this.#decoded = this.#decode();
      // The failure belongs to whoever awaits it, this hook or a later one.
      this.#decoded.catch(ignore);
    }
    return this.#decoded;
  }

  async #decode(): Promise<Uint8Array<ArrayBuffer>> {
    const state = this.#state;
    const { content, responseContentMemory } = state;
    if (content === undefined || !this.hasContent) return NO_BYTES;
    const coding = state.contentReplaced ? null : this.headers.get("content-encoding");
    const codings = parseCodings(coding);
    if (codings === undefined) throw unknownCodingError(coding ?? "");
    const bytes = await this.#coded();
    return codings.length === 0 ? bytes : decodeBytes(bytes, codings, responseContentMemory);
  }

  #coded(): Promise<Uint8Array<ArrayBuffer>> {
    const state = this.#state;
    if (state.buffer === undefined) {
      const { content } = state;
      if (content === undefined) return Promise.resolve(NO_BYTES);
      if (state.contentSpent && content.bytes === undefined) {
        return Promise.reject(
          new ProxyError("PROXY_HOOK_FAILED", {
            message: "the response's content has been sent already: read it in onResponse",
          }),
        );
      }
      state.buffer = createReplayBuffer(content, state.responseContentMemory, "response");
    }
    return state.buffer.read();
  }
}

/** RFC 9110 §15.3.5 and §15.4.5. */
function statusAllowsContent(status: number): boolean {
  return status !== 204 && status !== 304;
}

function ignore(): void {}
