// Over 400 lines: one walk over tags and what may run in each of them.
import {
  AT,
  BACKSLASH,
  characterClasses,
  COLON,
  DASH,
  EQUAL,
  isLetterCode,
  isSpaceCode,
  LESS,
  PAREN,
  PIPE,
} from "./characters.ts";
import { decodeEntities } from "./entities.ts";
import type { Finding } from "./finding.ts";
import { readTag, TagBudget } from "./html.ts";
import type { Tag } from "./html.ts";
import { isForeignLink, isFrameworkCode } from "./xss-attributes.ts";

// Markup that runs script in the page that shows it. Honest markup (paragraphs, links, images,
// tables from an editor) passes: what counts is an element that loads or runs something, an event
// handler, a scheme that is code, and a style that reaches outside.

/** Elements that no comment or editor needs and that run or load content by themselves. */
const ACTIVE_ELEMENTS: ReadonlySet<string> = new Set(
  "script object embed applet base frameset frame vmlframe layer ilayer bgsound isindex xss portal import foreignobject animate animatetransform animatemotion set handler listener fencedframe".split(
    " ",
  ),
);
/** Elements whose end tag breaks out of the place a value is shown in. */
const RAW_TEXT: ReadonlySet<string> = new Set(
  "script style textarea title noscript iframe xmp noembed noframes template".split(" "),
);
const URL_ATTRIBUTES =
  /^(?:href|src|action|formaction|data|background|dynsrc|lowsrc|poster|xlink:href|.*:href|code|codebase|from|to|values|by|cite|ping|manifest|folder|content|url|srcset|longdesc|profile|classid|usemap|style|folder|begin)$/;
const EVENT_NAMES =
  /^on(?:abort|activate|after|animation|auxclick|before|begin|blur|bounce|cancel|canplay|cellchange|change|click|close|command|contentvisibility|contextmenu|contextlost|contextrestored|controlselect|copy|cuechange|cut|data|dblclick|deactivate|drag|drop|durationchange|emptied|encrypted|end|ended|error|errorupdate|filterchange|finish|focus|formdata|fullscreen|gesture|gotpointer|hashchange|help|input|invalid|key|language|layout|load|losecapture|lostpointer|media|message|mouse|move|offline|open|orientation|outofsync|page|paste|pause|play|pointer|popstate|popup|progress|propertychange|ratechange|readystate|received|rejection|repeat|reset|resize|resume|reverse|row|scroll|search|securitypolicy|seek|select|show|slotchange|stalled|start|stop|storage|submit|suspend|syncrestored|timeerror|timeupdate|timeout|toggle|touch|trackchange|transition|unhandled|unload|uropen|urlflip|visibility|volume|waiting|webkit|wheel|zoom)/i;
