import { CommanderError } from "commander";

import { createProgram } from "./cli/program.ts";
import { processTerminal, UsageError, type ExitCode, type Terminal } from "./cli/terminal.ts";

/**
 * The `gatewright` command. Never rejects: ends the process with 0 (ok), 1 (it failed while running) or 2 (bad usage or
 * config), or leaves it running, as `start` and `dev` do.
 */
export async function main(argv: readonly string[]): Promise<void> {
  // `gatewright check | head`: a reader that has gone is no reason to die with a stack.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreGoneReader);
  const code = await runCommand(argv, processTerminal);
  if (code !== undefined) exitWhenWritten(code);
}

/** What the command would end with; `undefined` while it goes on running. */
export async function runCommand(
  argv: readonly string[],
  terminal: Terminal,
  cwd: string = process.cwd(),
): Promise<ExitCode | undefined> {
  let code: ExitCode | undefined = 0;
  // What is refused before a command has begun is JSON as well where that is asked for.
  const asJson = argv.includes("--json");
  const complaints: string[] = [];
  const collecting: Terminal = {
    ...terminal,
    err: (text) => void complaints.push(text.replace(/^gatewright: /, "")),
  };
  const program = createProgram(asJson ? collecting : terminal, cwd, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    code = report(error, asJson ? collecting : terminal);
  }
  if (complaints.length > 0) {
    terminal.out(JSON.stringify({ ok: false, error: complaints.join("\n") }));
  }
  return code;
}

function report(error: unknown, terminal: Terminal): ExitCode {
  // commander has printed its own complaint, help or version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    terminal.err(`gatewright: ${error.message}`);
    return 2;
  }
  terminal.err(
    `gatewright: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return 1;
}

/** A config's packages may hold timers and sockets: the process ends when the command does, after its last line. */
function exitWhenWritten(code: ExitCode): void {
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

function ignoreGoneReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
