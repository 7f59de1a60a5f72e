import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/** A program under test: its output line by line, its end as a promise. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  /** Resolves with the first match in standard output (or error output), rejects when the program ends without one. */
  until(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Sends the signal and resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  readonly exited: Promise<number | null>;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export function startCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): RunningCommand {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1", ...options.env };
  // The runner's own settings would change what is under test.
  delete env["NODE_OPTIONS"];
  delete env["FORCE_COLOR"];
  const child = spawn(file, args, { cwd: options.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.err += text));
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    output,
    exited,
    until: (pattern, timeoutMs = 15_000) => until(child, output, pattern, timeoutMs),
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return exited;
    },
  };
}

/** Runs to the end. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<{ code: number | null; out: string; err: string }> {
  const command = startCommand(file, args, options);
  const code = await command.exited;
  return { code, ...command.output };
}

function until(
  child: ChildProcess,
  output: { out: string; err: string },
  pattern: RegExp,
  timeoutMs: number,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const shown = (): string => `\n--- out\n${output.out}\n--- err\n${output.err}`;
    const timer = setTimeout(() => finish(new Error(`no ${pattern} in time${shown()}`)), timeoutMs);
    const look = (): void => {
      const found = pattern.exec(output.out) ?? pattern.exec(output.err);
      if (found !== null) finish(undefined, found);
    };
    const onClose = (code: number | null): void => {
      look();
      finish(new Error(`ended with ${code} before ${pattern}${shown()}`));
    };
    const finish = (error: Error | undefined, found?: RegExpExecArray): void => {
      clearTimeout(timer);
      child.stdout?.off("data", look);
      child.stderr?.off("data", look);
      child.off("close", onClose);
      if (found === undefined) reject(error ?? new Error("unreachable"));
      else resolve(found);
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.on("close", onClose);
    look();
  });
}
