import { types } from "node:util";

import { printable } from "./code-frame.ts";

const MAX_TEXT = 60;

/**
 * What the user wrote, short enough for one line and safe to show: no control bytes, no user information of URLs, no
 * more than a few keys. Never throws, whatever getters or proxies the value has.
 */
export function renderValue(value: unknown): string {
  try {
    return render(value);
  } catch {
    return "a value that cannot be shown";
  }
}

function render(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return quote(value);
    case "number":
    case "boolean":
      return String(value);
    case "bigint":
      return `${String(value)}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return value.name === ""
        ? "a function"
        : `the function ${printable(value.name).slice(0, MAX_TEXT)}`;
    default:
      return value === null ? "null" : renderObject(value as object);
  }
}

function renderObject(value: object): string {
  if (Array.isArray(value))
    return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (types.isPromise(value)) return "a promise";
  if (types.isRegExp(value)) return printable(String(value)).slice(0, MAX_TEXT);
  return renderKeyed(value as Readonly<Record<string, unknown>>);
}

function renderKeyed(value: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(value);
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== null && prototype !== Object.prototype) {
    const name: unknown = (value["constructor"] as { name?: unknown } | undefined)?.name;
    if (typeof name === "string" && name !== "" && name !== "Object") {
      return `an instance of ${printable(name).slice(0, MAX_TEXT)}`;
    }
  }
  if (keys.length === 0) return "an empty object";
  const shown = keys.slice(0, 4).map((key) => printable(key).slice(0, 20));
  return `an object { ${shown.join(", ")}${keys.length > shown.length ? ", …" : ""} }`;
}

function quote(text: string): string {
  const masked = text.replace(/(:\/\/)[^/?#@]*@/, "$1…@");
  const short = masked.length > MAX_TEXT ? `${masked.slice(0, MAX_TEXT)}…` : masked;
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, " ");
}
