import type { ConfigReport } from "../config/load.ts";
import { formatReport } from "../config/report.ts";
import { UsageError, type ExitCode, type Terminal } from "./terminal.ts";

/**
 * Runs a command whose failures are JSON too where that was asked for: one object on standard output with `ok: false`,
 * and with the complaint as `error`. What is refused before a command begins is turned into one by `cli.ts`.
 */
export async function withJsonFailure<Code extends ExitCode | undefined>(
  terminal: Terminal,
  flags: { readonly json?: boolean },
  run: (terminal: Terminal) => Promise<Code>,
): Promise<Code | 2> {
  if (flags.json !== true) return run(terminal);
  const complaints: string[] = [];
  const collecting: Terminal = {
    ...terminal,
    err: (text) => void complaints.push(text.replace(/^gatewright: /, "")),
    errColor: false,
  };
  let code: Code | 2;
  try {
    code = await run(collecting);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complaints.push(error.message);
    code = 2;
  }
  if (complaints.length > 0) {
    terminal.out(JSON.stringify({ ok: false, error: complaints.join("\n") }));
  }
  return code;
}

/** A config that cannot be loaded: its issues with their places, as `check --json` has them. */
export function printConfigFailure(
  terminal: Terminal,
  cwd: string,
  report: ConfigReport,
  flags: { readonly json?: boolean },
): void {
  if (flags.json !== true) {
    terminal.err(formatReport(report, { colour: terminal.errColor, cwd }));
    return;
  }
  const { stage, file, issues } = report;
  terminal.out(JSON.stringify({ ok: false, stage, file, issues }, null, 2));
}
