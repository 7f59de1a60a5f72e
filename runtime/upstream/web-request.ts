import { readableStreamFromSource } from "../http/readable-source.ts";
import type { UpstreamRequest } from "./upstream.ts";

/** A real Web Request, as apps expect it. Costs about as much as the rest of the request path together. */
export function toWebRequest(request: UpstreamRequest, signal: AbortSignal): Request {
  const authority = request.authority ?? "localhost";
  const url = `${request.scheme}://${authority}${encodePath(request.path)}`;
  const headers = new Headers();
  headers.append("host", authority);
  const { fields, content, method } = request;
  for (let i = 0; i < fields.length; i += 2) {
    headers.append(fields[i] as string, fields[i + 1] as string);
  }
  const init: RequestInit = { method, headers, signal, redirect: "manual" };
  // The Fetch standard gives GET and HEAD no body: what came with one is not shown to the app.
  if (content !== undefined && method !== "GET" && method !== "HEAD") {
    if (content.length !== undefined) headers.set("content-length", String(content.length));
    if (content.bytes !== undefined) {
      init.body = content.bytes as Uint8Array<ArrayBuffer>;
    } else {
      init.body = readableStreamFromSource(content);
      init.duplex = "half";
    }
  }
  return new Request(url, init);
}

/** The raw bytes of the target, one character each; URL would take those above 0x7F for Unicode and encode them as UTF-8. */
function encodePath(path: string): string {
  if (!hasHighBytes(path)) return path;
  let encoded = "";
  for (const character of path) {
    const byte = character.charCodeAt(0);
    encoded += byte < 0x80 ? character : `%${byte.toString(16).toUpperCase()}`;
  }
  return encoded;
}

function hasHighBytes(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return true;
  return false;
}
