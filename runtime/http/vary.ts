/** `Vary` and what selects among stored responses: RFC 9110 §12.5.5, RFC 9111 §4.1. */
import { qualityOf } from "./accept.ts";
import { splitList, splitParameters, trimOws } from "./field-syntax.ts";
import { fieldValues, type ReadonlyRawFields } from "./raw-fields.ts";

/** Names in lower case, sorted, each once; `*` is among them where the response varies by what no field says. */
export function varyNames(fields: ReadonlyRawFields): string[] {
  const names = new Set<string>();
  for (const line of fieldValues(fields, "vary")) {
    for (const name of splitList(line)) names.add(name.toLowerCase());
  }
  return [...names].sort();
}

/**
 * What a request has in a selecting field, so written that two requests which mean the same have the same text
 * (RFC 9111 §4.1): lines joined, whitespace around commas gone; lists of codings and of languages in one order, with
 * weights. A field that is not there is told apart from an empty one, whatever its name.
 */
export function selectingValue(requestFields: ReadonlyRawFields, lower: string): string {
  const lines = fieldValues(requestFields, lower);
  if (lines.length === 0) return "-";
  switch (lower) {
    case "accept-encoding":
      return remembered(CODINGS, lines, acceptedCodings);
    case "accept-language":
      return remembered(LANGUAGES, lines, (all) => weighted(all) ?? joined(all));
    default:
      return `+${joined(lines)}`;
  }
}

/** Browsers and libraries write a handful of each. */
const MAX_REMEMBERED = 256;
/** A longer one is not remembered: memory is not for clients to fill. */
const MAX_REMEMBERED_LENGTH = 128;
const CODINGS = new Map<string, string>();
const LANGUAGES = new Map<string, string>();

function remembered(
  known: Map<string, string>,
  lines: readonly string[],
  write: (lines: readonly string[]) => string,
): string {
  const [line = ""] = lines;
  if (lines.length > 1 || line.length > MAX_REMEMBERED_LENGTH) return `+${write(lines)}`;
  let text = known.get(line);
  if (text === undefined) {
    text = `+${write(lines)}`;
    if (known.size < MAX_REMEMBERED) known.set(line, text);
  }
  return text;
}

/**
 * Whether a response in this language (its Content-Language) is the one that a client likes best, and no other as much.
 * RFC 9111 §4.1 lets weights select among stored responses; without this each spelling of Accept-Language would be a
 * variant of its own.
 */
export function prefersLanguage(
  requestFields: ReadonlyRawFields,
  contentLanguage: string | undefined,
): boolean {
  if (contentLanguage === undefined) return false;
  const ranges = rangesOf(fieldValues(requestFields, "accept-language"));
  const [best, second] = ranges ?? [];
  if (best === undefined || best[1] === 0 || best[1] === second?.[1]) return false;
  return best[0] === trimOws(contentLanguage).toLowerCase();
}

/** More than anybody lists: longer ones are compared as they are written. */
const MAX_RANGES = 32;

/** By weight, then by name. */
function rangesOf(lines: readonly string[]): [tag: string, weight: number][] | undefined {
  const ranges: [string, number][] = [];
  for (const line of lines) {
    for (const element of splitList(line)) {
      if (ranges.length === MAX_RANGES) return undefined;
      const [tag = "", ...parameters] = splitParameters(element);
      ranges.push([tag.toLowerCase(), qualityOf(parameters)]);
    }
  }
  return ranges.sort(([tag, weight], [otherTag, otherWeight]) =>
    weight === otherWeight ? (tag < otherTag ? -1 : 1) : otherWeight - weight,
  );
}

function weighted(lines: readonly string[]): string | undefined {
  const ranges = rangesOf(lines);
  return ranges?.map(([tag, weight]) => (weight === 1 ? tag : `${tag};${weight}`)).join(",");
}

/** The codings that are not refused: which of them the server likes best does not depend on the client's order. */
function acceptedCodings(lines: readonly string[]): string {
  const ranges = rangesOf(lines);
  if (ranges === undefined) return joined(lines);
  const accepted = new Set<string>();
  for (const [coding, weight] of ranges) {
    if (weight > 0 && coding !== "identity") accepted.add(coding === "x-gzip" ? "gzip" : coding);
  }
  // `identity;q=0` and `*;q=0` leave less to choose from than silence does.
  for (const [coding, weight] of ranges) {
    if (weight === 0 && (coding === "identity" || coding === "*")) accepted.add(`!${coding}`);
  }
  return [...accepted].sort().join(",");
}

/** One text, without whitespace around commas that stand outside of quoted strings. */
function joined(lines: readonly string[]): string {
  let text = "";
  for (const line of lines) {
    for (const [at, part] of splitCommas(line).entries()) {
      text += at === 0 && text === "" ? trimOws(part) : `,${trimOws(part)}`;
    }
  }
  return text;
}

/** Unlike a list's elements, empty ones stay: an unknown field need not be a list. */
function splitCommas(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (quoted && code === 0x5c) at++;
    else if (code === 0x22) quoted = !quoted;
    else if (code === 0x2c && !quoted) {
      parts.push(line.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(line.slice(start));
  return parts;
}
