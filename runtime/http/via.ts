/**
 * Via: RFC 9110 §7.6.3. Appending ourselves, and recognising a request that came back.
 */
import { isOws } from "./field-syntax.ts";
import { isNamed, type RawFields, type ReadonlyRawFields } from "./raw-fields.ts";

/** Adds a Via line with our pseudonym and the version that the message was received with. */
export function appendVia(
  fields: RawFields,
  protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2",
  pseudonym: string,
): void {
  // A line of its own: it follows those of the hops before us, so the order holds (RFC 9110 §5.3).
  fields.push("Via", `${protocol === "HTTP/2" ? "2.0" : protocol.slice(5)} ${pseudonym}`);
}

/** Whether a Via line names the pseudonym as a recipient: the message has been here. Comments and protocols do not count. */
export function viaNames(fields: ReadonlyRawFields, pseudonym: string): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    if (isNamed(fields[at] as string, "via") && lineNames(fields[at + 1] as string, pseudonym)) {
      return true;
    }
  }
  return false;
}

/**
 * `received-protocol RWS received-by [ RWS comment ]`, comma-separated. Comments may hold commas and nest; one that is
 * never closed runs to the end.
 */
function lineNames(line: string, pseudonym: string): boolean {
  const wanted = pseudonym.toLowerCase();
  // Nearly every line is told apart here.
  const lower = line.toLowerCase();
  if (!lower.includes(wanted)) return false;
  let depth = 0;
  let words = 0;
  let wordStart = -1;
  for (let at = 0; at <= lower.length; at++) {
    const code = at === lower.length ? 0x2c : lower.charCodeAt(at);
    if (depth > 0) {
      if (code === 0x5c) at++;
      else if (code === 0x28) depth++;
      else if (code === 0x29) depth--;
      continue;
    }
    if (code !== 0x2c && code !== 0x28 && !isOws(code)) {
      if (wordStart === -1) wordStart = at;
      continue;
    }
    if (wordStart !== -1) {
      words++;
      if (words === 2 && lower.slice(wordStart, at) === wanted) return true;
      wordStart = -1;
    }
    if (code === 0x2c) words = 0;
    if (code === 0x28) depth++;
  }
  return false;
}
