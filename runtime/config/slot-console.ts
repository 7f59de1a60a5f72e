import { Console } from "node:console";

import type { Log } from "../log.ts";

type Level = "debug" | "info" | "warn" | "error";

const LEVELS: Readonly<Record<string, Level>> = {
  debug: "debug",
  trace: "debug",
  timeLog: "debug",
  warn: "warn",
  error: "error",
  assert: "error",
};

/** A `console` whose lines go to the log, each method at its level. `toText` maps stacks inside the text. */
export function createSlotConsole(log: Log, toText: (text: string) => string): Console {
  let level: Level = "info";
  const write = (text: unknown) => {
    const line = toText(String(text)).trimEnd();
    log[level]({ source: "console" }, line);
    return true;
  };
  // Node asks nothing of the streams but a `write` as long as errors are not to be ignored.
  const sink = { write } as unknown as NodeJS.WritableStream;
  const inner = new Console({ stdout: sink, stderr: sink, ignoreErrors: false, colorMode: false });
  for (const name of Object.keys(inner)) {
    const method: unknown = Reflect.get(inner, name);
    if (typeof method !== "function") continue;
    Reflect.set(inner, name, (...args: unknown[]) => {
      const before = level;
      // Methods call each other: `trace` writes with `error`, and keeps its own level.
      if (before === "info") level = LEVELS[name] ?? "info";
      try {
        return Reflect.apply(method, inner, args) as unknown;
      } finally {
        level = before;
      }
    });
  }
  return inner;
}
