import { decodeEntities } from "../detect/entities.ts";
import type { ValueSink } from "../values.ts";

const MAX_NAME = 200;
const MAX_BLANKS = 16;

/**
 * Text and attribute values of XML. Entities of the document's own are never expanded: what declares them is an anomaly,
 * and a rule looks at the document type's text. Returns false where the markup cannot be followed.
 */
export function readXml(text: string, sink: ValueSink): boolean {
  let at = 0;
  let depth = 0;
  while (at < text.length && !sink.isFull) {
    const open = text.indexOf("<", at);
    if (open === -1) {
      readText(text.slice(at), sink);
      break;
    }
    if (open > at) readText(text.slice(at, open), sink);
    const end = readMarkup(text, open, sink);
    if (end === -1) {
      sink.anomaly("xml-invalid", "");
      return false;
    }
    const second = text.charCodeAt(open + 1);
    if (second === 0x2f) depth -= 1;
    else if (second !== 0x21 && second !== 0x3f && text.charCodeAt(end - 2) !== 0x2f) depth += 1;
    if (depth > sink.bounds.maxDepth) {
      sink.anomaly("xml-invalid", "depth");
      return false;
    }
    at = end;
  }
  return true;
}

/** Where the markup that begins at `open` ends, or -1. */
function readMarkup(text: string, open: number, sink: ValueSink): number {
  if (text.startsWith("<!--", open)) return after(text, "-->", open + 4);
  if (text.startsWith("<![CDATA[", open)) {
    const end = after(text, "]]>", open + 9);
    if (end !== -1) sink.value("XML", "", text.slice(open + 9, end - 3));
    return end;
  }
  if (text.startsWith("<?", open)) {
    const close = after(text, "?>", open + 2);
    if (close !== -1 && text.startsWith("xml-stylesheet", open + 2))
      sink.value("XML", "", text.slice(open, close));
    return close;
  }
  if (text.startsWith("<!", open)) {
    sink.anomaly("xml-doctype", "");
    const bracket = text.indexOf("[", open);
    const close = after(text, ">", open);
    return bracket !== -1 && bracket < close ? after(text, "]>", open) : close;
  }
  const end = after(text, ">", open);
  if (end === -1) return -1;
  const tag = text.slice(open + 1, end - 1);
  if (!tag.includes("=")) return end;
  // The element itself asks for another document.
  if (/^(?:\w{1,20}:)?include\s/.test(tag)) sink.value("XML", "", text.slice(open, end));
  readAttributes(tag, sink);
  return end;
}

function readAttributes(tag: string, sink: ValueSink): void {
  let at = tag.indexOf("=");
  while (at !== -1 && !sink.isFull) {
    let nameEnd = at;
    while (nameEnd > 0 && at - nameEnd < MAX_BLANKS && isBlank(tag.charCodeAt(nameEnd - 1))) {
      nameEnd -= 1;
    }
    let start = nameEnd;
    while (start > 0 && nameEnd - start < MAX_NAME && isNameCode(tag.charCodeAt(start - 1))) {
      start -= 1;
    }
    let from = at + 1;
    while (from - at <= MAX_BLANKS && isBlank(tag.charCodeAt(from))) from += 1;
    const mark = tag.charAt(from);
    if (start === nameEnd || (mark !== '"' && mark !== "'")) {
      at = tag.indexOf("=", at + 1);
      continue;
    }
    const close = tag.indexOf(mark, from + 1);
    const value = tag.slice(from + 1, close === -1 ? tag.length : close);
    if (value !== "") {
      sink.value("XML_ATTRIBUTES", tag.slice(start, nameEnd), decodeEntities(value));
    }
    if (close === -1) return;
    at = tag.indexOf("=", close + 1);
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function isNameCode(code: number): boolean {
  return (
    !isBlank(code) &&
    code !== 0x3d &&
    code !== 0x3c &&
    code !== 0x3e &&
    code !== 0x22 &&
    code !== 0x27 &&
    code !== 0x2f
  );
}

function readText(text: string, sink: ValueSink): void {
  const trimmed = text.trim();
  if (trimmed !== "") sink.value("XML", "", decodeEntities(trimmed));
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? -1 : at + mark.length;
}
