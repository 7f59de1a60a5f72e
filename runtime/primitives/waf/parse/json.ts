import { isUtf8 } from "node:buffer";

import { scanned, scanString, WIDE } from "../detect/characters.ts";
import type { ScannedText, ValueSink } from "../values.ts";

/**
 * Keys and values of JSON (RFC 8259), decoded, with their path as name: `user.name`, lists without their index. A parser
 * of our own, since `JSON.parse` keeps only the last of two equal keys, and a filter that sees another value than the
 * application is none; and because most of what a content holds is of no interest to any rule, and need not become a string.
 * Returns false where it is no JSON: then it is inspected as it stands.
 */
export function readJson(content: Uint8Array | string, sink: ValueSink): boolean {
  let bytes =
    typeof content === "string"
      ? Buffer.from(content)
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  // What is no UTF-8 becomes what readers make of it.
  if (typeof content !== "string" && !isUtf8(bytes)) bytes = Buffer.from(bytes.toString("utf8"));
  return new JsonReader(bytes, sink).document();
}

const MAX_PATH = 256;
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");

const PROTOTYPE = Buffer.from("prototype");

function isPrototype(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start === PROTOTYPE.length &&
    bytes[start] === 0x70 &&
    bytes.subarray(start, end).equals(PROTOTYPE)
  );
}

class JsonReader implements ScannedText {
  readonly #bytes: Buffer;
  readonly #sink: ValueSink;
  readonly #keys: Keys;
  #at = 0;
  /** The text that was read last. */
  #start = 0;
  #end = 0;
  classes = 0;
  groups = 0;

