import {
  BACKSLASH,
  BREAK,
  characterClasses,
  COLON,
  LESS,
  PERCENT,
  PLUS,
  WIDE,
} from "./characters.ts";
import { sign, type Finding } from "./finding.ts";
import { countWords } from "./prose.ts";

// Line ends that begin another field, another message or another mail command; and XML that asks
// the parser for something outside the document.

const BROKEN = String.raw`(?:[\r\n\u0085\u2028\u2029\u560a\u560d]|%(?:25){0,4}(?:0[ad]|%30%4[14])|\\[rn]|%u000[ad]|%e5%98%8[ad])`;
const FIELDS = [
  String.raw`(?:set-cookie|content-disposition|transfer-encoding|x-forwarded-\w{1,20}|x-xss-protection|access-control-[\w-]{1,30}|clear-site-data|content-security-policy|strict-transport-security)\s{0,4}:`,
  String.raw`(?:location\s{0,4}:\s{0,4}(?:https?:|/)|content-type\s{0,4}:\s{0,4}\w{1,20}/\w|(?:content-length|refresh)\s{0,4}:\s{0,4}\d)`,
].map((field) => new RegExp(String.raw`${BROKEN}\s{0,8}${field}`, "i"));
/** Behind a single word: fields of a request, and those of a mail behind an address. A form's text of two lines has none. */
const REQUEST_FIELD = [
  /^\S{0,80}[\r\n]{1,2}(?:Host\s?:\s?[\w-]{1,60}(?:\.[\w-]{1,60}){1,4}(?::\d{1,5})?|Cookie\s?:\s?[\w.-]{1,40}=\S{0,200}|Authorization\s?:\s?(?:Basic|Bearer|Digest)\s\S{1,200})\s{0,4}$/i,
  /^\S{0,80}[\r\n]{1,2}X-(?:Original|Rewrite|Real|Host|HTTP|Method|Requested|Api|Auth|Injected|Test|Custom|Frame|Content|Powered|CSRF)[\w-]{0,40}\s?:\s?\S{0,200}\s{0,4}$/i,
  /^[\w.+-]{1,60}@[\w.-]{3,80}[\r\n]{1,2}(?:to|from|subject|reply-to)\s?:/i,
];
/** Behind a carriage return alone, which no text has. */
const CARRIED = /\r[A-Za-z]{1,20}-[\w-]{1,30}\s?:/;
const MESSAGE =
  /^\S{0,200}\s{1,2}HTTP\/1\.[01]\s{0,2}[\r\n]|[\r\n](?:GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH|CONNECT|TRACE)\s{1,4}\S{1,200}\s{1,4}HTTP\/\d|HTTP\/[0-2](?:\.\d)?\s{1,4}\d{3}\s|[\r\n]{2}\s{0,4}<(?:html|script|body|svg|img)\b/i;
