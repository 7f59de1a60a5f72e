import { mediaTypeEssence, parseMediaType } from "../../../http/media-type.ts";
import type { ValueSink } from "../values.ts";
import { readForm } from "./form.ts";
import { readGraphql } from "./graphql.ts";
import { readJson } from "./json.ts";
import { isReadableCharset, readMixed, readMultipart } from "./multipart.ts";
import { readXml } from "./xml.ts";

const NOT_TEXT =
  /^(?:image\/(?!svg)|audio\/|video\/|font\/|application\/(?:(?:offset\+)?octet-stream|zip|pdf|wasm|g?zip|x-(?:gzip|tar|7z-compressed|bzip2?|xz|rar(?:-compressed)?|lzma|deb|rpm|debian-package|redhat-package-manager)|zstd|vnd\.rar|java-archive|vnd\.android\.package-archive|epub\+zip|msword|vnd\.(?:openxmlformats-officedocument|oasis\.opendocument|ms-(?:excel|powerpoint|word))[\w.+-]{0,100}|(?:x-|vnd\.google\.|x-google-)?protobuf|cbor|(?:x-|vnd\.)?msgpack|(?:x-|vnd\.apache\.)thrift(?:\.\w{1,20})?|vnd\.apache\.(?:arrow|parquet|avro)[\w.+-]{0,40}|avro(?:\+binary)?|vnd\.(?:docker\.image\.rootfs|oci\.image\.layer)[\w.+-]{0,60}|x-git-(?:upload|receive)-pack-request|dns-message|ocsp-request|timestamp-query|pkcs(?:7-mime|8|10|12)|ohttp-req)$)/;

