const MAX_SHOWN = 64;
const SECRET_NAME = /pass|pwd|secret|token|auth|session|sid$|cookie|key|card|cvv|pin$/i;

/**
 * What a log may show of a match: the sign itself, shortened. Words and numbers that could be somebody's data are cut,
 * and in a value whose name speaks of a secret nothing but the signs is left.
 */
export function maskedText(value: string, start: number, end: number, name: string): string {
  const from = Math.max(0, start);
  const shown = value.slice(from, Math.min(end, from + MAX_SHOWN));
  const masked = SECRET_NAME.test(name)
    ? shown.replace(/[\p{L}\p{N}]/gu, "*")
    : shown
        .replace(/\d{5,64}/g, "#")
        .replace(/[\p{L}\p{N}_]{16,64}/gu, (word) => `${word.slice(0, 3)}***`);
  return end - from > MAX_SHOWN ? `${masked}…` : masked;
}
