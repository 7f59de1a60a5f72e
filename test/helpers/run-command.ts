/**
 * Runs the `gatewright` command as a user does: as a process of its own, from `bin/gatewright.js`. What it prints is
 * kept, and every wait ends when the process does, so a command that fails to start shows its output.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../runtime/bin/gatewright.js", import.meta.url));
/** Below the time limit of a test, so that the output is shown and not only "timed out". */
const DEFAULT_TIMEOUT_MS = 12_000;

export interface CommandOptions {
  /** Folder to run in. Default: that of the tests. */
  readonly dir?: string;
  /** Added to this process's environment; `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  /** Options of node itself, before the command. */
  readonly nodeOptions?: readonly string[];
  /** With a channel for messages. Default false. */
  readonly channel?: boolean;
}

export interface FinishedCommand {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
export async function runCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<FinishedCommand> {
  const command = new RunningCommand(args, options);
  try {
    return await command.exit(options.timeoutMs);
  } finally {
    command.kill();
  }
}

/** `gatewright start`, listening on the first of its addresses. Pair it with `stop`, or write `await using`. */
export async function startCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<StartedProxy> {
  const command = new RunningCommand(args, options);
  try {
    const line = await command.line(isListening, options.timeoutMs);
    return new StartedProxy(command, String(line["url"]));
  } catch (error) {
    command.kill();
    throw error;
  }
}

/** A proxy that accepts connections. */
export class StartedProxy {
  readonly command: RunningCommand;
  /** Of the first listener, without a slash at the end: `http://127.0.0.1:41234`. */
  readonly url: string;

  constructor(command: RunningCommand, url: string) {
    this.command = command;
    this.url = url.replace(/\/$/, "");
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** SIGTERM, then the end of the process. */
  async stop(): Promise<FinishedCommand> {
    this.command.child.kill("SIGTERM");
    try {
      return await this.command.exit();
    } finally {
      this.command.kill();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A command under way. */
export class RunningCommand {
  readonly child: ChildProcess;
  /** Lines of JSON on either output so far. */
  readonly lines: LogLine[] = [];
  #stdout = "";
  #stderr = "";
  readonly #exited: Promise<FinishedCommand>;
  readonly #waiting = new Set<(line: LogLine) => void>();

  constructor(args: readonly string[], options: CommandOptions) {
    this.child = spawn(process.execPath, [...(options.nodeOptions ?? []), COMMAND, ...args], {
      cwd: options.dir,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe", ...(options.channel === true ? ["ipc" as const] : [])],
    });
    this.#read(this.child.stdout, (text) => (this.#stdout += text));
    this.#read(this.child.stderr, (text) => (this.#stderr += text));
    // "close", not "exit": by then both outputs have been read to their end.
    this.#exited = once(this.child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  /** The first line, printed already or to come, that `matches`. */
  async line(
    matches: (line: LogLine) => boolean,
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<LogLine> {
    const known = this.lines.find(matches);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<LogLine>();
    const check = (line: LogLine): void => {
      if (matches(line)) resolve(line);
    };
    this.#waiting.add(check);
    try {
      return await this.#within(
        Promise.race([
          promise,
          this.#exited.then(({ code }) => {
            throw new Error(`the command ended with code ${code} first:\n${this.output}`);
          }),
        ]),
        timeoutMs,
      );
    } finally {
      this.#waiting.delete(check);
    }
  }

  exit(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<FinishedCommand> {
    return this.#within(this.#exited, timeoutMs);
  }

  /** SIGKILL. Harmless after the end. */
  kill(): void {
    this.child.kill("SIGKILL");
  }

  #read(stream: Readable | null, keep: (text: string) => void): void {
    if (stream === null) return;
    createInterface({ input: stream, crlfDelay: Infinity }).on("line", (text) => {
      keep(`${text}\n`);
      const line = toLogLine(text);
      if (line === undefined) return;
      this.lines.push(line);
      for (const check of [...this.#waiting]) check(line);
    });
  }

  async #within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new Error(`nothing within ${timeoutMs} ms; printed so far:\n${this.output}`));
    }, timeoutMs);
    try {
      return await Promise.race([work, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function isListening(line: LogLine): boolean {
  return line["msg"] === "listening" && typeof line["url"] === "string";
}

function toLogLine(text: string): LogLine | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}