const MAIL =
  /[\r\n]\s{0,4}(?:[A-Za-z]\w{0,8}\s{1,4})?(?:CAPABILITY|FETCH\s\d|SELECT\s["\w]{1,20}\s{0,4}(?:[\r\n]|$)|LOGIN\s\S{1,40}\s\S|LOGOUT|EXPUNGE|STORE\s\d|CREATE\s(?!TABLE|INDEX|VIEW|DATABASE|UNIQUE|SCHEMA|FUNCTION|TRIGGER|USER|OR\s|TEMP|TYPE|ROLE|EXTENSION)["\w]|DELETE\s["\w]{1,30}\s{0,4}$|NOOP|STARTTLS|AUTHENTICATE\s\w|LIST\s["(]|RETR\s\d|TOP\s\d|UIDL|DELE\s\d|STAT\s{0,2}[\r\n]|PASS\s\S{1,40}\s{0,4}[\r\n]|USER\s\S{1,40}\s{0,4}[\r\n]|QUIT\s{0,4}(?:[\r\n]|$)|RSET\s{0,4}(?:[\r\n]|$)|HELP\s{0,4}[\r\n]|CONFIG\s(?:SET|GET)\s\w|(?:SLAVEOF|REPLICAOF)\s\S{1,80}\s\d|FLUSHALL\b|EVAL\s["']|set\s\S{1,80}\s\d{1,5}\s\d{1,10}\s\d{1,6}\s{0,4}[\r\n]|VRFY\s\S|EXPN\s\S|(?:HELO|EHLO)\s[\w.-]{1,80}|MAIL\sFROM\s?:|RCPT\sTO\s?:|DATA\s{0,2}[\r\n])/;
const MAIL_FIELD =
  /(?:[\r\n]|%0[ad])\s{0,4}(?:b?cc|mime-version|content-transfer-encoding)\s?:\s?[^=\r\n]{1,80}(?:@|[\r\n]|=\?)/i;

/** Response splitting, request smuggling and mail commands hidden behind a line end. */
export function detectLineBreak(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if (
    (classes & (BREAK | PERCENT | WIDE)) === 0 &&
    ((classes & BACKSLASH) === 0 || !/\\[rn]/.test(value))
  ) {
    return undefined;
  }
  if (value.length < 6) return undefined;
  if ((classes & COLON) !== 0) {
    const found =
      sign(value, FIELDS, "field") ??
      (value.includes("\n") ? undefined : sign(value, CARRIED, "field")) ??
      ((classes & BREAK) !== 0 && value.length < 400
        ? sign(value, REQUEST_FIELD, "field")
        : undefined);
    // A letter or a log pasted into a form has many lines; a split has the one.
    if (found !== undefined && !isDocument(value, found)) return found;
  }
  if ((classes & BREAK) !== 0) {
    const message = sign(value, MESSAGE, "message");
    const found =
      message !== undefined && isReported(value, message)
        ? sign(value, MAIL, "mail-command")
        : (message ?? sign(value, MAIL, "mail-command"));
    if (found !== undefined && !isDocument(value, found)) return found;
    const mail = value.length < 400 ? sign(value, MAIL_FIELD, "mail-field") : undefined;
    if (mail !== undefined && !isDocument(value, mail)) return mail;
  }
  return undefined;
}

// What a client has shown: a status line in a sentence, behind a few words, or first of all, where nothing is split.
function isReported(value: string, { start, end }: Finding): boolean {
  if (!/^HTTP\/\d/.test(value.slice(start, end))) return false;
  const before = value.slice(0, start);
  if (before.trim() === "") return true;
  if (/[^\s:]["'`(]?$/.test(before.trimEnd()) && /[^\r\n]$/.test(before.slice(-1))) return true;
  return (
    countWords(before) >= 3 &&
    !/^[\w-]{3,40}\s?:\s?\S/m.test(before.slice(before.search(/\S/) + 1).replace(/^[^\n]*/, ""))
  );
}

function isDocument(value: string, found: Finding): boolean {
  let lines = 0;
  for (let at = value.indexOf("\n"); at >= 0 && lines < 8; at = value.indexOf("\n", at + 1))
    lines++;
  if (lines >= 6) return !/set-cookie|http\/1/i.test(value.slice(found.start, found.end));
  return false;
}

const EXTERNAL =
  /<!\s{0,4}ENTITY\b\s{0,8}%?\s{0,8}\S{1,60}\s{1,8}(?:SYSTEM|PUBLIC|["'])|!ENTITY\s{1,8}(?:\S{1,60}\s{1,8}){1,2}(?:SYSTEM|PUBLIC)\b|<!DOCTYPE\s{1,8}[^\s[>]{1,60}\s{0,8}(?:\[|SYSTEM\s{1,8}["'])|<!DOCTYPE\s{1,8}(?!html\b)[^\s[>]{1,60}\s{1,8}PUBLIC\s{1,8}["']|<\w{0,20}:?include\b[^>]{0,200}(?:href|namespace|schemaLocation)\s?=\s?["'](?:https?|file|ftp|expect|php)|xmlns:xi\s?=|<!ATTLIST\b|<!\[CDATA\[\s?<\]\]>|\bxinclude\b.{0,60}href\s?=|<!ELEMENT\b/i;
const UTF7 = /\+ADw-|\+AD4-|\+ADwAIQ-|\+ACI-|\+AHs-/;
const SCHEMA =
  /\bxsi:(?:noNamespaceS|s)chemaLocation\s?=\s?["'](?:[^"'\s]{0,80}\s)?(?:https?|ftp):\/\/(?!www\.w3\.org|maven\.apache|[\w.]{0,20}springframework\.org|java\.sun\.com|xmlns\.jcp\.org|schemas\.)/i;

const REFERENCE_ALONE = />\s{0,4}&([A-Za-z][\w.-]{3,60});\s{0,4}<\//;
/** Names of HTML's references hold no such joint, and hardly one of these words. */
const OWN_NAME = /[a-z][A-Z_.-]|entity|secret|file|passwd|xxe|payload|exploit|inject/;
const HTML_NAMES =
  /^(?:[a-z]{1,12}(?:Arrow|Equal|Tilde|Bar|Bracket|Quote|Circle|Space)\w{0,20}|[A-Z])/;

// <text>&systemFile;</text>: an entity of a document type that the parser is believed to have
function ownEntity(value: string): Finding | undefined {
  if (!value.includes(";</") && !value.includes("; </")) return undefined;
  const match = REFERENCE_ALONE.exec(value);
  if (match === null || !OWN_NAME.test(match[1]!) || HTML_NAMES.test(match[1]!)) return undefined;
  return { sign: "entity", start: match.index, end: match.index + match[0].length };
}

/** External entities, inclusion and encodings that hide markup. */
export function detectXml(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & (LESS | PLUS)) === 0 && !value.includes("!ENTITY")) return undefined;
  const found =
    sign(value, EXTERNAL, "external") ?? sign(value, SCHEMA, "schema") ?? ownEntity(value);
  if (found !== undefined) return found;
  return (classes & PLUS) === 0 ? undefined : sign(value, UTF7, "utf-7");
}
