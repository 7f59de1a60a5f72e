import type { ClientCertificate } from "@gatewright/sdk";

import type { ConnectionFacts, Exchange } from "../downstream/exchange.ts";
import type { RawFields } from "../http/raw-fields.ts";
import type { WebExchangeRequest } from "./web-exchange.ts";

/** Who asks. */
export interface TestClient {
  /** IP address. Default `"127.0.0.1"`. */
  readonly address?: string;
  /** Default 50000. */
  readonly port?: number;
  /** Default `"HTTP/1.1"`. */
  readonly protocol?: Exchange["protocol"];
  /** TLS server name. Default: the URL's host, with https. */
  readonly servername?: string;
  /** The certificate that it has shown. */
  readonly certificate?: ClientCertificate;
}

export interface TestRequestInit extends RequestInit {
  /** Over the proxy's `client`. */
  readonly client?: TestClient;
  /** Called for 103 and the like. */
  readonly onInformational?: (status: number, headers: Headers) => void;
}

export interface WebRequestTerms {
  /** Where a path alone is asked for. */
  readonly origin: string;
  readonly client: TestClient;
  readonly redirectPort: (scheme: "http" | "https", port: number) => number | undefined;
  readonly now: () => number;
}

/** A path, URL or Request as the connection of a client would bring it. */
export async function toExchangeRequest(
  input: string | URL | Request,
  init: TestRequestInit,
  terms: WebRequestTerms,
): Promise<WebExchangeRequest> {
  const { client: own, onInformational, ...rest } = init;
  const client = { ...terms.client, ...own };
  const given = input instanceof Request ? input.url : String(input);
  const written = given.startsWith("/") ? terms.origin + given : given;
  const url = new URL(written);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`fetch(${JSON.stringify(given)}): expected a path or an http(s) URL.`);
  }
  const request = new Request(input instanceof Request ? input : url, rest);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const fields = rawFields(request, rest.headers);
  const hostAt = fields.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === "host");
  const authority = hostAt === -1 ? authorityOf(written) : (fields[hostAt + 1] as string);
  if (hostAt === -1) fields.unshift("Host", authority);
  const isStream = rest.body instanceof ReadableStream;
  const body = isStream ? request.body : await wholeBody(request);
  if (body instanceof Uint8Array) fields.push("Content-Length", String(body.byteLength));
  else if (body !== null) fields.push("Transfer-Encoding", "chunked");
  return {
    protocol: client.protocol ?? "HTTP/1.1",
    scheme,
    method: request.method,
    target: targetOf(written),
    authority,
    fields,
    body: body ?? undefined,
    connection: connectionOf(client, url, scheme, terms),
    signal: rest.signal ?? (input instanceof Request ? input.signal : undefined),
    onInformational,
    now: terms.now,
  };
}

/** As written, not as URL would tidy it: dot-segments and the like are what one wants to test. */
function targetOf(url: string): string {
  const target = /^https?:\/\/[^/?#]*([^#]*)/i.exec(url)?.[1] || "/";
  return target.startsWith("/") ? target : `/${target}`;
}

/** As written, without the port that is the scheme's own. */
function authorityOf(url: string): string {
  const [, scheme = "", authority = ""] = /^(https?):\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url) ?? [];
  return authority.replace(scheme.toLowerCase() === "https" ? /:443$/ : /:80$/, "");
}

/** In the order and case in which they were given, where that can be known; then what the Request added. */
function rawFields(request: Request, given: RequestInit["headers"]): RawFields {
  const fields: RawFields = [];
  const seen = new Set<string>();
  const lines =
    given === undefined || given instanceof Headers
      ? []
      : Symbol.iterator in given
        ? [...given]
        : Object.entries(given);
  for (const [name, value] of lines as Iterable<readonly [string, string]>) {
    seen.add(name.toLowerCase());
    fields.push(name, String(value).trim());
  }
  for (const [name, value] of request.headers) if (!seen.has(name)) fields.push(name, value);
  return fields;
}

async function wholeBody(request: Request): Promise<Uint8Array | null> {
  return request.body === null ? null : new Uint8Array(await request.arrayBuffer());
}

function connectionOf(
  client: TestClient,
  url: URL,
  scheme: "http" | "https",
  terms: WebRequestTerms,
): ConnectionFacts {
  const port = Number(url.port || (scheme === "https" ? 443 : 80));
  return {
    peerAddress: client.address ?? "127.0.0.1",
    peerPort: client.port ?? 50_000,
    localAddress: "127.0.0.1",
    localPort: port,
    servername: client.servername ?? (scheme === "https" ? url.hostname : undefined),
    clientCertificate: client.certificate,
    redirectPort: terms.redirectPort(scheme, port),
  };
}
