/**
 * Field lines as a flat list `[name, value, name, value, …]` in wire order, names in the case they were sent with,
 * values as Latin-1 text (one character a byte; RFC 9110 §5.5 leaves obs-text opaque). Node and undici use the same
 * shape, so a message that nobody edits is never converted.
 *
 * Functions that take `lower` want the name in lower case already.
 */
export type RawFields = string[];
export type ReadonlyRawFields = readonly string[];

export const NO_FIELDS: ReadonlyRawFields = Object.freeze([]);

/** RFC 9110 §5.1: field names are case-insensitive. Allocates nothing; most lines are told apart by their length. */
export function isNamed(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false;
  for (let at = 0; at < lower.length; at++) {
    const code = name.charCodeAt(at);
    const wanted = lower.charCodeAt(at);
    // Not `code | 0x20`: that would also make "^" equal "~", and both may stand in a name.
    if (code !== wanted && (code < 0x41 || code > 0x5a || code + 0x20 !== wanted)) return false;
  }
  return true;
}

/** The first line's value, or `undefined`. */
export function fieldValue(fields: ReadonlyRawFields, lower: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    if (isNamed(fields[at] as string, lower)) return fields[at + 1];
  }
  return undefined;
}

/** Each line's value, in order. */
export function fieldValues(fields: ReadonlyRawFields, lower: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    if (isNamed(fields[at] as string, lower)) values.push(fields[at + 1] as string);
  }
  return values;
}

/** RFC 9110 §5.3: several lines of a list mean the same as one with all of it. `undefined` if there is none. */
export function listValue(fields: ReadonlyRawFields, lower: string): string | undefined {
  let list: string | undefined;
  for (let at = 0; at < fields.length; at += 2) {
    if (!isNamed(fields[at] as string, lower)) continue;
    const value = fields[at + 1] as string;
    list = list === undefined ? value : `${list}, ${value}`;
  }
  return list;
}

export function hasField(fields: ReadonlyRawFields, lower: string): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    if (isNamed(fields[at] as string, lower)) return true;
  }
  return false;
}

/** How many lines the field has. */
export function countField(fields: ReadonlyRawFields, lower: string): number {
  let count = 0;
  for (let at = 0; at < fields.length; at += 2) {
    if (isNamed(fields[at] as string, lower)) count++;
  }
  return count;
}

/**
 * Makes the field exactly one line: at the first line's place, or at the end if there was none. `lower` spares callers
 * that know it the conversion.
 */
export function setField(
  fields: RawFields,
  name: string,
  value: string,
  lower: string = name.toLowerCase(),
): void {
  for (let at = 0; at < fields.length; at += 2) {
    if (!isNamed(fields[at] as string, lower)) continue;
    fields[at] = name;
    fields[at + 1] = value;
    removeFrom(fields, lower, at + 2);
    return;
  }
  fields.push(name, value);
}

/** One more line, after all others. */
export function appendField(fields: RawFields, name: string, value: string): void {
  fields.push(name, value);
}

/** Removes every line of the field, in place. */
export function removeField(fields: RawFields, lower: string): void {
  removeFrom(fields, lower, 0);
}

/** One pass however many lines go: a head full of the same name costs no more than any other. */
function removeFrom(fields: RawFields, lower: string, start: number): void {
  let kept = start;
  for (let at = start; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (isNamed(name, lower)) continue;
    if (kept !== at) {
      fields[kept] = name;
      fields[kept + 1] = fields[at + 1] as string;
    }
    kept += 2;
  }
  if (kept < fields.length) fields.length = kept;
}
