import type { BodyInput, HeaderFields, ProxyRequest } from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { cookieValue } from "../../http/cookie.ts";
import { isToken } from "../../http/field-syntax.ts";
import { hookTypeError } from "./field-error.ts";
import { HeaderFieldsFacade } from "./header-fields.ts";
import { replaceContent } from "./replaced-content.ts";
import type { RequestState } from "./request-state.ts";
import { pathText, searchText } from "./target-text.ts";

const NO_BYTES = new Uint8Array(0);
const DECODER = new TextDecoder();

/** The request for hooks. Holds nothing but what was asked for already; all changes go to the state. */
export class ProxyRequestFacade implements ProxyRequest {
  readonly #state: RequestState;
  #headers: HeaderFieldsFacade | undefined = undefined;
  #query: URLSearchParams | undefined = undefined;

  constructor(state: RequestState) {
    this.#state = state;
  }

  get method(): string {
    return this.#state.method;
  }

  set method(method: string) {
    // CONNECT asks for a tunnel: the connection would stop being HTTP.
    if (typeof method !== "string" || !isToken(method) || method === "CONNECT") {
      throw hookTypeError(
        "PROXY_HOOK_FIELD",
        `request.method cannot be ${JSON.stringify(method)}: it takes a method name other than CONNECT`,
      );
    }
    this.#state.method = method;
  }

  get url(): string {
    const { scheme, authority, rawPath, rawSearch } = this.#state;
    return rawPath === "*"
      ? `${scheme}://${authority}`
      : `${scheme}://${authority}${rawPath}${rawSearch}`;
  }

  get scheme(): "http" | "https" {
    return this.#state.scheme;
  }

  get host(): string {
    return this.#state.authority.toLowerCase();
  }

  get path(): string {
    return this.#state.newPath ?? this.#state.normalizedPath;
  }

  set path(path: string) {
    this.#state.newPath = pathText(path);
  }

  get rawPath(): string {
    return this.#state.rawPath;
  }

  get search(): string {
    return this.#state.newSearch ?? this.#state.rawSearch;
  }

  set search(search: string) {
    this.#state.newSearch = searchText(search);
    this.#query = undefined;
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.search));
  }

  get protocol(): "HTTP/1.0" | "HTTP/1.1" | "HTTP/2" {
    return this.#state.protocol;
  }

  get headers(): HeaderFields {
    return (this.#headers ??= new HeaderFieldsFacade(this.#state, this.#state));
  }

  get hasContent(): boolean {
    return this.#state.content !== undefined;
  }

  get signal(): AbortSignal {
    return this.#state.signal;
  }

  cookie(name: string): string | undefined {
    return cookieValue(this.#state.fields, name);
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    // A copy: what a hook does to its bytes must not change what is forwarded.
    return Uint8Array.from(await this.#read());
  }

  async text(): Promise<string> {
    return DECODER.decode(await this.#read());
  }

  async json(): Promise<unknown> {
    return JSON.parse(DECODER.decode(await this.#read())) as unknown;
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get("content-type") ?? "";
    const bytes = await this.#read();
    // Throws a TypeError for a type that is no form and for content that is not what the type says.
    return new Response(bytes, { headers: { "content-type": type } }).formData();
  }

  setBody(body: BodyInput): void {
    const state = this.#state;
    const content = replaceContent(state, body, body !== null);
    // With a buffer, the client's content was read or is being read: it ends by itself, within the limit.
    if (state.buffer === undefined) state.content?.cancel();
    else state.buffer.release();
    state.content = content;
    state.buffer = undefined;
    state.contentReplaced = true;
    state.contentSpent = false;
  }

  toWeb(): Request {
    const { scheme, authority, method } = this.#state;
    const path = this.#state.newPath ?? this.#state.rawPath;
    // HTTP/1.0 may come without a Host, and `OPTIONS *` without a path; a Web Request needs both.
    const origin = `${scheme}://${authority === "" ? "localhost" : authority}`;
    const url = origin + (path === "*" ? "/" : path) + this.search;
    const init: RequestInit & { duplex?: "half" } = { method, headers: this.headers.toWeb() };
    // The Web platform knows no content with these methods.
    if (this.hasContent && method !== "GET" && method !== "HEAD") {
      init.body = this.#stream();
      init.duplex = "half";
    }
    return new Request(url, init);
  }

  #read(): Promise<Uint8Array<ArrayBuffer>> {
    const state = this.#state;
    if (state.buffer === undefined) {
      if (state.content === undefined) return Promise.resolve(NO_BYTES);
      if (state.contentSpent && state.content.bytes === undefined) {
        return Promise.reject(
          new ProxyError("PROXY_HOOK_FAILED", {
            message: "the request's content has been forwarded already: read it in onRequest",
          }),
        );
      }
      state.buffer = state.bufferContent(state.content);
    }
    return state.buffer.read();
  }

  #stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream(
      {
        pull: async (controller) => {
          const bytes = await this.bytes();
          if (bytes.length > 0) controller.enqueue(bytes);
          controller.close();
        },
      },
      // Nothing is read before somebody reads from it.
      { highWaterMark: 0 },
    );
  }
}
