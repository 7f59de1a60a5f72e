import { systemClock, type Clock } from "../../clock.ts";

const QUIET_MS = 60_000;

/** Tells of a fault, but not of those within the next minute: a function of the config that throws does so each time. */
export function throttled(
  onFault: (error: unknown) => void = () => {},
  clock: Clock = systemClock,
): (error: unknown) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return (error) => {
    const now = clock.monotonic();
    if (now < quietUntil) return;
    quietUntil = now + QUIET_MS;
    onFault(error);
  };
}
