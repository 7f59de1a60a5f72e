/**
 * The head of an HTTP/2 response as the flat list that node:http2 takes. Order, number and bytes stay as they were given;
 * names become lower case (RFC 9113 §8.2) and a missing Date is added, both by node. Connection-specific fields (§8.2.2)
 * go.
 */
import { ProxyError } from "../errors.ts";
import { isFieldValue, isOws, isToken, trimOws } from "../http/field-syntax.ts";
import { parseContentLength } from "../http/framing.ts";
import { isNamed, type ReadonlyRawFields } from "../http/raw-fields.ts";
import { hasNoContent } from "../http/status.ts";

export interface Http2ResponseHead {
  list: string[];
  hasContent: boolean;
  /** Of the content; -1 where it is not declared. */
  length: number;
}

/** Fills `head`. Throws a ProxyError on what cannot be sent, before anything is. */
export function writeHttp2ResponseHead(
  status: number,
  fields: ReadonlyRawFields,
  method: string,
  head: Http2ResponseHead,
): void {
  if (status < 200 || status > 599) {
    throw new ProxyError("PROXY_UPSTREAM_PROTOCOL", {
      message: `status ${status} cannot be sent in HTTP/2`,
    });
  }
  const list: string[] = [":status", String(status)];
  let length = -1;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    if (name.length === 14 && isNamed(name, "content-length")) {
      // RFC 9110 §8.6: none with 204; a repeated one is written once. node ends a 205 by itself.
      const first = length === -1;
      length = readLength(value, length);
      if (status === 204 || status === 205 || !first) continue;
    }
    if (isConnectionSpecific(name)) continue;
    list.push(name, checked(name, value));
  }
  head.list = list;
  head.hasContent = !hasNoContent(method, status) && status !== 205;
  head.length = length;
}

/** For the two calls of node:http2 that take no list: informational heads and trailers. */
export function fieldObject(fields: ReadonlyRawFields): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = { __proto__: null } as never;
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase();
    if (isConnectionSpecific(name)) continue;
    const value = checked(name, fields[at + 1] as string);
    const known = object[name];
    if (known === undefined) object[name] = value;
    else if (typeof known === "string") object[name] = [known, value];
    else known.push(value);
  }
  return object;
}

function isConnectionSpecific(name: string): boolean {
  switch (name.length) {
    case 2:
      return isNamed(name, "te");
    case 7:
      return isNamed(name, "upgrade");
    case 10:
      return isNamed(name, "connection") || isNamed(name, "keep-alive");
    case 14:
      return isNamed(name, "http2-settings");
    case 16:
      return isNamed(name, "proxy-connection");
    case 17:
      return isNamed(name, "transfer-encoding");
    default:
      return false;
  }
}

/** The last gate before the wire. node joins fields with NUL: one in a value would start another field. */
function checked(name: string, value: string): string {
  if (!isToken(name)) {
    throw new ProxyError("PROXY_INTERNAL", {
      message: `not a field name: ${JSON.stringify(name)}`,
    });
  }
  if (!isFieldValue(value)) {
    throw new ProxyError("PROXY_INTERNAL", { message: `not a value for field ${name}` });
  }
  // RFC 9113 §8.2.1: space around a value makes the whole response malformed.
  return value.length > 0 &&
    (isOws(value.charCodeAt(0)) || isOws(value.charCodeAt(value.length - 1)))
    ? trimOws(value)
    : value;
}

function readLength(value: string, before: number): number {
  const length = parseContentLength(value);
  if (length === -1 || (before !== -1 && before !== length)) {
    throw new ProxyError("PROXY_INTERNAL", {
      message: `not a Content-Length: ${JSON.stringify(value)}`,
    });
  }
  return length;
}
