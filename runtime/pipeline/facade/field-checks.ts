import { isFieldValue, isToken, trimOws } from "../../http/field-syntax.ts";
import { hookTypeError } from "./field-error.ts";

/**
 * Fields that belong to one connection or say where the content ends (RFC 9110 §7.6.1, RFC 9112 §6). The connection
 * writes them itself; a second opinion from a hook would be either lost or a way to split messages.
 */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function isConnectionField(lower: string): boolean {
  return CONNECTION_FIELDS.has(lower);
}

/** `toLowerCase` without the call where nothing is to be done, as with nearly every name that hooks look up. */
export function lowered(name: string): string {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code >= 0x41 && (code <= 0x5a || code > 0x7f)) return name.toLowerCase();
  }
  return name;
}

/** The name in lower case. Throws a `TypeError` for what is no token: a space or line break in a name starts another field. */
export function lowerName(name: string): string {
  if (typeof name !== "string" || !isToken(name)) {
    throw hookTypeError("PROXY_HOOK_FIELD", `${show(name)} is not a valid field name`);
  }
  return name.toLowerCase();
}

/**
 * Names that passed, with their lower-case form: hooks set the same few over and over, and the check costs more than
 * the look-up. Full, it stays as it is: names made from requests must not make it grow.
 */
const SETTABLE = new Map<string, string>();
const MAX_SETTABLE = 512;

/** The name in lower case, if hooks may set it. */
export function settableName(name: string): string {
  const known = SETTABLE.get(name);
  if (known !== undefined) return known;
  const lower = lowerName(name);
  if (CONNECTION_FIELDS.has(lower)) {
    const reason =
      lower === "content-length"
        ? "it follows from the content (use setBody)"
        : "it belongs to the connection, which writes it itself";
    throw hookTypeError("PROXY_HOOK_FIELD", `field "${name}" cannot be set by a hook: ${reason}`);
  }
  if (SETTABLE.size < MAX_SETTABLE && name.length <= 64) SETTABLE.set(name, lower);
  return lower;
}

/**
 * The value as text that can be sent. Throws a `TypeError` for control bytes (a line break would start another field or
 * another message), for characters that are no byte, and for what is neither text nor a number.
 */
export function fieldValueText(name: string, value: string | number): string {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value !== "string") {
    throw hookTypeError(
      "PROXY_HOOK_FIELD",
      `field "${name}" needs a string or a number as its value, got ${show(value)}`,
    );
  }
  if (!isFieldValue(value)) throw hookTypeError("PROXY_HOOK_FIELD", unsendable(name, value));
  // RFC 9110 §5.5: whitespace around a value is not part of it.
  return trimOws(value);
}

function unsendable(name: string, value: string): string {
  let at = 0;
  while (isFieldValue(value.charAt(at))) at++;
  const code = value.charCodeAt(at);
  const what = `U+${code.toString(16).toUpperCase().padStart(4, "0")} at position ${at}`;
  return code > 0xff
    ? `field "${name}" has ${what}, which is no byte: encode the value first (for example with encodeURIComponent)`
    : `field "${name}" has the control character ${what}`;
}

function show(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 64))
    : String(value === null ? "null" : typeof value);
}
