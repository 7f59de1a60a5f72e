import { pino } from "pino";

import { hasColor } from "./color.ts";
import { createLineWriter, type LineWriter } from "./line-writer.ts";
import { toLogFields, toLogText } from "./log-fields.ts";
import { createPrettyPrinter } from "./log-pretty.ts";
import { createRedactor, type Redactor } from "./redact.ts";

/** Structured log: fields first, then the message. What is logged passes redaction; logging never throws. */
export interface Log {
  debug(fields: object, message?: string): void;
  debug(message: string): void;
  info(fields: object, message?: string): void;
  info(message: string): void;
  warn(fields: object, message?: string): void;
  warn(message: string): void;
  error(fields: object, message?: string): void;
  error(message: string): void;
  child(bindings: Readonly<Record<string, unknown>>): Log;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** What a reload may change: the config's `log`. */
export interface LogSettings {
  /** Default `"info"`. */
  readonly level?: LogLevel;
  /** Default `"auto"`: pretty in a terminal, else JSON. */
  readonly format?: "json" | "pretty" | "auto";
  /** More names of fields and parameters whose values are never logged. */
  readonly redact?: readonly string[];
}

export interface LogOptions extends LogSettings {
  /** File descriptor, or anything that takes whole lines. Default 1, standard output. */
  readonly destination?: number | { write(lines: string): void };
  /** Default: the time of day, milliseconds since 1970. */
  readonly now?: () => number;
  /** Colours in pretty lines. Default: as the terminal and NO_COLOR say. */
  readonly color?: boolean;
  /** The level stays as it is whatever a reload says. */
  readonly keepLevel?: boolean;
  /** The format stays as it is whatever the config says. */
  readonly keepFormat?: boolean;
}

/** The process's log: what its parts get are its children or itself. */
export interface RootLog extends Log {
  /** Applies new settings in place: children that exist follow. */
  configure(settings: LogSettings): void;
  /** True if lines of this level are written. */
  writes(level: Exclude<LogLevel, "silent">): boolean;
  readonly isPretty: boolean;
  readonly redactor: Redactor;
  /** At level info whatever the settings say: scripts wait for the `listening` line. */
  announce(fields: object, message: string): void;
  /** Hands over a finished JSON line with its `\n`; buffered up to 100 ms. For the access log. */
  writeLine(line: string): void;
  /** Writes out what is buffered. */
  flush(): void;
  /** Flushes, waiting up to a second for a slow reader. Lines after it are still taken. */
  close(): void;
}

const LEVELS = { debug: 20, info: 30, warn: 40, error: 50, silent: Infinity } as const;

/** DEL and C1: JSON leaves them as they are, some terminals obey them. */
// oxlint-disable-next-line no-control-regex -- these are what must be found
const LIVE_CONTROLS = /[\u007F-\u009F]/;
// oxlint-disable-next-line no-control-regex -- these are what must be found
const ALL_LIVE_CONTROLS = /[\u007F-\u009F]/g;

/** The only place that makes a log, and the only one that knows pino. */
export function createLog(options: LogOptions = {}): RootLog {
  return new PinoRoot(options);
}

/** Control characters that JSON does not escape, escaped. */
export function escapeLiveControls(line: string): string {
  if (!LIVE_CONTROLS.test(line)) return line;
  return line.replaceAll(
    ALL_LIVE_CONTROLS,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}

class PinoLog implements Log {
  readonly sink: Sink;
  readonly pino: pino.Logger;

  constructor(sink: Sink, logger: pino.Logger) {
    this.sink = sink;
    this.pino = logger;
  }

  debug(fields: object | string, message?: string): void {
    if (this.sink.threshold <= LEVELS.debug) this.#log("debug", fields, message);
  }

  info(fields: object | string, message?: string): void {
    if (this.sink.threshold <= LEVELS.info) this.#log("info", fields, message);
  }

  warn(fields: object | string, message?: string): void {
    if (this.sink.threshold <= LEVELS.warn) this.#log("warn", fields, message);
  }

  error(fields: object | string, message?: string): void {
    if (this.sink.threshold <= LEVELS.error) this.#log("error", fields, message);
  }

  child(bindings: Readonly<Record<string, unknown>>): Log {
    return new PinoLog(this.sink, this.pino.child(toLogFields(bindings, this.sink.redactor)));
  }

  #log(
    level: "debug" | "info" | "warn" | "error",
    fields: object | string,
    message?: string,
  ): void {
    const { redactor } = this.sink;
    if (typeof fields === "string") this.pino[level](toLogText(fields, redactor));
    else {
      // `log.error(error)`: an error is a field, as everywhere else.
      const given = fields instanceof Error ? { err: fields } : fields;
      const text = message ?? (fields instanceof Error ? fields.message : undefined);
      this.pino[level](
        toLogFields(given, redactor),
        text === undefined ? undefined : toLogText(text, redactor),
      );
    }
  }
}

class PinoRoot extends PinoLog implements RootLog {
  constructor(options: LogOptions) {
    const sink = new Sink(options);
    super(sink, createPino(sink, options.now));
  }

