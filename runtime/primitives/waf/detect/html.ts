import { isLetterCode, isSpaceCode } from "./characters.ts";

/** One attribute of a start tag; positions into the value. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
}

/** A tag as a lenient browser would open it. */
export interface Tag {
  readonly name: string;
  readonly closing: boolean;
  readonly attributes: readonly Attribute[];
  readonly end: number;
}

const MAX_ATTRIBUTES = 32;
const LONGEST_NAME = 64;

/** How many characters tags may be read over in one value; more than that is not a page's form. */
export class TagBudget {
  left: number;
  constructor(length: number) {
    this.left = 4096 + length * 8;
  }
}

/**
 * Reads the tag that begins with the `<` at `start`, or returns undefined where a browser would
 * see text. Control characters in names count for nothing, as some browsers dropped them.
 */
export function readTag(value: string, start: number, budget: TagBudget): Tag | undefined {
  let at = start + 1;
  const closing = value.charCodeAt(at) === 0x2f;
  if (closing) at++;
  while (at < value.length && at < start + 8 && value.charCodeAt(at) < 0x20) at++;
  if (!isLetterCode(value.charCodeAt(at))) return undefined;
  const nameStart = at;
  while (at < value.length && at - nameStart < LONGEST_NAME && !endsName(value.charCodeAt(at)))
    at++;
  const name = plainName(value.slice(nameStart, at));
  const attributes: Attribute[] = [];
  const limit = Math.min(value.length, at + budget.left);
  const from = at;
  while (at < limit && attributes.length < MAX_ATTRIBUTES) {
    let code = value.charCodeAt(at);
    while (at < limit && (isSpaceCode(code) || code === 0x2f)) code = value.charCodeAt(++at);
    if (at >= limit || code === 0x3e || code === 0x3c) break;
    const attributeStart = at;
    if (code === 0x3d) code = value.charCodeAt(++at);
    while (
      at < limit &&
      !isSpaceCode(code) &&
      code !== 0x2f &&
      code !== 0x3e &&
      code !== 0x3d &&
      code !== 0x3c
    ) {
      code = value.charCodeAt(++at);
    }
    const attributeName = value.slice(attributeStart, Math.min(at, attributeStart + LONGEST_NAME));
    while (at < limit && isSpaceCode(code)) code = value.charCodeAt(++at);
    let text = "";
    if (code === 0x3d && at < limit) {
      code = value.charCodeAt(++at);
      while (at < limit && isSpaceCode(code)) code = value.charCodeAt(++at);
      if (code === 0x22 || code === 0x27 || code === 0x60) {
        const close = value.indexOf(String.fromCharCode(code), at + 1);
        const end = close < 0 || close > limit ? limit : close;
        text = value.slice(at + 1, end);
        at = end + 1;
      } else {
        const valueStart = at;
        while (at < limit && !isSpaceCode(code) && code !== 0x3e) code = value.charCodeAt(++at);
        text = value.slice(valueStart, at);
      }
    }
    attributes.push({ name: plainName(attributeName), value: text });
  }
  budget.left -= at - from;
  return { name, closing, attributes, end: at };
}

function endsName(code: number): boolean {
  return isSpaceCode(code)
    ? code !== 0 && code > 0x08
    : code === 0x2f ||
        code === 0x3e ||
        code === 0x3c ||
        code === 0x3d ||
        code === 0x22 ||
        code === 0x27;
}

// eslint's no-control-regex does not apply: the characters are the attack.
function plainName(text: string): string {
  let plain = "";
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x20 && code !== 0x22 && code !== 0x27 && code !== 0x60) plain += text[index];
  }
  return plain.toLowerCase();
}
