/**
 * The head of an HTTP/1.1 response as text of one character a byte. Everything that the connection does not decide
 * itself stays as it was given: order, case, number, bytes 0x80-0xFF.
 *
 * Implements RFC 9112 §4 (status line), §6 (which framing), §9.6 (Connection: close) and RFC 9110 §6.6.1 (Date).
 */
import { ProxyError } from "../errors.ts";
import { isFieldValue, isToken } from "../http/field-syntax.ts";
import { parseContentLength } from "../http/framing.ts";
import { isNamed, type ReadonlyRawFields } from "../http/raw-fields.ts";
import { hasNoContent, reasonPhrase } from "../http/status.ts";

export type Framing = "none" | "length" | "chunked" | "close";

export interface ResponseHead {
  /** Status line and field lines, without Connection and the empty line. */
  text: string;
  framing: Framing;
  /** Where framing is "length". */
  length: number;
}

const statusLines: string[] = [];

export function statusLine(status: number): string {
  return (statusLines[status] ??= `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`);
}

let dateSecond = 0;
let dateText = "";

/** The current IMF-fixdate, made once a second. */
export function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

/** Fills `head`. Throws a ProxyError on fields that would break the message, before anything is sent. */
export function writeResponseHead(
  status: number,
  fields: ReadonlyRawFields,
  method: string,
  chunkable: boolean,
  head: ResponseHead,
): void {
  let text = statusLine(status);
  let length = -1;
  let dated = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    switch (name.length) {
      case 4:
        if (!dated) dated = isNamed(name, "date");
        break;
      case 10:
        // Ours to write: a hook or an upstream that sets them must not decide about this connection.
        if (isNamed(name, "connection") || isNamed(name, "keep-alive")) continue;
        break;
      case 14:
        if (isNamed(name, "content-length")) {
          // RFC 9110 §8.6: none with 204; a repeated one is written once.
          const first = length === -1;
          length = readLength(value, length);
          if (status === 204 || !first) continue;
        }
        break;
      case 17:
        if (isNamed(name, "transfer-encoding")) continue;
        break;
    }
    checkField(name, value);
    text += `${name}: ${value}\r\n`;
  }
  if (!dated) text += `Date: ${httpDate()}\r\n`;

  if (hasNoContent(method, status)) {
    head.framing = "none";
  } else if (length >= 0) {
    head.framing = "length";
  } else if (chunkable) {
    text += "Transfer-Encoding: chunked\r\n";
    head.framing = "chunked";
  } else {
    head.framing = "close";
  }
  head.length = length;
  head.text = text;
}

/** `name: value` lines without checks for framing: informational heads, 101 and trailers. */
export function fieldLines(fields: ReadonlyRawFields): string {
  let text = "";
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    checkField(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

/** The last gate before the wire: whatever was not checked before cannot start a second field or message. */
function checkField(name: string, value: string): void {
  if (!isToken(name)) {
    throw new ProxyError("PROXY_INTERNAL", {
      message: `not a field name: ${JSON.stringify(name)}`,
    });
  }
  if (!isFieldValue(value)) {
    throw new ProxyError("PROXY_INTERNAL", { message: `not a value for field ${name}` });
  }
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
