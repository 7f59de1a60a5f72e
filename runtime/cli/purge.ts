import type { ExitCode, Terminal } from "./terminal.ts";
import { UsageError } from "./terminal.ts";
import { findAdmin, type AdminPlace } from "./admin-place.ts";

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

/** It is on this machine, or near: who waits longer waits for nothing. */
const TIME_LIMIT_MS = 10_000;

/** Asks the proxy that runs to remove stored responses. */
export async function runPurge(
  terminal: Terminal,
  cwd: string,
  flags: PurgeFlags,
): Promise<ExitCode> {
  const selection = toSelection(flags);
  const place = await findAdmin(terminal, cwd, flags);
  if (place === undefined) return 2;
  let response: Response;
  try {
    response = await fetch(`${place.url}/api/cache/purge`, {
      method: "POST",
      body: JSON.stringify(selection),
      headers: {
        "content-type": "application/json",
        ...(place.token === undefined ? {} : { authorization: `Bearer ${place.token}` }),
      },
      redirect: "error",
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    });
  } catch (error) {
    terminal.err(`gatewright: no proxy answers at ${place.url} (${reasonOf(error)}).`);
    terminal.err(adviceFor(place));
    return 1;
  }
  const answer = await jsonOf(response);
  if (response.status === 200 && typeof answer["purged"] === "number") {
    const { purged } = answer;
    const done = flags.soft === true ? "made stale" : "purged";
    terminal.out(
      flags.json === true
        ? JSON.stringify({ purged })
        : `${done} ${purged} stored ${purged === 1 ? "response" : "responses"}`,
    );
    return 0;
  }
  const { detail } = answer;
  const said = typeof detail === "string" ? detail : "This is not the admin port of Gatewright.";
  terminal.err(`gatewright: ${place.url} answered ${response.status}: ${said}`);
  if (response.status === 401 || response.status === 403) terminal.err(TOKEN_ADVICE);
  return response.status === 400 ? 2 : 1;
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

async function jsonOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = await response.json();
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in 10 s";
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code ?? (error instanceof Error ? error.message : String(error));
}

function adviceFor(place: AdminPlace): string {
  return place.from === "config"
    ? "Start it with: gatewright start. Or name the admin address of another one: --admin URL"
    : `${place.from === "default" ? "The config has no `admin`, so this is where `dev` would be. " : ""}Give the config of the running proxy an admin port, admin: { port: 9901 }, or name another address: --admin URL`;
}

const TOKEN_ADVICE =
  "From another machine it takes the token: admin.token of the config, or GATEWRIGHT_ADMIN_TOKEN in the environment.";
