import { isNamed } from "../http/raw-fields.ts";
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
    if (isOwned(name)) continue;
    headers.push(name, fields[i + 1] as string);
  }
  const length = content?.length;
  if (length !== undefined && content?.bytes === undefined) {
    headers.push("content-length", String(length));
  }
  return headers;
}

/** By length first: most names are settled by it, and none is converted. */
function isOwned(name: string): boolean {
  switch (name.length) {
    case 2:
      return isNamed(name, "te");
    case 4:
      return isNamed(name, "host");
    case 6:
      return isNamed(name, "expect");
    case 7:
      return isNamed(name, "trailer") || isNamed(name, "upgrade");
    case 10:
      return isNamed(name, "connection") || isNamed(name, "keep-alive");
    case 14:
      return isNamed(name, "content-length");
    case 16:
      return isNamed(name, "proxy-connection");
    case 17:
      return isNamed(name, "transfer-encoding");
    default:
      return false;
  }
}
