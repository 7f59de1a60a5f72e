/** Durations and sizes as users write them, as numbers. One reading for the config and for options given in hooks. */

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
};

/** Milliseconds, or `undefined` if the value is no duration. Numbers are milliseconds already. */
export function parseDuration(value: unknown): number | undefined {
  return parseUnits(value, DURATION_MS);
}

/** Bytes, or `undefined` if the value is no size. Numbers are bytes already. */
export function parseSize(value: unknown): number | undefined {
  const bytes = parseUnits(value, SIZE_BYTES);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

function parseUnits(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== "string") return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([a-z]{1,2})$/.exec(value);
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  return factor === undefined ? undefined : Number(match?.[1]) * factor;
}
