/**
 * The promise's outcome, or a rejection with what `onLate` makes if that takes longer than the limit. What the promise
 * does afterwards is the caller's business; a late rejection is no unhandled one.
 */
export function withinTime<T>(
  promise: Promise<T>,
  limitMs: number,
  onLate: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // Held by the loop on purpose: while nothing else runs, a process must not end in the middle of this.
    const timer = setTimeout(() => reject(onLate()), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Resolves when the promise settles, either way, or the time is up. */
export async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<void> {
  await withinTime(promise, limitMs, () => new Error("late")).catch(() => {});
}
