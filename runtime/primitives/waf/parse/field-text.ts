import { isUtf8 } from "node:buffer";

import { characterClasses, WIDE } from "../detect/characters.ts";

const BEYOND_LATIN1 = /[^\0-\xff]/;

/** A field's value as those behind us read it who take its bytes for UTF-8; the parser gives each byte as a character. */
export function fieldText(value: string): string {
  if ((characterClasses(value) & WIDE) === 0 || BEYOND_LATIN1.test(value)) return value;
  const bytes = Buffer.from(value, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : value;
}
