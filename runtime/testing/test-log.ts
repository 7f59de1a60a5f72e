import { createLog, type LogLevel, type RootLog } from "../log.ts";

/** One line of the log, as it would have been written in JSON. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  /** ISO 8601, by the test's clock. */
  readonly time: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

const MAX_LINES = 10_000;

/** A real log, redaction included, whose lines are kept. */
export class TestLog {
  readonly lines: LogLine[] = [];
  readonly root: RootLog;

  constructor(level: LogLevel, now: () => number) {
    this.root = createLog({
      level,
      keepLevel: true,
      format: "json",
      now,
      destination: { write: (text) => this.#keep(text) },
    });
  }

  #keep(text: string): void {
    for (const line of text.split("\n")) {
      if (line === "") continue;
      if (this.lines.length >= MAX_LINES) this.lines.shift();
      this.lines.push(JSON.parse(line) as LogLine);
    }
  }
}
