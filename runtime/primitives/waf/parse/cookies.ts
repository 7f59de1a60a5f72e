import { urlDecode } from "../percent.ts";
import type { ValueSink } from "../values.ts";

/** The pairs of a Cookie field (RFC 6265 §5.4), their values decoded once as most frameworks do. */
export function readCookies(text: string, sink: ValueSink): void {
  let start = 0;
  while (start < text.length && !sink.isFull) {
    let end = text.indexOf(";", start);
    if (end === -1) end = text.length;
    const pair = text.slice(start, end).trim();
    if (pair !== "") readPair(pair, sink);
    start = end + 1;
  }
}

function readPair(pair: string, sink: ValueSink): void {
  const equals = pair.indexOf("=");
  const name = equals === -1 ? pair : pair.slice(0, equals).trim();
  let value = equals === -1 ? "" : pair.slice(equals + 1).trim();
  if (value.length > 1 && value.startsWith('"') && value.endsWith('"')) value = value.slice(1, -1);
  if (name !== "") sink.value("REQUEST_COOKIES_NAMES", name, urlDecode(name, false));
  if (value !== "") sink.value("REQUEST_COOKIES", name, urlDecode(value, false));
}
