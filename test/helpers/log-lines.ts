import { createLog, type RootLog } from "../../runtime/log.ts";

/** One line of a log, parsed. */
export type LogLine = Readonly<Record<string, unknown>> & {
  readonly level: string | number;
  readonly msg?: string;
};

export interface LogCollector {
  readonly log: RootLog;
  readonly lines: LogLine[];
  /** Lines of level error, those of stray errors included. */
  readonly errors: LogLine[];
  /** Resolves with the first line, past or to come, that satisfies the condition. */
  line(condition: (line: LogLine) => boolean): Promise<LogLine>;
}

/** A real log whose lines are kept instead of written. */
export function collectLog(level: "debug" | "info" | "warn" | "error" = "debug"): LogCollector {
  const lines: LogLine[] = [];
  const errors: LogLine[] = [];
  const waiting = new Set<() => void>();
  const log = createLog({
    level,
    format: "json",
    destination: {
      write(text) {
        for (const one of text.split("\n")) {
          if (one === "") continue;
          const line = JSON.parse(one) as LogLine;
          lines.push(line);
          if (line.level === "error" || line.level === 50) errors.push(line);
        }
        for (const check of waiting) check();
      },
    },
  });
  return {
    log,
    lines,
    errors,
    line: (condition) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = lines.find(condition);
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
  };
}
