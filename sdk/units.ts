/**
 * A length of time: a number of milliseconds, or a number with its unit: `"250ms"`, `"10s"`, `"5m"`, `"1h"`, `"7d"`.
 *
 * Zero and negative values are refused unless the option says that `0` means "off".
 */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/**
 * A number of bytes, or a number with its unit: `"512b"`, `"16kb"`, `"1mb"`, `"2gb"`. Units are powers of 1024.
 */
export type Size = number | `${number}${"b" | "kb" | "mb" | "gb"}`;

/** A value, or a promise of it. A hook that returns no promise costs no `await`. */
export type MaybePromise<T> = T | Promise<T>;
