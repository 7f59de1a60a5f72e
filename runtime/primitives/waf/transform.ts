import { BACKSLASH, CONTROL, PERCENT, PIPE, PLUS, WIDE } from "./detect/characters.ts";
import { base64Decode, isBase64 } from "./base64.ts";
import { decodeEntities } from "./detect/entities.ts";
import {
  foldWide,
  holdsPercentSequence,
  percentClasses,
  urlDecode,
  urlDecodeDeep,
} from "./percent.ts";
import type { WafTransformation } from "./rule.ts";

/** Those that leave a value alone in which nothing is encoded: {@link isDecoded}. */
export const DECODING: ReadonlySet<WafTransformation> = new Set<WafTransformation>([
  "base64Decode",
  "cssDecode",
  "escapeSeqDecode",
  "jsDecode",
  "urlDecodeDeep",
  "utf8toUnicode",
]);

/**
 * Classes of characters without which a transformation leaves a value alone or brings in no class that was not there.
 * Absent: it may turn anything into anything. `base64Decode` is asked for by {@link mayBeBase64}.
 */
const ENCODED_BY: Partial<Readonly<Record<WafTransformation, number>>> = {
  base64Decode: 0,
  cssDecode: BACKSLASH,
  escapeSeqDecode: BACKSLASH,
  htmlEntityDecode: PIPE,
  jsDecode: BACKSLASH,
  lowercase: 0,
  removeNulls: CONTROL,
  trim: 0,
  urlDecodeDeep: PERCENT,
  urlDecodeUni: PERCENT | PLUS,
  utf8toUnicode: WIDE,
};

/** Classes of a value that this chain may turn into something with other classes; -1: any value. */
export function encodedClasses(chain: readonly WafTransformation[]): number {
  let classes = 0;
  for (const name of chain) classes |= ENCODED_BY[name] ?? -1;
  return classes;
}

/**
 * Classes of characters without all of which this chain leaves a value alone that is no base64; -1: it may change any.
 */
export function changedClasses(chain: readonly WafTransformation[]): number {
  let classes = 0;
  for (const name of chain) {
    const own = ENCODED_BY[name] ?? 0;
    classes |= own === 0 && name !== "base64Decode" ? -1 : own;
  }
  return classes;
}

/**
 * Classes of the characters that {@link DECODING}, base64 left out, may put into a value in place of percent sequences and
 * escapes; -1: any.
 */
export function decodedClasses(value: string, classes: number): number {
  const decoded = (classes & PERCENT) === 0 ? 0 : percentClasses(value);
  return ((classes | decoded) & BACKSLASH) !== 0 ||
    ((classes & WIDE) !== 0 && foldUnicode(value) !== value)
    ? -1
    : decoded;
}

/** Classes without which nothing is encoded, unless it is base64. */
export const ENCODING = PERCENT | BACKSLASH | WIDE;

/** Whether each of {@link DECODING} leaves a value of these classes alone, and so whatever is made of them. */
export function isDecoded(value: string, classes: number): boolean {
  return (
    ((classes & PERCENT) === 0 || !holdsPercentSequence(value)) &&
    ((classes & BACKSLASH) === 0 || (jsDecode(value) === value && cssDecode(value) === value)) &&
    ((classes & WIDE) === 0 || foldUnicode(value) === value) &&
    !isBase64(value, classes)
  );
}

/** Runs a chain. The same string comes back where no step has anything to do, so that callers can tell cheaply. */
export function transformValue(value: string, chain: readonly WafTransformation[]): string {
  let text = value;
  for (const name of chain) text = TRANSFORMATIONS[name](text);
  return text;
}

const TRANSFORMATIONS: Readonly<Record<WafTransformation, (text: string) => string>> = {
  urlDecodeUni: (text) => urlDecode(text, true),
  urlDecodeDeep,
  htmlEntityDecode: decodeEntities,
  jsDecode,
  cssDecode,
  lowercase: (text) => text.toLowerCase(),
  compressWhitespace: (text) => text.replace(/[\s\0]{1,65536}/g, " "),
  removeWhitespace: (text) => text.replace(/[\s\0]{1,65536}/g, ""),
  removeNulls: (text) => (text.includes("\0") ? text.replaceAll("\0", "") : text),
  replaceComments,
  normalizePath: (text) => normalizePath(text),
  normalizePathWin: (text) => normalizePath(text.replaceAll("\\", "/")),
  base64Decode,
  utf8toUnicode: foldUnicode,
  cmdLine,
  hexDecode: (text) =>
    text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text)
      ? Buffer.from(text, "hex").toString("latin1")
      : text,
  sqlHexDecode: (text) =>
    text.includes("0x") || text.includes("0X")
      ? text.replace(/0x((?:[0-9a-f]{2}){1,4096})/gi, (_, hex: string) =>
          Buffer.from(hex, "hex").toString("latin1"),
        )
      : text,
  escapeSeqDecode: jsDecode,
  trim: (text) => text.trim(),
  length: (text) => String(text.length),
};

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  v: "\v",
};

function jsDecode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|([0-3]?[0-7]{1,2})|([nrtbfv])|(['"`/<>]))/gi,
    (
      whole,
      braced: string | undefined,
      four: string | undefined,
      two: string | undefined,
      octal: string | undefined,
      simple: string | undefined,
      literal: string | undefined,
    ) => {
      const hex = braced ?? four ?? two;
      if (hex !== undefined) {
        const point = Number.parseInt(hex, 16);
        return point <= 0x10ffff ? foldWide(point) : whole;
      }
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (simple !== undefined) return SIMPLE_ESCAPES[simple] ?? whole;
      return literal ?? whole;
    },
  );
}

function cssDecode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-9a-f]{1,6})\s?/gi, (whole, hex: string) => {
    const point = Number.parseInt(hex, 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

function replaceComments(text: string): string {
  let start = text.indexOf("/*");
  if (start === -1) return text;
  let out = "";
  let from = 0;
  while (start !== -1) {
    out += `${text.slice(from, start)} `;
    const end = text.indexOf("*/", start + 2);
    if (end === -1) return out;
    from = end + 2;
    start = text.indexOf("/*", from);
  }
  return out + text.slice(from);
}

function normalizePath(text: string): string {
  if (!text.includes("/")) return text;
  const segments: string[] = [];
  for (const segment of text.split("/")) {
    if (segment === "." || (segment === "" && segments.length > 0)) continue;
    const last = segments.at(-1);
    if (segment === ".." && last !== undefined && last !== "" && last !== "..") segments.pop();
    else segments.push(segment);
  }
  const joined = segments.join("/");
  return text.endsWith("/") && !joined.endsWith("/") ? `${joined}/` : joined;
}

/** Full-width forms and typographic signs become the ASCII that databases' and shells' charsets turn them into. */
function foldUnicode(text: string): string {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0xff01 && text.charCodeAt(at) <= 0xff5e) {
      return text.replace(/[\uff01-\uff5e]/g, (wide) => foldWide(wide.charCodeAt(0)));
    }
  }
  return text;
}

function cmdLine(text: string): string {
  return text
    .replace(/[\\"'^]/g, "")
    .replace(/[\s,;]+/g, " ")
    .replace(/ ([/(])/g, "$1")
    .toLowerCase();
}
