import { isToken, trimOws } from "../../../http/field-syntax.ts";
import { parseMediaType } from "../../../http/media-type.ts";
import type { ValueSink } from "../values.ts";

/** RFC 2046 §5.1.1, without the blanks that parsers disagree about. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=?]{1,70}$/;
const MAX_PARTS = 1000;
export const MAX_PART_HEAD = 8192;
const FORM_DATA = "form-data";
const MAX_PLAIN = 200;
const NO_FIELD = [undefined, ""] as const;

/**
 * Parts of a form (RFC 7578), read strictly: what two readers could take apart differently is refused as
 * `multipart-invalid`, since an upstream may then see a field or a file where we saw text. `text` is Latin-1.
 */
export function readMultipart(text: string, contentType: string, sink: ValueSink): boolean {
  const boundary = boundaryOf(contentType);
  const valid =
    boundary !== undefined &&
    readParts(text, 0, boundary, (head, content) => readPart(head, content, sink));
  if (!valid) sink.anomaly("multipart-invalid", "");
  return valid;
}

/**
 * Parts of any other kind (RFC 2046 §5.1.3: a batch of requests, SOAP with attachments), given to `read` with their types.
 * Those that are a form's are read as such: servers exist that take every multipart content for a form.
 */
export function readMixed(
  text: string,
  contentType: string,
  sink: ValueSink,
  read: (content: Uint8Array, contentType: string | undefined) => void,
): boolean {
  const boundary = boundaryOf(contentType);
  const valid =
    boundary !== undefined &&
    readParts(text, text.startsWith("\r\n") ? 2 : 0, boundary, (head, content) => {
      if (/^content-disposition:[ \t]{0,64}form-data/im.test(head)) {
        return readPart(head, content, sink);
      }
      let type: string | undefined;
      let encoding = "binary";
      for (const line of head === "" ? [] : head.split("\r\n")) {
        const [name, value] = fieldOf(line);
        if (name === undefined) return false;
        sink.value("MULTIPART_PART_HEADERS", name, value);
        if (name === "content-type") type ??= value;
        else if (name === "content-transfer-encoding") encoding = value.toLowerCase();
      }
      if (!/^(?:7bit|8bit|binary|base64)$/.test(encoding)) return false;
      read(Buffer.from(content, encoding === "base64" ? "base64" : "latin1"), type);
      return true;
    });
  if (!valid) sink.anomaly("multipart-invalid", "");
  return valid;
}

/** `undefined`: none, several, or one that parsers disagree about. */
export function boundaryOf(contentType: string): string | undefined {
  const named = parseMediaType(contentType)?.parameters.filter(([name]) => name === "boundary");
  if (named?.length !== 1) return undefined;
  const boundary = named[0]?.[1] as string;
  return BOUNDARY.test(boundary) ? boundary : undefined;
}

function readParts(
  text: string,
  start: number,
  boundary: string,
  read: (head: string, content: string) => boolean,
): boolean {
  const delimiter = `--${boundary}`;
  // A preamble is for mail readers; here it hides a first part from one of two parsers.
  if (!text.startsWith(delimiter, start)) return false;
  let at = start + delimiter.length;
  for (let parts = 0; ; parts++) {
    if (text.startsWith("--", at)) return /^(?:\r\n)?$/.test(text.slice(at + 2));
    if (!text.startsWith("\r\n", at) || parts >= MAX_PARTS) return false;
    at += 2;
    // A part without fields begins with the empty line.
    const headEnd = text.startsWith("\r\n", at) ? at - 2 : text.indexOf("\r\n\r\n", at);
    if (headEnd === -1 || headEnd - at > MAX_PART_HEAD) return false;
    const end = text.indexOf(`\r\n${delimiter}`, headEnd + 2);
    if (end === -1 || end < headEnd + 2) return false;
    const content = text.slice(headEnd + 4, Math.max(end, headEnd + 4));
    if (!read(text.slice(at, Math.max(at, headEnd)), content)) return false;
    at = end + 2 + delimiter.length;
  }
}

