import type { BodyInput, HeaderFields, HeadersInput } from "../headers.ts";
import type { ProxyRequest } from "../request.ts";
import { DECODER, toContent, type TestContent } from "./content.ts";
import { isToken, TestFields, toLines } from "./fields.ts";
import { fieldError } from "./hook-error.ts";
import { normalPath, pathText, searchText } from "./target.ts";

/** What {@link makeRequest} takes beside the target. */
export interface RequestInit {
  /** Default `"GET"`. */
  readonly method?: string;
  /** In order. `Host` follows from the URL unless it is given. */
  readonly headers?: HeadersInput;
  /** Default: none. */
  readonly body?: BodyInput;
  /** Default `"HTTP/1.1"`. */
  readonly protocol?: ProxyRequest["protocol"];
  /** Default: one that never fires. */
  readonly signal?: AbortSignal;
}

/**
 * A request for one hook, without a proxy: behaves as the one that the runtime gives to hooks.
 *
 * @param url A path (then the host is `localhost`) or an absolute http(s) URL.
 * @example
 * ```ts
 * const request = makeRequest("/login", { method: "POST", body: JSON.stringify({ name: "ada" }) });
 * ```
 */
export function makeRequest(url: string | URL = "/", init: RequestInit = {}): ProxyRequest {
  return new TestRequest(String(url), init);
}

class TestRequest implements ProxyRequest {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly rawPath: string;
  readonly protocol: ProxyRequest["protocol"];
  readonly headers: HeaderFields;
  readonly signal: AbortSignal;
  readonly #fields: TestFields;
  readonly #authority: string;
  readonly #rawSearch: string;
  #method: string;
  #path: string;
  /** What would be forwarded: as sent, unless a hook has set another. */
  #forwarded: string;
  #search: string;
  #query: URLSearchParams | undefined;
  #content: TestContent | undefined;

  constructor(url: string, init: RequestInit) {
    const [, scheme = "http", authority = "localhost", target = "/"] =
      /^(?:(https?):\/\/([^/?#]+))?([^#]*)/i.exec(url) ?? [];
    const query = target.indexOf("?");
    const path = query === -1 ? target : target.slice(0, query);
    this.scheme = scheme.toLowerCase() as "http" | "https";
    this.rawPath = path === "" ? "/" : path;
    this.#rawSearch = query === -1 ? "" : target.slice(query);
    this.#search = this.#rawSearch;
    this.#path = normalPath(this.rawPath);
    this.#forwarded = this.rawPath;
    this.protocol = init.protocol ?? "HTTP/1.1";
    this.signal = init.signal ?? new AbortController().signal;
    this.#method = methodText(init.method ?? "GET");
    const content = toContent(init.body);
    const lines = toLines(init.headers);
    const host = lines.find(([name]) => name.toLowerCase() === "host")?.[1];
    if (host === undefined) lines.unshift(["Host", authority]);
    this.#authority = host ?? authority;
    this.host = this.#authority.toLowerCase();
    this.#fields = new TestFields(lines, true);
    if (content !== undefined) this.#fields.complete(content.length, content.type);
    this.headers = this.#fields;
    this.#content = content;
  }

  get method(): string {
    return this.#method;
  }

  set method(method: string) {
    this.#method = methodText(method);
  }

  get url(): string {
    return `${this.scheme}://${this.#authority}${this.rawPath}${this.#rawSearch}`;
  }

  get path(): string {
    return this.#path;
  }

  set path(path: string) {
    this.#path = pathText(path);
    this.#forwarded = this.#path;
  }

  get search(): string {
    return this.#search;
  }

  set search(search: string) {
    this.#search = searchText(search);
    this.#query = undefined;
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.#search));
  }

  get hasContent(): boolean {
    return this.#content !== undefined;
  }

  cookie(name: string): string | undefined {
    for (const line of this.#fields.getAll("cookie")) {
      for (const part of line.split(";")) {
        const pair = part.replace(/^[ \t]+|[ \t]+$/g, "");
        const equals = pair.indexOf("=");
        if (equals === name.length && pair.startsWith(name)) {
          return pair.slice(equals + 1).replace(/^"(.*)"$/, "$1");
        }
      }
    }
    return undefined;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#content?.read()) ?? new Uint8Array(0);
  }

  async text(): Promise<string> {
    return DECODER.decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  async formData(): Promise<FormData> {
    const type = this.#fields.get("content-type") ?? "";
    return new Response(await this.bytes(), { headers: { "content-type": type } }).formData();
  }

  setBody(body: BodyInput): void {
    const content = toContent(body);
    this.#fields.describe(body === null ? undefined : content?.length, content?.type);
    this.#content = content;
  }

  toWeb(): Request {
    const headers = this.#fields.toWeb();
    const url = `${this.scheme}://${this.#authority}${this.#forwarded}${this.#search}`;
    const content = this.#content;
    if (content === undefined || this.#method === "GET" || this.#method === "HEAD") {
      return new Request(url, { method: this.#method, headers });
    }
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          controller.enqueue(await content.read());
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Request(url, { method: this.#method, headers, body, duplex: "half" });
  }
}

function methodText(method: string): string {
  if (isToken(method) && method !== "CONNECT") return method;
  throw fieldError(
    `request.method cannot be ${JSON.stringify(method)}: it takes a method name other than CONNECT`,
  );
}