  configure(settings: LogSettings): void {
    this.sink.configure(settings);
  }

  writes(level: Exclude<LogLevel, "silent">): boolean {
    return this.sink.threshold <= LEVELS[level];
  }

  get isPretty(): boolean {
    return this.sink.isPretty;
  }

  announce(fields: object, message: string): void {
    this.pino.info(toLogFields(fields, this.sink.redactor), message);
  }

  get redactor(): Redactor {
    return this.sink.redactor;
  }

  writeLine(line: string): void {
    this.sink.writeBuffered(line);
  }

  flush(): void {
    this.sink.flush();
  }

  close(): void {
    this.sink.close();
  }
}

/** Every logger's lines end here; the settings live here so that a reload reaches children as well. */
class Sink {
  threshold: number = LEVELS.info;
  redactor: Redactor = createRedactor();
  isPretty = false;
  readonly #writer: LineWriter | undefined;
  readonly #out: { write(lines: string): void };
  readonly #isTerminal: boolean;
  readonly #keptLevel: LogLevel | undefined;
  readonly #keptFormat: LogSettings["format"];
  readonly #print: (line: string) => string;

  constructor(options: LogOptions) {
    const destination = options.destination ?? 1;
    this.#writer = typeof destination === "number" ? createLineWriter(destination) : undefined;
    this.#out = typeof destination === "number" ? this.#writer! : destination;
    this.#keptLevel = options.keepLevel === true ? options.level : undefined;
    this.#keptFormat = options.keepFormat === true ? options.format : undefined;
    const stream =
      destination === 1 ? process.stdout : destination === 2 ? process.stderr : undefined;
    this.#isTerminal = stream?.isTTY === true;
    this.#print = createPrettyPrinter(options.color ?? (stream !== undefined && hasColor(stream)));
    this.configure(options);
  }

  configure(settings: LogSettings): void {
    this.threshold = LEVELS[this.#keptLevel ?? settings.level ?? "info"];
    this.redactor = createRedactor(settings.redact);
    const format = this.#keptFormat ?? settings.format ?? "auto";
    this.isPretty = format === "pretty" || (format === "auto" && this.#isTerminal);
  }

  /** pino's destination. Such lines are rare and wanted at once: no waiting. */
  write(line: string): void {
    this.writeBuffered(escapeLiveControls(line));
    this.#writer?.flush();
  }

  writeBuffered(line: string): void {
    if (!this.isPretty) {
      this.#out.write(line);
      return;
    }
    this.#out.write(this.#print(line));
    this.#writer?.flush();
  }

  flush(): void {
    this.#writer?.flush();
  }

  close(): void {
    this.#writer?.close();
  }
}

function createPino(sink: Sink, now: LogOptions["now"]): pino.Logger {
  return pino(
    {
      base: null,
      // Our own threshold decides (children follow it at once); pino lets everything through.
      level: "debug",
      timestamp:
        now === undefined
          ? pino.stdTimeFunctions.isoTime
          : () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // Fields come as plain copies: pino's serializers would only do the work again.
      serializers: { err: (value: unknown) => value },
    },
    sink,
  );
}
