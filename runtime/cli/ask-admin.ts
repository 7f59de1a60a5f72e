import type { AdminPlace } from "./admin-place.ts";
import type { Terminal } from "./terminal.ts";

/** What a proxy that runs has said. */
export interface AdminAnswer {
  readonly status: number;
  /** Empty where it was no JSON object. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** It is on this machine, or near: who waits longer waits for nothing. */
const TIME_LIMIT_MS = 10_000;

/** Asks the admin listener. `undefined`: nobody answers, and that has been said. */
export async function askAdmin(
  terminal: Terminal,
  place: AdminPlace,
  method: "GET" | "POST" | "DELETE",
  target: string,
  content?: object,
): Promise<AdminAnswer | undefined> {
  try {
    const response = await fetch(`${place.url}${target}`, {
      method,
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
      headers: {
        ...(content === undefined ? {} : { "content-type": "application/json" }),
        ...(place.token === undefined ? {} : { authorization: `Bearer ${place.token}` }),
      },
      redirect: "error",
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    });
    return { status: response.status, content: await jsonOf(response) };
  } catch (error) {
    terminal.err(`gatewright: no proxy answers at ${place.url} (${reasonOf(error)}).`);
    terminal.err(adviceFor(place));
    return undefined;
  }
}

/** Says what the admin listener had against it. */
export function reportRefusal(terminal: Terminal, place: AdminPlace, answer: AdminAnswer): void {
  const { detail } = answer.content;
  const said = typeof detail === "string" ? detail : "This is not the admin port of Gatewright.";
  terminal.err(`gatewright: ${place.url} answered ${answer.status}: ${said}`);
  if (answer.status === 401 || answer.status === 403) terminal.err(TOKEN_ADVICE);
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
  if (code === undefined && cause instanceof Error) return cause.message;
  return code ?? (error instanceof Error ? error.message : String(error));
}

function adviceFor(place: AdminPlace): string {
  return place.from === "config"
    ? "Start it with: gatewright start. Or name the admin address of another one: --admin URL"
    : `${place.from === "default" ? "The config has no `admin`, so this is where `dev` would be. " : ""}Give the config of the running proxy an admin port, admin: { port: 9901 }, or name another address: --admin URL`;
}

const TOKEN_ADVICE =
  "From another machine it takes the token: admin.token of the config, or GATEWRIGHT_ADMIN_TOKEN in the environment.";
