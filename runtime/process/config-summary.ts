import type { ResolvedConfig } from "../config/resolved-config.ts";

/** What a config comes to, for who reads what `check` or a reload says. */
export interface ConfigSummary {
  readonly listeners: number;
  readonly routes: number;
  readonly upstreams: readonly string[];
  readonly plugins: readonly string[];
  readonly hooks: readonly string[];
}

export function summaryOf(config: ResolvedConfig): ConfigSummary {
  return {
    listeners: config.listen.length,
    routes: config.routes.length,
    upstreams: [...config.upstreams.keys()],
    plugins: config.plugins.map((plugin) => plugin.name),
    hooks: Object.keys(config.hooks),
  };
}
