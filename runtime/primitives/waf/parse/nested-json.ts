import type { WafCollection } from "../rule.ts";
import type { ScannedText, ValueSink } from "../values.ts";
import { readJson } from "./json.ts";

/** Collections whose values may be JSON themselves, and where the keys of it belong. */
const KEYS: Partial<Readonly<Record<WafCollection, WafCollection>>> = {
  ARGS_GET: "ARGS_GET_NAMES",
  ARGS_POST: "ARGS_POST_NAMES",
  REQUEST_COOKIES: "REQUEST_COOKIES_NAMES",
};

/** Whether it is worth being read: it has the brackets of JSON around it and a string inside. */
export function mayBeNestedJson(collection: WafCollection, value: string): boolean {
  // The last character of it is two further on in ASCII.
  const first = value.charCodeAt(0);
  if (first !== 0x7b && first !== 0x5b) return false;
  if (value.length < 4 || value.charCodeAt(value.length - 1) !== first + 2) return false;
  return KEYS[collection] !== undefined && value.includes('"');
}

/**
 * Keys and strings of JSON in a parameter or a cookie, as applications read `variables={"q":"…"}`: as one text its quotes and
 * commas would be signs of many languages. All of them have the parameter's name, so that an exclusion holds. False: it
 * is no JSON.
 */
export function readNestedJson(
  collection: WafCollection,
  name: string,
  value: string,
  sink: ValueSink,
): boolean {
  return readJson(value, new NestedSink(collection, name, sink));
}

class NestedSink implements ValueSink {
  readonly bounds: ValueSink["bounds"];
  readonly #values: WafCollection;
  readonly #names: WafCollection;
  readonly #name: string;
  readonly #sink: ValueSink;

  constructor(collection: WafCollection, name: string, sink: ValueSink) {
    this.bounds = sink.bounds;
    this.#values = collection;
    this.#names = KEYS[collection] as WafCollection;
    this.#name = name;
    this.#sink = sink;
  }

  get isFull(): boolean {
    return this.#sink.isFull;
  }

  value(collection: WafCollection, path: string, value: string): void {
    if (collection === "ARGS_POST") this.#sink.value(this.#values, this.#name, value);
    // With the keys that lead to it, as those of a content.
    else this.#sink.value(this.#names, this.#name, path);
  }

  scanned(collection: WafCollection, text: ScannedText): void {
    if (collection === "ARGS_POST") this.#sink.value(this.#values, this.#name, text.value);
    else this.#sink.value(this.#names, this.#name, text.path);
  }

  // What is odd about JSON is so for a content that says it is some.
  anomaly(): void {}
}
