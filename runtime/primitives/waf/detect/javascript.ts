import {
  BRACKET,
  characterClasses,
  DOT,
  EQUAL,
  PAREN,
  QUOTE,
  literalGroup,
  literalGroups,
  spaced,
} from "./characters.ts";
import { decodeEntities } from "./entities.ts";
import type { Finding } from "./finding.ts";
import { isMarkdownLink, isNamedCall } from "./prose.ts";

// Script without markup around it: what is pasted into a handler, a string of a script or a
// javascript: URL. Looked for are the calls and objects that such code needs to do anything:
// dialogs, evaluation, the document's secrets, other windows, reached by whatever syntax.

/** Between a name and its call: comments, optional chaining, `)` of `(alert)(1)`, `.call`. */
const GLUE = String.raw`(?:\s|/\*[^*]{0,40}\*/){0,4}`;

const DIALOG = new RegExp(
  String.raw`(?:^|[^\w$.]|\b(?:window|self|top|parent|frames|globalThis|this)\s?\.\s?)(?:alert|confirm|prompt)` +
    String.raw`${GLUE}(?:\)${GLUE})?(?:\?\.)?(?:\(|` +
    "`" +
    String.raw`|\.\s?(?:call|apply|bind)\b)`,
);
const EVALUATION = new RegExp(
  String.raw`(?:^|[^\w$.]|\b(?:window|self|top|parent|globalThis|this)\s?\.\s?)(?:eval|execScript|atob|btoa|importScripts|msSetImmediate)` +
    String.raw`${GLUE}(?:\)${GLUE})?(?:\?\.)?(?:\(|` +
    "`" +
    String.raw`|\.\s?(?:call|apply|bind)\b)`,
);
const FUNCTION_CONSTRUCTOR = /(?:^|[^\w$.])(?:new\s{1,8})?Function\s{0,8}(?:\(|`)/;
/** A timer whose first argument is text, what others gave a name to, or what a call gives: evaluated, not called. */
const TIMER =
  /(?:^|[^\w$.])set(?:Timeout|Interval|Immediate)\s{0,4}(?:\(\s{0,4}(?:["'`]|(?:alert|confirm|prompt|eval|name|(?:document|location|window|self|top|parent|this|globalThis)\.[\w$.]{1,40})\s{0,4}[,)]|[\w$.]{1,40}\s{0,4}\)|(?!(?:function|async)\b)[\w$]{1,40}\()|`)|^\s{0,4}set(?:Timeout|Interval)\s{0,4}\(\s{0,4}[\w$.]{1,40}\s{0,4},\s{0,4}\d{1,8}\s{0,4}\)\s{0,4};?\s{0,4}$/;
const SECRET =
  /\bdocument\s{0,8}(?:\/\*[^*]{0,40}\*\/\s{0,8})?\??\.\s{0,8}(?:\/\*[^*]{0,40}\*\/\s{0,4})?(?:cookie|domain|write(?:ln)?\s?\(|location|URL\b|documentElement|referrer|body\.(?:innerHTML|appendChild)|head\.appendChild|querySelector\s?\(|createElement\s?\(|execCommand|defaultView|baseURI|implementation)/;
const LOCATION =
  /(?:\b(?:window|self|top|parent|document|frames)\s{0,4}\.\s{0,4}location\b|(?:^|[^\w$-])location\s?(?:\.\s?(?:href|hash|search|assign|replace)\b|=\s?(?:["'`/]|name\b|window|javascript|\w{1,20}\())|\b(?:window|self|top|parent)\s?\.\s?(?:name|open|opener|onerror|eval|document)\b\s?[=(.+;)\]])/;
