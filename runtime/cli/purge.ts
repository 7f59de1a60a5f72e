import type { ExitCode, Terminal } from "./terminal.ts";
import { UsageError } from "./terminal.ts";
import { findAdmin } from "./admin-place.ts";
import { askAdmin, reportRefusal } from "./ask-admin.ts";

export interface PurgeFlags {
  readonly url?: string;
  readonly prefix?: string;
  readonly tag: readonly string[];
  readonly all?: boolean;
  readonly soft?: boolean;
  readonly json?: boolean;
  readonly admin?: string;
  readonly config?: string;
}

/** Asks the proxy that runs to remove stored responses. */
export async function runPurge(
  terminal: Terminal,
  cwd: string,
  flags: PurgeFlags,
): Promise<ExitCode> {
  const selection = toSelection(flags);
  const place = await findAdmin(terminal, cwd, flags);
  if (place === undefined) return 2;
  const answer = await askAdmin(terminal, place, "POST", "/api/cache/purge", selection);
  if (answer === undefined) return 1;
  const { purged } = answer.content;
  if (answer.status === 200 && typeof purged === "number") {
    const done = flags.soft === true ? "made stale" : "purged";
    terminal.out(
      flags.json === true
        ? JSON.stringify({ purged })
        : `${done} ${purged} stored ${purged === 1 ? "response" : "responses"}`,
    );
    return 0;
  }
  reportRefusal(terminal, place, answer);
  return answer.status === 400 ? 2 : 1;
}

function toSelection(flags: PurgeFlags): object {
  const { url, prefix, tag, all, soft } = flags;
  const chosen = [
    ...(url === undefined ? [] : [{ url }]),
    ...(prefix === undefined ? [] : [{ prefix }]),
    ...(tag.length === 0 ? [] : [{ tag: tag.length === 1 ? tag[0] : tag }]),
    ...(all === true ? [{ all }] : []),
  ];
  const [selection] = chosen;
  if (selection === undefined || chosen.length > 1) {
    throw new UsageError("Say what to purge: exactly one of --url, --prefix, --tag and --all.");
  }
  return soft === true ? { ...selection, soft } : selection;
}
