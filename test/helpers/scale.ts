/** True in `npm run test:full`. */
export const isFullScale: boolean = process.env["GATEWRIGHT_TEST_SCALE"] === "full";

/** The size of a test: `small` in `npm test`, which must stay quick; `full` in `npm run test:full`. */
export function scaled<T>(small: T, full: T): T {
  return isFullScale ? full : small;
}