function readPart(head: string, content: string, sink: ValueSink): boolean {
  let disposition: string | undefined;
  for (const line of head.split("\r\n")) {
    const [name, value] = fieldOf(line);
    if (name === undefined) return false;
    sink.value("MULTIPART_PART_HEADERS", name, value);
    if (name === "content-disposition") {
      if (disposition !== undefined) return false;
      disposition = value;
    } else if (name === "content-type") {
      const charset = parseMediaType(value)?.charset;
      if (charset !== undefined && !isReadableCharset(charset)) sink.anomaly("charset", charset);
    } else if (name === "content-transfer-encoding" && !/^(?:7bit|8bit|binary)$/i.test(value)) {
      // RFC 7578 §4.7: deprecated, and only some parsers decode it.
      return false;
    }
  }
  const parameters = disposition === undefined ? undefined : dispositionParameters(disposition);
  const field = parameters?.get("name");
  if (parameters === undefined || field === undefined) return false;
  const file = parameters.get("filename");
  // RFC 7578 §4.2 forbids it; who reads it sees another name.
  if (parameters.has("filename*")) return false;
  if (file === undefined) {
    sink.value("ARGS_POST_NAMES", field, field);
    if (content !== "") sink.value("ARGS_POST", field, fromLatin1(content));
  } else {
    sink.value("FILES_NAMES", field, field);
    if (file !== "") sink.value("FILES", field, file);
  }
  return true;
}

/** A field of a part, its name in lower case; `undefined`: it is none. */
function fieldOf(line: string): readonly [name: string | undefined, value: string] {
  const colon = line.indexOf(":");
  if (colon < 1 || !isToken(line.slice(0, colon)) || /[\r\n\0]/.test(line)) return NO_FIELD;
  return [line.slice(0, colon).toLowerCase(), trimOws(line.slice(colon + 1))];
}

/** Whether the part's content is a file's, by the rules of {@link readMultipart}; `false` where those refuse it. */
export function isFilePart(head: string): boolean {
  let disposition: string | undefined;
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    if (line.slice(0, colon).toLowerCase() !== "content-disposition") continue;
    if (disposition !== undefined) return false;
    disposition = trimOws(line.slice(colon + 1));
  }
  return disposition !== undefined && dispositionParameters(disposition)?.has("filename") === true;
}

// RFC 7578 §4.2: form-data; name="…"; filename="…", and nothing that a lenient reader could take otherwise.
function dispositionParameters(text: string): ReadonlyMap<string, string> | undefined {
  if (text.slice(0, FORM_DATA.length).toLowerCase() !== FORM_DATA) return undefined;
  const found = new Map<string, string>();
  let at = FORM_DATA.length;
  while (at < text.length) {
    if (text[at] !== ";") return undefined;
    at += 1;
    while (text[at] === " " || text[at] === "\t") at += 1;
    const equals = text.indexOf("=", at);
    const name = equals === -1 ? "" : text.slice(at, equals).toLowerCase();
    if (!/^[a-z*]{1,20}$/.test(name) || found.has(name)) return undefined;
    const from = equals + 1;
    const end = text[from] === '"' ? quotedEnd(text, from) : plainEnd(text, from);
    if (end <= from) return undefined;
    const value =
      text[from] === '"' ? unquoted(text.slice(from + 1, end - 1)) : text.slice(from, end);
    found.set(name, fromLatin1(value));
    at = end;
  }
  return found;
}

/** After the closing quote of what begins at `from`, or -1. */
function quotedEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return -1;
}

function plainEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && end - from < MAX_PLAIN && !/[\s";,]/.test(text.charAt(end))) end += 1;
  return end;
}

function unquoted(text: string): string {
  return text.replace(/\\(["\\])/g, "$1");
}

/** Those in which ASCII is ASCII and that every reader takes alike. */
export function isReadableCharset(charset: string): boolean {
  return /^(?:utf-?8|us-ascii|ascii|iso-8859-1|iso-8859-15|latin1|windows-1252)$/i.test(charset);
}

function fromLatin1(text: string): string {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return Buffer.from(text, "latin1").toString("utf8");
  }
  return text;
}
