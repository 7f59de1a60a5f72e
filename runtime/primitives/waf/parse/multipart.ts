import { parseMediaType } from "../../../http/media-type.ts";
import type { ValueSink } from "../values.ts";

/** RFC 2046 §5.1.1, without the blanks that parsers disagree about. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=?]{1,70}$/;
const MAX_PARTS = 1000;
export const MAX_PART_HEAD = 8192;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)$/;
const DISPOSITION = /^form-data((?:;[ \t]*[a-z*]{1,20}=(?:"(?:[^"\\]|\\.)*"|[^\s";,]{1,200}))*)$/i;
const PARAMETER = /;[ \t]*([a-z*]{1,20})=(?:"((?:[^"\\]|\\.)*)"|([^\s";,]{1,200}))/gi;

/**
 * Parts of a form (RFC 7578), read strictly: what two readers could take apart differently is refused as
 * `multipart-invalid`, since an upstream may then see a field or a file where we saw text. `text` is Latin-1.
 */
export function readMultipart(text: string, contentType: string, sink: ValueSink): boolean {
  const boundary = boundaryOf(contentType);
  const valid = boundary !== undefined && readParts(text, boundary, sink);
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

function readParts(text: string, boundary: string, sink: ValueSink): boolean {
  const delimiter = `--${boundary}`;
  // A preamble is for mail readers; here it hides a first part from one of two parsers.
  if (!text.startsWith(delimiter)) return false;
  let at = delimiter.length;
  for (let parts = 0; ; parts++) {
    if (text.startsWith("--", at)) return /^(?:\r\n)?$/.test(text.slice(at + 2));
    if (!text.startsWith("\r\n", at) || parts >= MAX_PARTS) return false;
    at += 2;
    const headEnd = text.indexOf("\r\n\r\n", at);
    if (headEnd === -1 || headEnd - at > MAX_PART_HEAD) return false;
    const end = text.indexOf(`\r\n${delimiter}`, headEnd + 2);
    if (end === -1 || end < headEnd + 2) return false;
    const content = text.slice(headEnd + 4, Math.max(end, headEnd + 4));
    if (!readPart(text.slice(at, headEnd), content, sink)) return false;
    at = end + 2 + delimiter.length;
  }
}

function readPart(head: string, content: string, sink: ValueSink): boolean {
  let disposition: string | undefined;
  for (const line of head.split("\r\n")) {
    const match = FIELD_LINE.exec(line);
    if (match === null || /[\r\n\0]/.test(line)) return false;
    const name = (match[1] as string).toLowerCase();
    const value = match[2] as string;
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

/** Whether the part's content is a file's, by the rules of {@link readMultipart}; `false` where those refuse it. */
export function isFilePart(head: string): boolean {
  let disposition: string | undefined;
  for (const line of head.split("\r\n")) {
    const match = FIELD_LINE.exec(line);
    if (match?.[1]?.toLowerCase() !== "content-disposition") continue;
    if (disposition !== undefined) return false;
    disposition = match[2];
  }
  return disposition !== undefined && dispositionParameters(disposition)?.has("filename") === true;
}

function dispositionParameters(value: string): ReadonlyMap<string, string> | undefined {
  const match = DISPOSITION.exec(value.trim());
  if (match === null) return undefined;
  const found = new Map<string, string>();
  for (const [, name, quoted, plain] of (match[1] as string).matchAll(PARAMETER)) {
    const key = (name as string).toLowerCase();
    if (found.has(key)) return undefined;
    found.set(key, fromLatin1(quoted?.replace(/\\(["\\])/g, "$1") ?? (plain as string)));
  }
  return found;
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
