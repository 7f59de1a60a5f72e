/** Both roles in one thread, connected by a direct port: what `dev` and one-worker `start` run. */
import { createAccessLog } from "../access-log.ts";
import { createConfigLoader, type ConfigReport } from "../config/load.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import { createStackMapper, type StackMapper } from "../config/stack-mapper.ts";
import { createFolderWatch } from "../config/watch-certificates.ts";
import { watchInputs } from "../config/watch.ts";
import { createProvision, type Provision } from "../generation/provision.ts";
import type { ProxyStatus, ReloadStatus } from "../inspect/status.ts";
import type { Log, RootLog } from "../log.ts";
import type { ListenOverrides } from "./default-listen.ts";
import { createDirectPorts, type Handover } from "./messages.ts";
import { listenForSignals } from "./signals.ts";
import { listenForStrayErrors } from "./stray-errors.ts";
import { Supervisor, type ConfigSource, type Watch } from "./supervisor.ts";
import { VERSION } from "./version.ts";
import { startWorker } from "./worker.ts";

export interface SingleOptions {
  /** Absolute path of the config file. */
  readonly file: string;
  readonly mode: "dev" | "start";
  /** False for `--no-watch`: reloads on SIGHUP and `POST /api/reload` only. A function replaces chokidar. */
  readonly watch: boolean | Watch;
  /** Follows the config's `log` settings from the first commit on. */
  readonly log: RootLog;
  readonly overrides?: ListenOverrides;
  /** A load failed; once for each problem, however often it is saved. Not called for what `startSingle` rejects with. */
  readonly report?: (report: ConfigReport) => void;
  readonly onListening?: (url: string) => void;
  readonly onAdminListening?: (url: string) => void;
  /** A config went live as this generation. */
  readonly onCommitted?: (config: ResolvedConfig, generation: number) => void;
  /**
   * Given by the command, to which the process belongs: signals and stray errors are then listened for, and this is how
   * the process ends. Flush the log in it.
   */
  readonly exit?: (code: number) => void;
  /** Default: the file, compiled. */
  readonly source?: ConfigSource;
  /** Default: the engine's. One that is given must describe errors with `stackMapper`. */
  readonly provision?: Provision;
  readonly stackMapper?: StackMapper;
}

/** A proxy that runs. */
export interface Running {
  /** Of all listeners, in the config's order. */
  readonly urls: readonly string[];
  readonly adminUrl: string | undefined;
  status(): Promise<ProxyStatus>;
  /** Loads the config again. Never rejects: a failure is a result. */
  reload(): Promise<ReloadStatus>;
  /** Stops accepting, finishes what runs, cuts the rest after `limitMs` (default: the config's `drainTimeout`), disposes. */
  drain(limitMs?: number): Promise<void>;
  /** The same without patience. */
  close(): Promise<void>;
}

/** Rejects with a `StartError` that carries the report if there is nothing to run. */
export async function startSingle(options: SingleOptions): Promise<Running> {
  const { file, mode, log, exit } = options;
  const stackMapper = options.stackMapper ?? createStackMapper();
  const handover: Handover = new Map();
  const ports = createDirectPorts();
  startWorker({
    port: ports.worker,
    handover,
    provision: options.provision ?? defaultProvision(log, stackMapper, options.watch !== false),
    stackMapper,
    log,
  });
  const supervisor = new Supervisor({
    file,
    mode,
    version: VERSION,
    port: ports.supervisor,
    handover,
    source:
      options.source ??
      createConfigLoader({ file, command: mode, env: process.env, log, stackMapper }),
    watch: toWatch(options.watch, log),
    log,
    overrides: options.overrides ?? {},
    report: options.report ?? (() => {}),
    onListening: options.onListening ?? (() => {}),
    onAdminListening: options.onAdminListening ?? (() => {}),
    onCommitted: (config, generation) => {
      log.configure(config.log);
      options.onCommitted?.(config, generation);
    },
  });
  const release = exit === undefined ? () => {} : ownProcess(supervisor, stackMapper, log, exit);
  try {
    await supervisor.start();
  } catch (error) {
    release();
    throw error;
  }
  return {
    get urls() {
      return supervisor.urls;
    },
    get adminUrl() {
      return supervisor.adminUrl;
    },
    status: () => supervisor.status(),
    reload: () => supervisor.reload(),
    drain: (limitMs) => supervisor.drain(limitMs).finally(release),
    close: () => supervisor.drain(0).finally(release),
  };
}

function defaultProvision(log: RootLog, stackMapper: StackMapper, watches: boolean): Provision {
  return createProvision({
    watchFiles: watches ? (onChange) => createFolderWatch({ onChange, log }) : undefined,
    accessLog: createAccessLog(log),
    describeError: (error) => stackMapper.errorFields(error),
  });
}

function toWatch(watch: boolean | Watch, log: Log): Watch | undefined {
  if (typeof watch === "function") return watch;
  if (!watch) return undefined;
  return (events) =>
    watchInputs({
      ...events,
      onError: (error) => log.warn({ error }, "a folder of the config cannot be watched"),
    });
}

function ownProcess(
  supervisor: Supervisor,
  stackMapper: StackMapper,
  log: Log,
  exit: (code: number) => void,
): () => void {
  const removeSignals = listenForSignals({
    reload: () => void supervisor.reload(),
    drain: () => supervisor.drain(),
    exit,
    onSignal: (signal, meaning) => log.info({ signal }, MEANINGS[meaning]),
  });
  const removeErrors = listenForStrayErrors({ stackMapper, log, exit });
  return () => {
    removeSignals();
    removeErrors();
  };
}

const MEANINGS = {
  reload: "reloading",
  drain: "shutting down: no new connections, requests in flight finish",
  force: "ending at once",
};
