import type { ResolvedLimits, ResolvedListen } from "../config/resolved-config.ts";

/** What the command line says about the address. */
export interface ListenOverrides {
  readonly port?: number;
  readonly host?: string;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8080;

/** For listeners that only ever serve the page of a broken config. As the defaults of `limits`. */
const DEFAULT_LIMITS: ResolvedLimits = {
  headBytes: 16 * 1024,
  targetBytes: 8 * 1024,
  headTimeMs: 10_000,
  contentIdleMs: 60_000,
  keepAliveMs: 60_000,
  connections: 1_000,
  pipelined: 16,
};

/** Where `dev` shows the page while no config has ever been good. */
export function defaultListen(overrides: ListenOverrides): readonly ResolvedListen[] {
  const plain = { host: DEFAULT_HOST, port: DEFAULT_PORT, limits: DEFAULT_LIMITS };
  return applyOverrides([plain], overrides);
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
