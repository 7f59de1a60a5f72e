import type { Flow } from "./flow.ts";

/** Notes a step for `explain`. Callers check `flow.trace !== null` first, so that normal requests build no text. */
export function traceStep(
  flow: Flow,
  phase: string,
  text: string,
  details: readonly string[] = [],
  outcome: "continued" | "decided" | "failed" = "continued",
): void {
  flow.trace?.push({ phase, text, details, outcome });
}
