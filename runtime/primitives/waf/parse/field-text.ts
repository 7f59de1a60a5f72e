import { isUtf8 } from "node:buffer";

import { characterClasses, WIDE } from "../detect/characters.ts";

/** A field's value as those behind us read it who take its bytes for UTF-8; the parser gives each byte as a character. */
export function fieldText(value: string): string {
  if ((characterClasses(value) & WIDE) === 0 || !isBytes(value)) return value;
  const bytes = Buffer.from(value, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : value;
}

function isBytes(value: string): boolean {
  for (let at = 0; at < value.length; at++) if (value.charCodeAt(at) > 0xff) return false;
  return true;
}
