import { REDACTED, type Redactor } from "./redact.ts";

/** Bounds of one line: what is logged may come from a request or from a user's hook and be of any shape. */
const MAX_DEPTH = 6;
const MAX_ENTRIES = 200;
const MAX_TEXT = 16 * 1024;

/** A plain copy of `fields` without secrets: never throws, whatever getters and cycles are in it. */
export function toLogFields(fields: object, redactor: Redactor): Record<string, unknown> {
  try {
    const copy = copyValue(fields, redactor, 0);
    return typeof copy === "object" && copy !== null && !Array.isArray(copy)
      ? (copy as Record<string, unknown>)
      : { value: copy };
  } catch {
    return { unloggable: true };
  }
}

/** A message without secrets, of bounded length. */
export function toLogText(text: string, redactor: Redactor): string {
  return redactor.text(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
}

function copyValue(value: unknown, redactor: Redactor, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return toLogText(value, redactor);
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "bigint":
    case "symbol":
      return String(value);
    case "function":
      return `[function ${value.name}]`;
    case "object":
      return value === null ? null : copyObject(value, redactor, depth);
  }
}

function copyObject(value: object, redactor: Redactor, depth: number): unknown {
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (value instanceof Error) return copyError(value, redactor, depth);
  if (Array.isArray(value)) return copyArray(value, redactor, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL || value instanceof URLSearchParams) {
    return toLogText(String(value), redactor);
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return `[${value.byteLength} bytes]`;
  }
  // Map, Headers, FormData: their entries are what matters.
  if (!(value instanceof Set) && Symbol.iterator in value && "entries" in value) {
    return copyEntries((value as Map<unknown, unknown>).entries(), redactor, depth);
  }
  if (value instanceof Set) return copyArray([...value].slice(0, MAX_ENTRIES + 1), redactor, depth);
  return copyEntries(Object.entries(value), redactor, depth);
}

function copyEntries(
  entries: Iterable<readonly [unknown, unknown]>,
  redactor: Redactor,
  depth: number,
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  let count = 0;
  for (const [key, entry] of entries) {
    if (count === MAX_ENTRIES) {
      copy["…"] = "[more]";
      break;
    }
    count += 1;
    const name = String(key);
    // `__proto__` as a key of someone's JSON would set the copy's prototype.
    if (name === "__proto__") continue;
    copy[name] = hides(name, entry, redactor) ? REDACTED : copyValue(entry, redactor, depth + 1);
  }
  return copy;
}

/** Numbers and booleans stay: `{ tokens: 5 }` and `{ hasToken: true }` are no secrets. */
function hides(name: string, value: unknown, redactor: Redactor): boolean {
  if (value === null || (typeof value !== "string" && typeof value !== "object")) return false;
  return redactor.isSecretField(name);
}

function copyArray(values: readonly unknown[], redactor: Redactor, depth: number): unknown[] {
  const copy: unknown[] = [];
  let hidden = false;
  for (const value of values) {
    if (copy.length === MAX_ENTRIES) {
      copy.push("[more]");
      break;
    }
    // A flat field list, `[name, value, …]`, or a pair: what follows a secret's name is the secret.
    copy.push(hidden ? REDACTED : copyValue(value, redactor, depth + 1));
    hidden =
      !hidden && typeof value === "string" && value.length <= 256 && redactor.isSecretField(value);
  }
  return copy;
}

function copyError(error: Error, redactor: Redactor, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {
    type: error.name,
    message: toLogText(String(error.message), redactor),
  };
  if (typeof error.stack === "string") copy["stack"] = toLogText(error.stack, redactor);
  for (const [key, value] of Object.entries(error)) {
    if (key in copy || key === "name" || key === "fields") continue;
    copy[key] = hides(key, value, redactor) ? REDACTED : copyValue(value, redactor, depth + 1);
  }
  if (error.cause !== undefined) copy["cause"] = copyValue(error.cause, redactor, depth + 1);
  if (error instanceof AggregateError)
    copy["errors"] = copyArray(error.errors, redactor, depth + 1);
  return copy;
}
