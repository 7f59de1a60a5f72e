import type { Plugin } from "@gatewright/sdk";

import type { LoadedConfig } from "../../runtime/config/load.ts";
import type { ResolvedConfig, ResolvedListen } from "../../runtime/config/resolved-config.ts";
import type { Exchange } from "../../runtime/downstream/exchange.ts";
import type { Provision, ProvisionOptions } from "../../runtime/generation/provision.ts";

export const FAKE_LIMITS: ResolvedListen["limits"] = {
  headBytes: 16_384,
  targetBytes: 8_192,
  headTimeMs: 10_000,
  contentIdleMs: 60_000,
  keepAliveMs: 60_000,
  connections: 1_000,
  connectionsPerAddress: Infinity,
  pipelined: 16,
  concurrentStreams: 128,
  resets: 1000,
  controlFrames: 500,
  sendIdleMs: 60_000,
};

export interface FakeSlot {
  readonly generation: number;
  retired: number;
  disposed: number;
}

export interface FakeLoaded {
  readonly loaded: LoadedConfig;
  readonly slot: FakeSlot;
}

/** A loaded config with only what generations and the process look at. */
export function fakeLoaded(
  generation: number,
  options: {
    plugins?: readonly Plugin[];
    listen?: readonly ResolvedListen[];
    config?: Partial<ResolvedConfig>;
    digest?: string;
    dataDir?: string;
    /** Names of packages outside the bundle. */
    packages?: readonly string[];
  } = {},
): FakeLoaded {
  const slot = {
    generation,
    retired: 0,
    disposed: 0,
    runInBackground: <T>(work: () => T): T => work(),
    retire: () => void (slot.retired += 1),
    dispose: () => void (slot.disposed += 1),
  };
  const config = {
    listen: options.listen ?? [{ host: "127.0.0.1", port: 0, limits: FAKE_LIMITS }],
    trustedProxies: { kind: "none" },
    admin: undefined,
    log: { level: "debug", access: true, format: "json", redact: [] },
    plugins: options.plugins ?? [],
    routes: [],
    upstreams: new Map(),
    hooks: {},
    dataDir: options.dataDir ?? "/nonexistent",
    retireAfterMs: 30_000,
    closeStreamsAfterMs: undefined,
    drainTimeoutMs: 30_000,
    ...options.config,
  } as unknown as ResolvedConfig;
  const digest = options.digest ?? `digest ${generation}`;
  const packages = (options.packages ?? []).map((name) => ({ name, dir: "", entry: "" }));
  return { loaded: { config, slot, digest, packages }, slot };
}

export interface FakeProvision {
  readonly provision: Provision;
  readonly calls: ProvisionOptions[];
  /** Generation numbers. */
  readonly committed: number[];
  readonly disposed: number[];
  readonly cut: number[];
  stats: { requests: number; streams: number; tunnels: number };
}

/** A pipeline that answers with the generation's number, unless `serve` is given. */
export function fakeProvision(
  serve?: (exchange: Exchange, options: ProvisionOptions) => void,
): FakeProvision {
  const fake: FakeProvision = {
    calls: [],
    committed: [],
    disposed: [],
    cut: [],
    stats: { requests: 0, streams: 0, tunnels: 0 },
    async provision(options) {
      const { generation } = options.loaded.slot;
      fake.calls.push(options);
      return {
        upgradeTokens: new Set(["websocket"]),
        upstreams: [],
        tls: [],
        pipeline: {
          serve(exchange) {
            if (serve === undefined) answer(exchange, String(generation));
            else serve(exchange, options);
          },
          explain: () => Promise.reject(new Error("not here")),
          cutStreams: () => void fake.cut.push(generation),
          get stats() {
            return fake.stats;
          },
        },
        commit: () => void fake.committed.push(generation),
        dispose: async () => void fake.disposed.push(generation),
      };
    },
  };
  return fake;
}

/** 200 with this text. */
export function answer(exchange: Exchange, text: string): void {
  exchange.receiver ??= { onDrain() {}, onClose() {} };
  exchange.writeHead(200, ["Content-Length", String(text.length)]);
  exchange.write(Buffer.from(text));
  exchange.end();
}