const HANDLER = /(?:^|[\s"'`/;<>,+\u00a0\\])(on[a-z]{3,40})[\s\0]{0,8}=/gi;
const SCRIPT_SCHEME =
  /^(?:(?:java|vb|live|j|ecma|type)script|mocha|wscript|mhtml|view-source|jar):/i;
const DATA_SCHEME =
  /^data:(?:text\/(?:html|xml|javascript|x-?scriptlet)|application\/(?:xhtml|xml|javascript|x-javascript|ecmascript)|image\/svg|[^,;a-z]|,|;|\s)/i;
const ACTIVE_STYLE =
  /expression\s{0,4}\(|url\s{0,4}\(\s{0,4}["']?\s{0,4}(?:java|vb|live)script|-moz-binding|behaviou?r\s{0,4}:|@\s?im\\?port|-o-link|\\[0-9a-f]{2,6}\s?[a-z\\]/i;

const CUT_HANDLER = /o(?:<\w{1,10}>n|n[a-z]{0,20}<\w{1,10}>)[a-z<>]{2,40}=/i;
const INNER_TAG = /<\w{1,10}>/g;

// onClick={save}, onClick={() => save(id)}: as HTML it would name or make a function and call none.
const JSX_HANDLER =
  /\bon[A-Z]\w{2,30}=\{\s{0,2}(?:(?:async\s{1,2})?(?:\([\w$,\s]{0,60}\)|[\w$]{1,30})\s{0,2}=>\s{0,4})?[\w$.]{1,60}(?:\([\w$.,\s"'!]{0,80}\))?\s{0,2}\}(?=[\s/>])/g;

/** Script by markup, by a handler that breaks out of an attribute, or by a scheme. */
export function detectXss(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & (LESS | EQUAL | COLON | PIPE)) === 0 || value.length < 6) return undefined;
  const text =
    (classes & EQUAL) !== 0 && value.includes("={") ? value.replace(JSX_HANDLER, "") : value;
  const found = scan(text, classes);
  if (found !== undefined) return found;
  // o<b>nfocus=al<b>ert(1): a filter that takes tags out puts the words together
  if ((classes & LESS) !== 0 && (classes & EQUAL) !== 0 && CUT_HANDLER.test(text)) {
    const whole = text.replace(INNER_TAG, "");
    const inner = scan(whole, characterClasses(whole));
    if (inner !== undefined) return { sign: inner.sign, start: 0, end: value.length };
  }
  if ((classes & PIPE) === 0 || (classes & LESS) !== 0) return undefined;
  // Escaped text that is unescaped once more before it is shown. Text that holds real markup as
  // well comes from an editor, whose escapes are there to be read.
  const decoded = decodeEntities(value);
  if (decoded === value) return undefined;
  const hidden = scan(decoded, characterClasses(decoded));
  return hidden === undefined ? undefined : { sign: hidden.sign, start: 0, end: value.length };
}

function scan(value: string, classes: number): Finding | undefined {
  if ((classes & LESS) !== 0) {
    const found = scanTags(value);
    if (found !== undefined) return found;
  }
  if ((classes & EQUAL) !== 0 && mayHoldHandler(value)) {
    const found = scanHandlers(value);
    if (found !== undefined) return found;
  }
  if ((classes & COLON) !== 0) {
    const found = mayHoldScheme(value) ? scanSchemes(value) : undefined;
    if (found !== undefined) return found;
    if (
      ((classes & (EQUAL | AT | BACKSLASH)) !== 0 || value.startsWith("-moz-")) &&
      (classes & (PAREN | DASH | BACKSLASH)) !== 0
    ) {
      const style =
        /(?::\s{0,4}url\s{0,4}\(\s{0,4}["']?\s{0,4}(?:java|vb)script|-moz-binding\s?:\s?url|:\s{0,4}expression\s{0,4}(?:\(|\\0{0,4}28))/i.exec(
          value,
        );
      if (style !== null)
        return { sign: "style", start: style.index, end: style.index + style[0].length };
    }
  }
  return undefined;
}

function scanTags(value: string): Finding | undefined {
  const budget = new TagBudget(value.length);
  for (let at = value.indexOf("<"); at >= 0 && budget.left > 0; at = value.indexOf("<", at + 1)) {
    budget.left--;
    const next = value.charCodeAt(at + 1);
    if (next === 0x21) {
      // <!--#exec, <!--[if IE]>: a server's or an old browser's instructions
      const text = value.slice(at, at + 32);
      if (
        /^<!(?:--)?\s{0,4}(?:#\s?(?:exec|include|echo|printenv|config|set|fsize|flastmod)\b|\[if\b)/i.test(
          text,
        )
      )
        return { sign: "server-side-include", start: at, end: at + text.length };
      continue;
    }
    if (next === 0x3f) {
      const text = value.slice(at, at + 40);
      if (/^<\?(?:import\b|xml-stylesheet\b)/i.test(text))
        return { sign: "processing-instruction", start: at, end: at + text.length };
      continue;
    }
    const tag = readTag(value, at, budget);
    if (tag === undefined) {
      if (isSpaceCode(next) || next === 0x22 || next === 0x27 || next === 0x3a) {
        // Blanks that a filter before us may strip.
        const text = value
          .slice(at + 1, at + 48)
          .replace(/[\s"':]+/g, "")
          .toLowerCase();
        if (
          /^\/?(?:\w{0,12})?script\b|^(?:iframe|embed|object|vmlframe)\b/.test(text) &&
          (/[=>(]/.test(text) || value.length < at + 24)
        )
          return { sign: "spaced-tag", start: at, end: Math.min(value.length, at + 48) };
      }
      continue;
    }
    // <s c r i p t: what a filter makes of it that takes white space out
    if (tag.name.length === 1 && isSpaceCode(value.charCodeAt(at + 2)) && isSpaced(value, at))
      return { sign: "spaced-tag", start: at, end: Math.min(tag.end, value.length) };
    // Local<Object>, Map<Set>: a type's argument
    if (
      at > 0 &&
      tag.attributes.length === 0 &&
      !tag.closing &&
      /\w/.test(value.charAt(at - 1)) &&
      /^(?:object|set|base|frame|import|layer|handler|listener)$/.test(tag.name)
    )
      continue;
    const sign = tagSign(tag, value);
    if (sign !== undefined) return { sign, start: at, end: Math.min(tag.end, value.length) };
  }
  return undefined;
}

const SPACED = /^<(?:[a-z]\s){2,9}[a-z](?![a-z])/i;
const SPACED_NAMES =
  /^(?:script|iframe|object|embed|form|style|svg|img|body|dialog|link|meta|applet|input|video|audio|base|math)/;

function isSpaced(value: string, at: number): boolean {
  const text = SPACED.exec(value.slice(at, at + 24))?.[0];
  return text !== undefined && SPACED_NAMES.test(text.replace(/[\s<]/g, "").toLowerCase());
}

function tagSign(tag: Tag, value: string): string | undefined {
  const colon = tag.name.lastIndexOf(":");
  const name = colon < 0 ? tag.name : tag.name.slice(colon + 1);
  if (tag.closing) {
    if (!RAW_TEXT.has(name) || name === "title") return attributeSign(tag, value);
    // Closing what the value itself has opened breaks out of nothing.
    return name === "script" || (value.length < 400 && !value.toLowerCase().includes(`<${name}`))
      ? "closing-tag"
      : undefined;
  }
  if (ACTIVE_ELEMENTS.has(name))
    return isPlaceholder(name, tag, value) || isIdle(name, tag, value)
      ? undefined
      : "active-element";
  const inside = attributeSign(tag, value);
  if (inside !== undefined) return inside;
  switch (name) {
    case "xml":
      // A data island: markup from elsewhere, bound to elements of the page.
      return tag.attributes.some((attribute) => attribute.name === "src")
        ? "active-element"
        : undefined;
    case "iframe":
      return isEmbedding(tag) ? undefined : "frame";
    case "meta":
      return tag.attributes.some(
        (attribute) => attribute.name === "http-equiv" || attribute.name === "charset",
      ) && !isPlainMeta(tag)
        ? "meta"
        : undefined;
    case "link":
      return tag.attributes.some((attribute) => attribute.name === "href") ? "link" : undefined;
    case "style":
      return ACTIVE_STYLE.test(decodeEntities(value.slice(tag.end, tag.end + 2000))) ||
        /^>?\s{0,8}[@=*{\\]/.test(value.slice(tag.end, tag.end + 16))
        ? "style"
        : undefined;
    case "math":
    case "svg":
      return value.charCodeAt(value.indexOf(tag.name === "svg" ? "<" : "<") + 4) === 0x2f &&
        tag.attributes.length > 0 &&
        /^<(?:svg|math)\//i.test(value)
        ? "active-element"
        : undefined;
    case "a":
    case "form":
      return undefined;
    default:
      return undefined;
  }
}

// "git notes edit <object>", "Returns: <Object>", "<set>": without attributes and an end they load nothing
function isPlaceholder(name: string, tag: Tag, value: string): boolean {
  return (
    tag.attributes.length === 0 &&
    (name === "set" ||
      (name === "object" &&
        !value.toLowerCase().includes("</object") &&
        /^<object>/i.test(value.slice(tag.end - 7, tag.end + 1))))
  );
}

const PLAIN_TYPE =
  /^text\/html(?:;\s{0,4}charset=(?:utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d))?$/i;

/** Which type a page has, as mail programs write it: of charsets only those in which ASCII is ASCII. */
function isPlainMeta(tag: Tag): boolean {
  const of = (name: string): string | undefined =>
    tag.attributes.find((attribute) => attribute.name === name)?.value;
  return /^content-type$/i.test(of("http-equiv") ?? "") && PLAIN_TYPE.test(of("content") ?? "");
}

const LOADS = /^(?:src|data|code|codebase|classid|archive|type|object|.{0,12}href)$/;
const PROSE_BEHIND = /^>(?:[\s"'`)]{1,4}[a-z]{2,16}[,.:!?]{0,3}){2}/i;

/** Elements that do nothing: without a source, a sentence about `<script>`. */
function isIdle(name: string, tag: Tag, value: string): boolean {
  switch (name) {
    case "embed":
    case "object":
      return (
        tag.attributes.length > 0 && !tag.attributes.some((attribute) => LOADS.test(attribute.name))
      );
    case "script": {
      // It ends nowhere in the value, and what would run is no code.
      const rest = value.slice(tag.end, tag.end + 600);
      return tag.attributes.length === 0 && PROSE_BEHIND.test(rest) && !/[<(=`[{\\&%/]/.test(rest);
    }
    default:
      return false;
  }
}

/** A player or a map that sites let their users embed: https, with the attributes of an embed code. */
function isEmbedding(tag: Tag): boolean {
  let source = "";
  let attributes = 0;
  for (const attribute of tag.attributes) {
    if (attribute.name === "src") source = attribute.value;
    else if (
      /^(?:width|height|title|allow|allowfullscreen|frameborder|loading|referrerpolicy)$/.test(
        attribute.name,
      )
    )
      attributes++;
  }
  return attributes >= 2 && /^(?:https:)?\/\/[a-z0-9.-]{4,80}\//i.test(source);
}

function attributeSign(tag: Tag, value: string): string | undefined {
  for (const attribute of tag.attributes) {
    const { name } = attribute;
    if (
      name.length > 4 &&
      name.startsWith("on") &&
      /^on[a-z]{3,}/.test(name) &&
      attribute.value !== ""
    )
      return "handler";
    if (name.length > 4 && EVENT_NAMES.test(name)) return "handler";
    if (name === "srcdoc" || name === "formaction") return "attribute";
    if (name === "ev:handler" || name === "dataformatas") return "attribute";
    if (name === "attributename" && /^(?:href|xlink:href|on)/i.test(attribute.value))
      return "attribute";
    if (attribute.value.length < 4) continue;
    if (isFrameworkCode(name, attribute.value)) return "handler";
    if (isForeignLink(name, attribute.value, tag.name, value)) return "attribute";
    if (name === "style") {
      const style = decodeEntities(attribute.value).replace(/\/\*[^*]{0,200}\*\//g, "");
      if (ACTIVE_STYLE.test(style) || /^[^{}]{1,200}\}\s{0,4}[a-z-]{1,30}\s{0,4}[=:]/i.test(style))
        return "style";
      continue;
    }
    if (URL_ATTRIBUTES.test(name) || name === "" || attribute.value.length > 10) {
      if (isScriptUrl(attribute.value, name)) return "script-url";
    }
  }
  return undefined;
}

/** Schemes that are code, read as browsers read them: references decoded, blanks dropped. */
function isScriptUrl(text: string, attribute: string): boolean {
  const decoded = text.includes("&") ? decodeEntities(text) : text;
  const url = squeeze(decoded.slice(0, 200));
  const colon = url.indexOf(":");
  if (colon < 0) return false;
  // values="x;javascript:…", content="0;url=javascript:…"
  for (const part of url.split(/[;,=]/, 6)) {
    if (
      SCRIPT_SCHEME.test(part) &&
      !/^javascript:(?:void\(?0?\)?;?|;|)$/i.test(url) &&
      !/^(?:view-source|jar):/i.test(part)
    )
      return true;
  }
  if (DATA_SCHEME.test(url))
    return !(
      attribute === "src" &&
      /^data:image\/svg\+xml/i.test(url) &&
      !/script|onload|onerror/i.test(decoded)
    );
  return false;
}

function squeeze(text: string): string {
  let squeezed = "";
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (
      code > 0x20 &&
      code !== 0x7f &&
      code !== 0xad &&
      code !== 0x200b &&
      code !== 0xfeff &&
      code !== 0x5c
    )
      squeezed += text[index];
  }
  return squeezed;
}

// A name that begins with "on" before an equals sign.
function mayHoldHandler(value: string): boolean {
  for (let at = value.indexOf("="); at >= 0; at = value.indexOf("=", at + 1)) {
    let end = at;
    while (end > 0 && at - end < 9 && isSpaceCode(value.charCodeAt(end - 1))) end--;
    let start = end;
    while (start > 0 && end - start < 43 && isLetterCode(value.charCodeAt(start - 1))) start--;
    if (
      end - start > 4 &&
      (value.charCodeAt(start) | 0x20) === 0x6f &&
      (value.charCodeAt(start + 1) | 0x20) === 0x6e
    )
      return true;
  }
  return false;
}

// "…t:" as javascript: ends, or "data:"; blanks between as scanSchemes() allows them.
function mayHoldScheme(value: string): boolean {
  for (let at = value.indexOf(":"); at > 0; at = value.indexOf(":", at + 1)) {
    let end = at;
    while (end > 0 && at - end < 5 && isSpaceCode(value.charCodeAt(end - 1))) end--;
    const last = value.charCodeAt(end - 1) | 0x20;
    if (last === 0x74 || last === 0x61) return true;
  }
  return false;
}

function scanHandlers(value: string): Finding | undefined {
  HANDLER.lastIndex = 0;
  for (let match = HANDLER.exec(value); match !== null; match = HANDLER.exec(value)) {
    const name = match[1]!;
    const start = match.index;
    const end = HANDLER.lastIndex;
    HANDLER.lastIndex = end - 1;
    const rest = value.slice(end, end + 64);
    // const onChange = (event) => …: a variable of a script
    if (
      /\b(?:const|let|var|async|function|export)\s$/.test(
        value.slice(Math.max(0, start - 8), start + 1),
      )
    )
      continue;
    const known = EVENT_NAMES.test(name);
    if (!known) {
      // "online=yes", "ontology=…": any other word needs a script behind it
      if (
        !/^\s{0,4}["']?\s{0,4}\(?\s?(?:alert|confirm|prompt|eval|javascript|document|window|self|top|location|fetch|import|print|\w{1,20}\s?(?:\(|`)|\(\))/.test(
          rest,
        )
      )
        continue;
    } else if (
      !/^\s{0,8}(?:$|["'`(]|&|\\|[\w$.]{1,40}\s?(?:[(`=[?.;,}>&]|$)|\{|\[|=|!|-|\+)/.test(rest)
    )
      continue;
    // "onload=1&x=2": a flag in a query
    if (/^(?:true|false|yes|no|\d{1,6})(?:$|[&;,\s])/i.test(rest)) continue;
    return { sign: "handler", start, end: Math.min(value.length, end + rest.length) };
  }
  return undefined;
}

const SCHEME_START =
  /(?:j\s{0,3}a\s{0,3}v\s{0,3}a|v\s{0,3}b|l\s{0,3}i\s{0,3}v\s{0,3}e)\s{0,3}s\s{0,3}c\s{0,3}r\s{0,3}i\s{0,3}p\s{0,3}t\s{0,3}:/gi;

function scanSchemes(value: string): Finding | undefined {
  SCHEME_START.lastIndex = 0;
  for (let match = SCHEME_START.exec(value); match !== null; match = SCHEME_START.exec(value)) {
    const start = match.index;
    const end = SCHEME_START.lastIndex;
    const before = start === 0 ? 0x20 : value.charCodeAt(start - 1);
    const atBoundary = isSpaceCode(before) || !/\w/.test(String.fromCharCode(before));
    if (!atBoundary) continue;
    const rest = value.slice(end, end + 80);
    // "JavaScript: Basics of the language", "javascript: the good parts", a link that does nothing
    if (/^\s?(?:void\s?\(?\s?0?\s?\)?;?)?\s{0,4}["'>]?$/.test(rest) && start > 0) continue;
    if (/^(?:void\s?\(?\s?0?\s?\)?|;)\s{0,4}(?:;|["'>]|$)/.test(rest)) continue;
    if (/^\s{1,4}[\w(]+[\s,.!?-]/.test(rest) && !/[(`=;%\\]/.test(rest.slice(0, 24))) continue;
    if (/^\s{1,4}\w+$/.test(rest)) continue;
    // "for JavaScript: <https://…>"
    if (/^\s{1,4}<https?:[^(`=;%\\'"+]{1,72}$/.test(rest.slice(0, rest.indexOf(">") + 1))) continue;
    if (
      !/[(`=;%\\/:[#'"+]/.test(rest) &&
      match[0].toLowerCase() === "javascript:" &&
      rest.length > 0
    )
      continue;
    return { sign: "script-url", start, end: Math.min(value.length, end + rest.length) };
  }
  const data =
    /(?:^|["'`=(\s,>;])data\s{0,4}:\s{0,4}(?:text\/(?:html|xml|javascript|x-?scriptlet)|application\/(?:xhtml\+xml|javascript|x-javascript)|,\s{0,4}[<a-z_$]{1,20}[\s(>`])/i.exec(
      value,
    );
  return data === null
    ? undefined
    : { sign: "data-url", start: data.index, end: data.index + data[0].length };
}
