import type { HookLog } from "../context.ts";

/** One line that a hook or plugin has logged. */
export interface LoggedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string | undefined;
}

export function createLog(lines: LoggedLine[]): HookLog {
  const write =
    (level: LoggedLine["level"]) =>
    (fields: object | string, message?: string): void => {
      lines.push(
        typeof fields === "string"
          ? { level, fields: {}, message: fields }
          : { level, fields: fields as Readonly<Record<string, unknown>>, message },
      );
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
}