  constructor(bytes: Buffer, sink: ValueSink) {
    this.#bytes = bytes;
    this.#sink = sink;
    this.#keys = new Keys(bytes);
    // RFC 8259 §8.1 forbids a BOM, and parsers may ignore one.
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  get bytes(): number {
    return this.#end - this.#start;
  }

  get value(): string {
    return (this.classes & WIDE) === 0
      ? this.#bytes.toString("latin1", this.#start, this.#end)
      : this.#bytes.toString("utf8", this.#start, this.#end);
  }

  get path(): string {
    return this.#keys.path();
  }

  get pathLength(): number {
    return this.#keys.pathLength();
  }

  document(): boolean {
    if (!this.#value(0)) return false;
    this.#space();
    return this.#at === this.#bytes.length;
  }

  #value(depth: number): boolean {
    if (depth > this.#sink.bounds.maxDepth) {
      this.#sink.anomaly("json-depth", this.path);
      return false;
    }
    this.#space();
    const code = this.#bytes[this.#at];
    if (code === 0x7b) return this.#object(depth);
    if (code === 0x5b) return this.#array(depth);
    if (code === 0x22) return this.#text("ARGS_POST");
    return this.#number() || this.#word(TRUE) || this.#word(FALSE) || this.#word(NULL);
  }

  #object(depth: number): boolean {
    this.#at += 1;
    this.#space();
    if (this.#take(0x7d)) return true;
    this.#keys.open();
    for (;;) {
      this.#space();
      if (this.#bytes[this.#at] !== 0x22 || !this.#text("ARGS_POST_NAMES")) return false;
      this.#space();
      if (!this.#take(0x3a) || !this.#value(depth + 1)) return false;
      this.#space();
      if (this.#take(0x7d)) break;
      if (!this.#take(0x2c)) return false;
    }
    this.#keys.close();
    return true;
  }

  #array(depth: number): boolean {
    this.#at += 1;
    this.#space();
    if (this.#take(0x5d)) return true;
    for (;;) {
      if (!this.#value(depth + 1)) return false;
      this.#space();
      if (this.#take(0x5d)) return true;
      if (!this.#take(0x2c)) return false;
    }
  }

  /** A string, as a value or as a key. */
  #text(collection: "ARGS_POST" | "ARGS_POST_NAMES"): boolean {
    const start = this.#at + 1;
    const end = scanString(this.#bytes, start);
    if (this.#bytes[end] === 0x5c) return this.#escaped(collection, start, end);
    if (this.#bytes[end] !== 0x22) return false;
    this.#at = end + 1;
    this.#start = start;
    this.#end = end;
    this.classes = scanned.classes;
    this.groups = scanned.groups;
    if (collection === "ARGS_POST_NAMES") {
      if (!this.#keys.add(start, end, (this.classes & WIDE) !== 0)) {
        this.#sink.anomaly("json-duplicate-key", this.value);
      }
    } else if (end === start) {
      return true;
    }
    this.#sink.scanned(collection, this);
    if (isPrototype(this.#bytes, start, end)) this.#prototype(collection);
    return true;
  }

  /** `{"constructor":{"prototype":…}}`: only together the two keys are the way to all objects. */
  #prototype(collection: "ARGS_POST" | "ARGS_POST_NAMES"): void {
    const { path } = this;
    if (collection === "ARGS_POST_NAMES" && path.endsWith("constructor.prototype")) {
      this.#sink.value(collection, path, path);
    }
  }

  #escaped(collection: "ARGS_POST" | "ARGS_POST_NAMES", start: number, first: number): boolean {
    let end = first;
    while (this.#bytes[end] === 0x5c) end = scanString(this.#bytes, end + 2);
    if (this.#bytes[end] !== 0x22) return false;
    this.#at = end + 1;
    let text: string;
    try {
      text = JSON.parse(this.#bytes.toString("utf8", start - 1, end + 1)) as string;
    } catch {
      return false;
    }
    if (collection === "ARGS_POST_NAMES" && !this.#keys.addText(text)) {
      this.#sink.anomaly("json-duplicate-key", text);
    }
    if (text !== "" || collection === "ARGS_POST_NAMES") {
      this.#sink.value(collection, this.path, text);
      if (text === "prototype") this.#prototype(collection);
    }
    return true;
  }

  #number(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === 0x2d) at += 1;
    const first = at;
    at = digitsEnd(bytes, at);
    if (at === first) return false;
    // Nothing stands behind a leading zero.
    if (bytes[first] === 0x30) at = first + 1;
    if (bytes[at] === 0x2e) {
      const end = digitsEnd(bytes, at + 1);
      if (end > at + 1) at = end;
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      const sign = bytes[at + 1];
      const from = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1;
      const end = digitsEnd(bytes, from);
      if (end > from) at = end;
    }
    this.#at = at;
    return true;
  }

  #word(word: Buffer): boolean {
    for (let at = 0; at < word.length; at++) {
      if (this.#bytes[this.#at + at] !== word[at]) return false;
    }
    this.#at += word.length;
    return true;
  }

  #take(code: number): boolean {
    if (this.#bytes[this.#at] !== code) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#bytes[this.#at];
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }
}

function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const code = bytes[at];
    if (code === undefined || code < 0x30 || code > 0x39) return at;
    at += 1;
  }
}

/** Objects with more keys have them in a set. */
const FEW_KEYS = 8;

/** The keys of the objects that are open: where they stand in the content, or their text. */
class Keys {
  readonly #bytes: Buffer;
  // By number of the key. Those of one object are neighbours, those of the object around it before them.
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #lengths: number[] = [];
  readonly #texts: (string | undefined)[] = [];
  #count = 0;
  /** By depth of an open object: its first key. */
  readonly #firsts: number[] = [];
  /** By depth: all keys of an object that has many, or some with escapes. Of those the last one alone is among the others. */
  readonly #sets: (Set<string> | undefined)[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  open(): void {
    this.#firsts.push(this.#count);
    this.#sets.push(undefined);
  }

  close(): void {
    this.#count = this.#firsts.pop() as number;
    this.#sets.pop();
  }

  /** False: the object had this key before. */
  add(start: number, end: number, isWide: boolean): boolean {
    const depth = this.#firsts.length - 1;
    const first = this.#firsts[depth] as number;
    if (this.#sets[depth] !== undefined || this.#count - first >= FEW_KEYS) {
      return this.addText(this.#bytes.toString("utf8", start, end));
    }
    let isNew = true;
    for (let key = first; key < this.#count; key++) {
      if (this.#equals(key, start, end)) isNew = false;
    }
    this.#put(start, end, undefined, isWide ? -1 : end - start);
    return isNew;
  }

  addText(text: string): boolean {
    const depth = this.#firsts.length - 1;
    const first = this.#firsts[depth] as number;
    let all = this.#sets[depth];
    if (all === undefined) {
      all = new Set();
      for (let key = first; key < this.#count; key++) all.add(this.#text(key));
      this.#sets[depth] = all;
    }
    const isNew = !all.has(text);
    all.add(text);
    this.#count = first;
    this.#put(0, 0, text, -1);
    return isNew;
  }

  /** That of {@link path}, or -1 where it has escapes or more than ASCII, or is empty in part. */
  pathLength(): number {
    let length = -1;
    for (let depth = 0; depth < this.#firsts.length; depth++) {
      const own = this.#lengths[(this.#firsts[depth + 1] ?? this.#count) - 1] as number;
      if (own <= 0) return -1;
      length += 1 + own;
    }
    return Math.max(length, 0);
  }

  /** Those keys that lead to where the reader is. */
  path(): string {
    let path = "";
    for (let depth = 0; depth < this.#firsts.length; depth++) {
      const key = (this.#firsts[depth + 1] ?? this.#count) - 1;
      const text = this.#text(key);
      path = path === "" ? text : `${path}.${text}`;
      if (path.length > MAX_PATH) return path.slice(0, MAX_PATH);
    }
    return path;
  }

  #put(start: number, end: number, text: string | undefined, length: number): void {
    const key = this.#count++;
    this.#lengths[key] = length;
    this.#starts[key] = start;
    this.#ends[key] = end;
    this.#texts[key] = text;
  }

  #text(key: number): string {
    return (
      this.#texts[key] ??
      this.#bytes.toString("utf8", this.#starts[key] as number, this.#ends[key] as number)
    );
  }

  #equals(key: number, start: number, end: number): boolean {
    const other = this.#starts[key] as number;
    const length = end - start;
    if ((this.#ends[key] as number) - other !== length) return false;
    for (let at = 0; at < length; at++) {
      if (this.#bytes[start + at] !== this.#bytes[other + at]) return false;
    }
    return true;
  }
}
