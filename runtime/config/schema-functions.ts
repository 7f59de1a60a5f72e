/** Declared `async`, that is: what else returns promises shows when it is called. */
export function isAsyncFunction(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object AsyncFunction]";
}
