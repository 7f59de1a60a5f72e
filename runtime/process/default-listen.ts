import { DEFAULT_LIMITS, DEFAULT_LISTEN } from "../config/defaults.ts";
import type { ResolvedListen } from "../config/resolved-config.ts";

/** What the command line says about the address. */
export interface ListenOverrides {
  readonly port?: number;
  readonly host?: string;
}

/** Where `dev` shows the page while no config has ever been good. */
export function defaultListen(overrides: ListenOverrides): readonly ResolvedListen[] {
  return applyOverrides([{ ...DEFAULT_LISTEN, limits: DEFAULT_LIMITS }], overrides);
}

/** The command line speaks of one address: the config's first. */
export function applyOverrides(
  listen: readonly ResolvedListen[],
  overrides: ListenOverrides,
): readonly ResolvedListen[] {
  const { host, port } = overrides;
  return listen.map((one, at) =>
    at > 0 ? one : { ...one, host: host ?? one.host, port: port ?? one.port },
  );
}
