/**
 * The request-target: RFC 9112 §3.2 (its four forms). Not here: what the path means (path.ts) and whether CONNECT is
 * served (the pipeline answers it).
 */
import { parseAuthority } from "./host.ts";
import type { Refusal } from "./refusal.ts";

export type RequestTarget =
  | { readonly kind: "origin"; readonly target: string }
  | {
      readonly kind: "absolute";
      /** Path and query in origin-form; `"*"` for OPTIONS without path and query (RFC 9112 §3.2.4). */
      readonly target: string;
      readonly scheme: "http" | "https";
      /** Takes the place of Host (RFC 9112 §3.2.2). */
      readonly authority: string;
    }
  | { readonly kind: "asterisk"; readonly target: "*" }
  | { readonly kind: "authority"; readonly target: string; readonly authority: string };

const ASTERISK: RequestTarget = Object.freeze({ kind: "asterisk", target: "*" });

/** Takes a request-target apart, bytes untouched, or says why it is refused. */
export function parseRequestTarget(method: string, raw: string): RequestTarget | Refusal {
  if (raw.length === 0) return refuse("the request target is empty");
  for (let at = 0; at < raw.length; at++) {
    const code = raw.charCodeAt(at);
    // Space and control bytes end the target for some parsers; a URI has no bytes above ASCII (RFC 3986 §2).
    if (code <= 0x20 || code >= 0x7f)
      return refuse("the request target has a byte that no URI has");
    // RFC 9110 §7.1: fragments are never sent. Some parsers cut there and some do not.
    if (code === 0x23) return refuse("the request target has a fragment");
  }
  if (method === "CONNECT") return parseConnectTarget(raw);
  if (raw.charCodeAt(0) === 0x2f) return { kind: "origin", target: raw };
  if (raw === "*") {
    return method === "OPTIONS" ? ASTERISK : refuse(`${method} cannot have * as its target`);
  }
  return parseAbsoluteForm(method, raw);
}

function parseConnectTarget(raw: string): RequestTarget | Refusal {
  const authority = parseAuthority(raw);
  if (authority?.port === undefined) return refuse("CONNECT needs host:port as its target");
  return { kind: "authority", target: raw, authority: raw };
}

function parseAbsoluteForm(method: string, raw: string): RequestTarget | Refusal {
  const colon = raw.indexOf("://");
  const scheme = colon === -1 ? "" : raw.slice(0, colon).toLowerCase();
  if (scheme !== "http" && scheme !== "https") {
    return refuse("the request target is neither a path nor an http or https URI");
  }
  const start = colon + 3;
  let end = start;
  while (end < raw.length && raw.charCodeAt(end) !== 0x2f && raw.charCodeAt(end) !== 0x3f) end++;
  const authority = raw.slice(start, end);
  // RFC 9110 §4.2.4: user information is an error; "http://good@evil/" is meant to be misread.
  if (parseAuthority(authority) === undefined) {
    return refuse("the authority of the request target is not valid");
  }
  const rest = raw.slice(end);
  const target = rest === "" ? (method === "OPTIONS" ? "*" : "/") : rest;
  return {
    kind: "absolute",
    target: target.charCodeAt(0) === 0x3f ? `/${target}` : target,
    scheme,
    authority,
  };
}

function refuse(message: string): Refusal {
  return { error: "PROXY_REQUEST_TARGET", message };
}
