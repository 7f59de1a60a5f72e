/**
 * Durations and sizes as users write them: a number, or a decimal number with its unit. One grammar, no exponents, no
 * signs, no spaces, so that a typo is an issue and not a surprising limit.
 */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["b", 1],
  ["kb", 1024],
  ["mb", 1024 ** 2],
  ["gb", 1024 ** 3],
]);

/** Longer waits overflow the timers of Node, which then fire at once. */
export const MAX_DURATION_MS = 2_147_483_647;

export const DURATION_EXPECTED =
  'a number of milliseconds or a text like "250ms", "10s", "5m", "1h", "7d"';
export const SIZE_EXPECTED = 'a number of bytes or a text like "512b", "16kb", "1mb", "2gb"';

/** Milliseconds, or `undefined` if the value is no duration above zero that a timer can hold. */
export function parseDuration(value: unknown): number | undefined {
  const ms = parseQuantity(value, DURATION_UNITS);
  if (ms === undefined || ms <= 0 || ms > MAX_DURATION_MS) return undefined;
  return Math.ceil(ms);
}

/** Bytes, or `undefined` if the value is no size of at least one byte. */
export function parseSize(value: unknown): number | undefined {
  const bytes = parseQuantity(value, SIZE_UNITS);
  if (bytes === undefined || bytes < 1 || bytes > Number.MAX_SAFE_INTEGER) return undefined;
  return Math.floor(bytes);
}

const QUANTITY = /^(\d{1,16}(?:\.\d{1,9})?)([a-z]{1,2})$/;

function parseQuantity(value: unknown, units: ReadonlyMap<string, number>): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string") return undefined;
  const match = QUANTITY.exec(value);
  const unit = match === null ? undefined : units.get(match[2] ?? "");
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
