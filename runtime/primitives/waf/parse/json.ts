import type { ValueSink } from "../values.ts";

/**
 * Keys and values of JSON (RFC 8259), decoded, with their path as name: `user.name`, lists without their index. A parser
 * of our own, since `JSON.parse` keeps only the last of two equal keys, and a filter that sees another value than the
 * application is none. Returns false where the text is no JSON: then it is inspected as it stands.
 */
export function readJson(text: string, sink: ValueSink): boolean {
  const reader = new JsonReader(text, sink);
  return reader.document();
}

const MAX_PATH = 256;
const SPACE = /[\t\n\r ]*/y;
// oxlint-disable-next-line no-control-regex -- RFC 8259 §7: control characters must be escaped
const PLAIN = /[^"\\\0-\x1f]*/y;

/** Characters of a string that are looked at one by one. */
const SHORT = 32;

class JsonReader {
  readonly #text: string;
  readonly #sink: ValueSink;
  #at = 0;

  constructor(text: string, sink: ValueSink) {
    this.#text = text;
    this.#sink = sink;
    // RFC 8259 §8.1 forbids a BOM, and parsers may ignore one.
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  document(): boolean {
    if (!this.#value("", 0)) return false;
    this.#space();
    return this.#at === this.#text.length;
  }

  #value(name: string, depth: number): boolean {
    if (depth > this.#sink.bounds.maxDepth) {
      this.#sink.anomaly("json-depth", name);
      return false;
    }
    this.#space();
    const code = this.#text.charCodeAt(this.#at);
    if (code === 0x7b) return this.#object(name, depth);
    if (code === 0x5b) return this.#array(name, depth);
    if (code === 0x22) {
      const value = this.#string();
      if (value === undefined) return false;
      if (value !== "") this.#sink.value("ARGS_POST", name, value);
      return true;
    }
    return this.#number() || this.#word("true") || this.#word("false") || this.#word("null");
  }

  #object(name: string, depth: number): boolean {
    this.#at += 1;
    this.#space();
    if (this.#take(0x7d)) return true;
    const keys = new Keys();
    for (;;) {
      this.#space();
      const key = this.#text.charCodeAt(this.#at) === 0x22 ? this.#string() : undefined;
      if (key === undefined) return false;
      if (!keys.add(key)) this.#sink.anomaly("json-duplicate-key", key);
      let path = name === "" ? key : `${name}.${key}`;
      if (path.length > MAX_PATH) path = path.slice(0, MAX_PATH);
      this.#sink.value("ARGS_POST_NAMES", path, key);
      this.#space();
      if (!this.#take(0x3a) || !this.#value(path, depth + 1)) return false;
      this.#space();
      if (this.#take(0x7d)) return true;
      if (!this.#take(0x2c)) return false;
    }
  }

  #array(name: string, depth: number): boolean {
    this.#at += 1;
    this.#space();
    if (this.#take(0x5d)) return true;
    for (;;) {
      if (!this.#value(name, depth + 1)) return false;
      this.#space();
      if (this.#take(0x5d)) return true;
      if (!this.#take(0x2c)) return false;
    }
  }

  #string(): string | undefined {
    const start = this.#at + 1;
    let end = this.#plainEnd(start);
    if (this.#text.charCodeAt(end) === 0x22) {
      this.#at = end + 1;
      return this.#text.slice(start, end);
    }
    while (this.#text.charCodeAt(end) === 0x5c) {
      PLAIN.lastIndex = end + 2;
      if (!PLAIN.test(this.#text)) return undefined;
      end = PLAIN.lastIndex;
    }
    if (this.#text.charCodeAt(end) !== 0x22) return undefined;
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(start - 1, end + 1)) as string;
    } catch {
      return undefined;
    }
  }

  /** Where characters end that stand for themselves. Most strings are short, and then a pattern costs more than its work. */
  #plainEnd(start: number): number {
    const text = this.#text;
    const far = start + SHORT;
    for (let at = start; at < far; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x22 || code === 0x5c || !(code >= 0x20)) return at;
    }
    PLAIN.lastIndex = far;
    PLAIN.test(text);
    return PLAIN.lastIndex;
  }

  #number(): boolean {
    const text = this.#text;
    let at = this.#at;
    if (text.charCodeAt(at) === 0x2d) at += 1;
    const first = at;
    at = digitsEnd(text, at);
    if (at === first) return false;
    // Nothing stands behind a leading zero.
    if (text.charCodeAt(first) === 0x30) at = first + 1;
    if (text.charCodeAt(at) === 0x2e) {
      const end = digitsEnd(text, at + 1);
      if (end > at + 1) at = end;
    }
    if ((text.charCodeAt(at) | 0x20) === 0x65) {
      const sign = text.charCodeAt(at + 1);
      const from = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1;
      const end = digitsEnd(text, from);
      if (end > from) at = end;
    }
    this.#at = at;
    return true;
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code > 0x20) return;
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }
}

const FEW_KEYS = 8;

/** The keys of one object. Most have a few, which are compared sooner than hashed. */
class Keys {
  readonly #few: string[] = [];
  #all: Set<string> | undefined;

  /** False: it was there before. */
  add(key: string): boolean {
    if (this.#all !== undefined) {
      if (this.#all.has(key)) return false;
      this.#all.add(key);
      return true;
    }
    if (this.#few.includes(key)) return false;
    this.#few.push(key);
    if (this.#few.length > FEW_KEYS) this.#all = new Set(this.#few);
    return true;
  }
}

function digitsEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(code >= 0x30 && code <= 0x39)) return at;
    at += 1;
  }
}
