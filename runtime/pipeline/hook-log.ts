import type { HookLog } from "@gatewright/sdk";

import type { Log } from "../log.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** A log whose lines name the hook that runs when they are written. */
export function hookLog(log: Log, owner: () => string): HookLog {
  const methods = LEVELS.map((level) => [
    level,
    (first: object | string, message?: string): void => {
      if (typeof first === "string") log[level]({ hook: owner() }, first);
      else log[level]({ hook: owner(), ...first }, message);
    },
  ]);
  return Object.fromEntries(methods) as HookLog;
}