const FORM = "application/x-www-form-urlencoded";
/** What no form has that a browser wrote. */
const NOT_OF_FORMS = /[^\w.~%!*'()+=&[\]\r\n-]/;
const JSON_LINES = /[/-](?:nd-?json|jsonl|jsonlines)$/;

/** Multipart contents in one another. */
const MAX_NESTED = 3;
const BOM = [0xef, 0xbb, 0xbf];
const SNIFFED_BYTES = 512;

export type ContentKind = "multipart" | "text" | "binary";

/**
 * How content of this type is inspected. Pictures, archives, binary messages and the like are not, unless they begin as JSON does: there are
 * frameworks that read JSON whatever the type says (PUB-35).
 */
export function contentKind(contentType: string | undefined, beginning: Uint8Array): ContentKind {
  const essence = contentType === undefined ? undefined : mediaTypeEssence(contentType);
  if (essence === undefined) return isUntypedFile(contentType, beginning) ? "binary" : "text";
  if (essence.startsWith("multipart/")) return "multipart";
  return isBinaryType(essence) && !beginsLikeJson(beginning) ? "binary" : "text";
}

/** Content of this type is not inspected, unless it begins as JSON does. */
export function isBinaryType(contentType: string): boolean {
  return NOT_TEXT.test(mediaTypeEssence(contentType) ?? "");
}

/**
 * Takes content apart by its type. What is not what it says it is, is inspected as text: an application may guess better
 * than the field (PUB-35).
 */
export function readContent(
  bytes: Uint8Array,
  contentType: string | undefined,
  sink: ValueSink,
  depth = 0,
): void {
  if (bytes.byteLength === 0) return;
  const type = contentType === undefined ? undefined : parseMediaType(contentType);
  const charsets = type?.parameters.filter(([name]) => name === "charset") ?? [];
  if (charsets.length > 1 || charsets.some(([, value]) => !isReadableCharset(value))) {
    sink.anomaly("charset", charsets.map(([, value]) => value).join());
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const essence = type?.essence ?? "";
  if (type?.type === "multipart") {
    const text = buffer.toString("latin1");
    const valid =
      type.subtype === "form-data"
        ? readMultipart(text, contentType as string, sink)
        : depth < MAX_NESTED &&
          readMixed(text, contentType as string, sink, (part, partType) => {
            readContent(part, partType, sink, depth + 1);
          });
    if (!valid) sink.value("REQUEST_BODY", "", text);
    return;
  }
  if (contentKind(contentType, bytes) === "binary") return;
  // UTF-16 and UTF-32 hide ASCII from every rule.
  if (hasWideBom(bytes)) sink.anomaly("charset", "byte order mark");
  const saysJson = /[/+]json$/.test(essence);
  if (saysJson || mayBeJson(buffer, essence)) {
    if (readJson(buffer, sink)) return;
    if (saysJson) sink.anomaly("json-invalid", "");
    const text = buffer.toString("utf8");
    // Reports of errors and measurements come as lines of JSON, as plain text, so that browsers need not ask before.
    if (!saysJson && everyLine(text, /^\s{0,64}[[{]/)) readJsonLines(text, sink);
    else readLines(text, sink);
    return;
  }
  readText(buffer.toString("utf8"), essence, sink);
}

function mayBeJson(buffer: Buffer, essence: string): boolean {
  if (essence === FORM || JSON_LINES.test(essence)) return false;
  return /^[\s\ufeff]{0,64}[[{]/.test(buffer.toString("utf8", 0, SNIFFED_BYTES));
}

function readText(text: string, essence: string, sink: ValueSink): void {
  if (essence === FORM) {
    if (text.includes("\0")) sink.anomaly("form-invalid", "");
    readForm(text, "POST", sink);
    // A form's library takes JSON under this type for one long name; other frameworks guess.
    if (/^\s{0,64}[[{]/.test(text)) readJson(text, sink);
    return;
  }
  if (JSON_LINES.test(essence)) {
    readJsonLines(text, sink);
    return;
  }
  if (/[/+]xml$/.test(essence) || /^[\s\ufeff]{0,64}<\?xml/.test(text)) {
    if (readXml(text, sink)) {
      // Document types hold what XXE needs, style sheets are programs.
      if (text.includes("<!") || text.includes("/XSL/Transform")) readLines(text, sink);
      return;
    }
  } else if (essence === "application/graphql") {
    if (readGraphql(text, sink)) return;
  }
  if (
    essence === "text/plain" &&
    !NOT_OF_FORMS.test(text) &&
    everyLine(text, /^[\w.~%[\]-]{1,128}=/)
  ) {
    // Beacons are forms, one a line: `en=search&ep.term=it%27s`.
    for (const line of text.split(/\r?\n/)) readForm(line, "POST", sink);
    return;
  }
  readLines(text, sink);
}

/** JSON, one document a line. */
function readJsonLines(text: string, sink: ValueSink): void {
  for (let start = 0; start < text.length && !sink.isFull;) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end === -1 ? undefined : end);
    if (line.trim() !== "" && !readJson(line, sink)) readLines(line, sink);
    start = end === -1 ? text.length : end + 1;
  }
}

/** Whether each line that is not empty begins so. */
function everyLine(text: string, beginning: RegExp): boolean {
  for (let start = 0; start < text.length;) {
    let end = text.indexOf("\n", start);
    if (end === -1) end = text.length;
    const line = text.slice(start, Math.min(end, start + 256));
    if (line.trim() !== "" && !beginning.test(line)) return false;
    start = end + 1;
  }
  return true;
}

/** A text of any length, cut where a line ends: no rule needs to see more of it at once. */
function readLines(text: string, sink: ValueSink): void {
  const { maxValueLength } = sink.bounds;
  let start = 0;
  while (text.length - start > maxValueLength) {
    const end = text.lastIndexOf("\n", start + maxValueLength - 1) + 1;
    // One line that is too long: what it is cut to is inspected, and its length is an anomaly.
    if (end <= start) break;
    sink.value("REQUEST_BODY", "", text.slice(start, end));
    start = end;
  }
  sink.value("REQUEST_BODY", "", start === 0 ? text : text.slice(start));
}

/** Ciphertext begins with a bracket now and then: what has control characters soon after is none of ours. */
function beginsLikeJson(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.byteLength && (isSpace(bytes[at] as number) || isBom(bytes, at))) at += 1;
  if (at === bytes.byteLength) return true;
  if (bytes[at] !== 0x7b && bytes[at] !== 0x5b) return false;
  for (const byte of bytes.subarray(at, at + SNIFFED_BYTES)) {
    if (byte < 0x20 && !isSpace(byte)) return false;
  }
  return true;
}

/** `curl -T photo.jpg`: no type, and a NUL soon, which no form, JSON or XML survives. */
function isUntypedFile(contentType: string | undefined, bytes: Uint8Array): boolean {
  return (
    contentType === undefined &&
    bytes.subarray(0, SNIFFED_BYTES).includes(0) &&
    !hasWideBom(bytes) &&
    // UTF-16 without its mark: every other byte of an ASCII text
    bytes[0] !== 0 &&
    bytes[1] !== 0
  );
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function isBom(bytes: Uint8Array, at: number): boolean {
  return at < BOM.length && BOM[at] === bytes[at];
}

function hasWideBom(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
