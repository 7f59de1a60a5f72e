import type { Hooks } from "../hooks.ts";
import { decisionError } from "./hook-error.ts";

type HookName = Exclude<keyof Hooks, "transforms">;
type Hook<K extends HookName> = NonNullable<Hooks[K]>;

/** What a hook may decide, by its name. */
const ALLOWED: Readonly<Record<HookName, readonly string[]>> = {
  onRequest: ["forward", "respond", "challenge", "block", "drop"],
  onUpgrade: ["forward", "respond", "challenge", "block", "drop"],
  onUpstreamResponse: [],
  onResponse: ["respond", "block", "drop"],
  onError: ["forward", "respond", "block", "drop"],
  onComplete: [],
};

/**
 * Calls one hook of a plugin or config and checks what it returns as the runtime does: a value that is no decision, which
 * the proxy would answer with 500, is an error here.
 *
 * @example
 * ```ts
 * const decision = await runHook(plugin, "onRequest", makeRequest("/"), makeContext());
 * ```
 */
export async function runHook<K extends HookName>(
  hooks: Hooks,
  name: K,
  ...args: Parameters<Hook<K>>
): Promise<Awaited<ReturnType<Hook<K>>>> {
  const hook = hooks[name] as ((...all: unknown[]) => unknown) | undefined;
  if (typeof hook !== "function") throw new TypeError(`There is no ${name} to run.`);
  const value: unknown = await hook.apply(hooks, args);
  if (value === undefined || value === null) return undefined as never;
  const kind = typeof value === "object" ? (value as { kind?: unknown }).kind : undefined;
  const allowed = ALLOWED[name];
  const isDecision = typeof kind === "string" && allowed.includes(kind);
  if (isDecision || (kind === undefined && allowed.length > 0 && value instanceof Response)) {
    return value as never;
  }
  const got = typeof kind === "string" ? `a decision of kind "${kind}"` : show(value);
  const may =
    allowed.length === 0
      ? "nothing"
      : `nothing, a Response, or one of ${allowed.map((one) => `ctx.${one}(…)`).join(", ")}`;
  throw decisionError(`${name} returned ${got}; it may return ${may}`);
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 64));
  return typeof value === "boolean" || typeof value === "number" ? `${value}` : `a ${typeof value}`;
}
