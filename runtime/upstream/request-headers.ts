import type { Target } from "./target.ts";
import type { UpstreamRequest } from "./upstream.ts";

/**
 * The field list for undici, Host first. undici writes Connection, Content-Length and Transfer-Encoding itself and
 * throws on others of this kind. The pipeline has removed them all; that nothing slips through to the wire, where a
 * second length field would be a smuggled request, is checked in this one place again.
 */
export function requestHeaders(request: UpstreamRequest, target: Target): string[] {
  const { fields, content } = request;
  const headers = ["host", request.authority ?? target.authority];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (OWNED_LENGTHS[name.length] === true && OWNED.has(name.toLowerCase())) continue;
    headers.push(name, fields[i + 1] as string);
  }
  const length = content?.length;
  if (length !== undefined && content?.bytes === undefined) {
    headers.push("content-length", String(length));
  }
  return headers;
}

const OWNED = new Set([
  "te",
  "host",
  "expect",
  "trailer",
  "upgrade",
  "connection",
  "keep-alive",
  "content-length",
  "proxy-connection",
  "transfer-encoding",
]);

/** Most names are settled by their length. */
const OWNED_LENGTHS: boolean[] = [];
for (const name of OWNED) OWNED_LENGTHS[name.length] = true;
for (let i = 0; i < OWNED_LENGTHS.length; i++) OWNED_LENGTHS[i] ??= false;