const SUBSCRIPT =
  /(?:^|[^\w$])\(?(?:window|self|top|parent|frames|document|globalThis|this|location|navigator)\)?\s{0,4}(?:\/\*[^*]{0,40}\*\/\s{0,4})?\)?\s{0,4}\[\s{0,4}(?:\/\*[^*]{0,40}\*\/\s{0,4})?(?:["'`+/!]|\w{1,20}\(|\d{1,12}\s?\.{1,2}\s?toString\s?\()/;
const BUILDER =
  /\bString\s?\.\s?fromC(?:harCode|odePoint)\b|\bfromCharCode\s?\(|\.constructor\s?\(|\[\s?["']constructor["']\s?\]|\.constructor\.constructor\b|\b(?:sort|map|find|some|filter|forEach|every|reduce|concat|call|apply)\s?\.\s?(?:call|apply)\s?`|\bReflect\s{0,4}\.\s{0,4}(?:apply|construct|get|set|has|ownKeys|defineProperty|deleteProperty|getPrototypeOf|setPrototypeOf|getOwnPropertyDescriptor)(?:\.\w{1,20}){0,2}(?:\(|`)|\]\s?\.\s?(?:map|find|some|filter|forEach|every|sort)\s?\(\s?(?:alert|confirm|prompt|eval)\b|\]\s{0,4}\.\s{0,4}(?:\/\*[^*]{0,40}\*\/\s{0,4})?(?:sort|map|find|some|filter|forEach|every)\s{0,4}\.\s{0,4}(?:call|apply)\b/;
const EXFILTRATION =
  /\bnew\s(?:XMLHttpRequest|Image|ActiveXObject)\b\s?(?:\(|\)|;|\.)|(?:^|[^=\s]\s{0,2}|(?:^|[^\w\s])\s{0,2}\w{1,20}\s{0,2}=\s{0,2})new\s(?:WebSocket|EventSource)\b\s?(?:\(|\)|;|\.)|\bnavigator\s?\.\s?sendBeacon\b|\$\s?\.\s?(?:getScript|globalEval)\s?\(|(?:^|[^\w$.\s]|(?:^|[^t])\s)fetch\s?\(\s?["'`](?:https?:)?\/\/|(?:^|[^\w$.])import\s?\(\s?(?:["'`]\s?(?:https?:|\/|data:|blob:|\$|javascript:)|\/)|\.\s?innerHTML\s?\+?=|\.\s?outerHTML\s?=|\.src\s?=\s?["'`/]|\.insertAdjacentHTML\s?\(|(?:^|[^\w$.])(?:local|session)Storage\s?(?:\.getItem\s?\(|\[)|\bimport\s{1,4}\{[^}]{0,120}\}\s{0,4}from\s{0,4}["'](?:https?:|\/\/|data:|blob:)/;
/** Only brackets, signs and plus: letters are made from `![]` and its kin. */
const SYMBOLS =
  /^\s?!{1,2}\[\]\s?$|!\[\]\s\[\]|!\+?\[\s?\]\s?(?:[+)!\]]|\[[(+!])|\[\s?\]\s?\[\s?\(|\(\s?!?\[\s?\]\s?\+|\+!{1,2}\[\]|\+\{\}\)\[|\$=~\[\]|_=~\[\]|ﾟωﾟ|ﾟДﾟ/;
const THROWN =
  /\bonerror\s?=\s?[\w$.]{1,30}\s?[;,}\n]|\bthrow\s?(?:\/|\+|onerror|["'`]\s?=)|(?:^|[^\w$.])[\w$]{1,20}\s?=\s?(?:alert|confirm|prompt|eval)\s{0,2}[,;]\s{0,2}[\w$]{1,20}\s?\(/;

export const CALL_NAMES = literalGroup([
  "alert",
  "confirm",
  "prompt",
  "eval",
  "execS",
  "atob",
  "btoa",
  "importS",
  "msSet",
  "Function",
  "setT",
  "setI",
]);
export const OBJECT_NAMES = literalGroup([
  "ocument",
  "ocation",
  "indow",
  "self",
  "top.",
  ...spaced("top_"),
  "parent",
  "harCode",
  "odePoint",
  "nstructor",
  "eflect",
  "call",
  "pply",
  "alert",
  "confirm",
  "prompt",
  "eval",
  ...spaced("new_"),
  "ndBeacon",
  "onerror",
  "throw",
  "getScript",
  "balEval",
  "etch",
  "import",
  "rHTM",
  "tHTM",
  ".src",
  "torage",
]);

/** Calls and objects of a script that runs in the page. */
export function detectJavascript(value: string): Finding | undefined {
  const found = scan(value);
  if (found !== undefined || !value.includes("&")) return found;
  // alert&lpar;1&rpar;
  const decoded = decodeEntities(value);
  const hidden = decoded === value ? undefined : scan(decoded);
  return hidden === undefined ? undefined : { sign: hidden.sign, start: 0, end: value.length };
}

function scan(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & (PAREN | BRACKET | DOT | QUOTE | EQUAL)) === 0 || value.length < 5)
    return undefined;
  const calls = (classes & (PAREN | QUOTE)) !== 0;
  if (calls && (literalGroups(value) & CALL_NAMES) !== 0) {
    const found =
      sign(value, DIALOG, "dialog") ??
      sign(value, EVALUATION, "evaluation") ??
      sign(value, FUNCTION_CONSTRUCTOR, "function-constructor") ??
      sign(value, TIMER, "timer");
    if (found !== undefined) return found;
  }
  if ((classes & DOT) !== 0 && (literalGroups(value) & OBJECT_NAMES) !== 0) {
    const found =
      sign(value, SECRET, "document") ??
      sign(value, LOCATION, "location") ??
      sign(value, BUILDER, "code-builder") ??
      sign(value, EXFILTRATION, "exfiltration");
    if (found !== undefined && !inProse(value, found)) return found;
  }
  if ((classes & BRACKET) !== 0) {
    const found =
      sign(value, SUBSCRIPT, "subscript") ??
      sign(value, SYMBOLS, "symbols") ??
      sign(value, BUILDER, "code-builder");
    if (found !== undefined && !(found.sign === "code-builder" && inProse(value, found)))
      return found;
  }
  return (classes & EQUAL) !== 0 && (literalGroups(value) & OBJECT_NAMES) !== 0
    ? sign(value, THROWN, "thrown")
    : undefined;
}

const MAX_TRIES = 16;

function sign(value: string, pattern: RegExp, name: string): Finding | undefined {
  let offset = 0;
  let rest = value;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const match = pattern.exec(rest);
    if (match === null) return undefined;
    const start = offset + match.index;
    const end = start + match[0].length;
    if (!isNamed(value, match[0], start, end)) return { sign: name, start, end };
    offset = end;
    rest = value.slice(end);
  }
  return undefined;
}

/** A name that is talked about rather than called. */
function isNamed(value: string, text: string, start: number, end: number): boolean {
  // "storm alert (updated)"
  if (/^\s\w{4,8}\s{1,4}\($/.test(text) && /[\w,]/.test(value.charAt(start - 1))) return true;
  const last = value.charCodeAt(end - 1);
  // "instead of eval()", "[`new WebSocket()`](#websocket)"
  if (last === 0x28) return isNamedCall(value, start + text.search(/\w/), end - 1);
  // alert`1` is a call; `eval` in Markdown and --eval are not
  return (
    last === 0x60 &&
    (text.startsWith("`") ||
      (text.startsWith("-") && /^(?:$|[\s-])/.test(value.slice(Math.max(0, start - 1), start))) ||
      /^(?:$|[\s.,:;)<|!?\]])/.test(value.slice(end, end + 1)) ||
      /\(\w+\)`$/.test(text) ||
      // "continuation frames [`#901`](https://…"
      (/\s\[`$/.test(text) && isMarkdownLink(value, end)))
  );
}

// "The script reads document.cookie and sends it": words on both sides and no call.
function inProse(value: string, found: Finding): boolean {
  const last = value.charCodeAt(found.end - 1);
  if (last === 0x28 || last === 0x3d || last === 0x60) return false;
  const before = value.slice(Math.max(0, found.start - 12), found.start);
  const after = value.slice(found.end, found.end + 12);
  if (found.start === 0) return /^\s[a-z]{2,10}\s/i.test(after) && !/[=(;`]/.test(value);
  return /[a-z,]\s$/i.test(before) && /^(?:[.,!?]?\s[a-z]|[.,!?]?$)/i.test(after);
}
