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
