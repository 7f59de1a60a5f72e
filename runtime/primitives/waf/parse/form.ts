import { hasBadPercent, urlDecode } from "../percent.ts";
import type { ValueSink } from "../values.ts";

/**
 * Parameters of a query or of `application/x-www-form-urlencoded` content. Each occurrence of a name is a value of its
 * own: which one an application takes is not for a filter to guess.
 */
export function readForm(text: string, origin: "GET" | "POST", sink: ValueSink): void {
  let start = 0;
  while (start <= text.length && !sink.isFull) {
    let end = text.indexOf("&", start);
    if (end === -1) end = text.length;
    if (end > start) readPair(text, start, end, origin, sink);
    start = end + 1;
  }
}

function readPair(
  text: string,
  start: number,
  end: number,
  origin: "GET" | "POST",
  sink: ValueSink,
): void {
  let equals = text.indexOf("=", start);
  if (equals === -1 || equals > end) equals = end;
  const rawName = text.slice(start, equals);
  const rawValue = equals === end ? "" : text.slice(equals + 1, end);
  const name = urlDecode(rawName, true);
  if (hasBadPercent(rawName) || hasBadPercent(rawValue)) sink.anomaly("percent-invalid", name);
  if (name !== "") sink.value(`ARGS_${origin}_NAMES`, name, name);
  // A value without a name is still read, by PHP and by whoever takes the whole query as one text.
  if (rawValue !== "") sink.value(`ARGS_${origin}`, name, urlDecode(rawValue, true));
}
