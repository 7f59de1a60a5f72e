/**
 * Counts what happens inside this process on behalf of a test proxy: bytes between proxy and fakes, calls, answers.
 * While it goes up, something is still on its way.
 */
export const activity = { count: 0 };

/** Turns of the event loop without a sign of life after which all counts as settled. */
const QUIET_TURNS = 4;
const MAX_TURNS = 2000;

/** Taken before anybody puts a fake in its place. */
export const later = setImmediate;

/** Resolves when nothing moves any more of its own accord: what is left waits for time, for a test, or for the outside. */
export async function settled(): Promise<void> {
  let seen = activity.count;
  for (let turn = 0, quiet = 0; turn < MAX_TURNS && quiet < QUIET_TURNS; turn++) {
    await new Promise<void>((resolve) => later(resolve));
    quiet = activity.count === seen ? quiet + 1 : 0;
    seen = activity.count;
  }
}
