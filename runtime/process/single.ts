/** Both roles in one thread, connected by a direct port: what `dev` and one-worker `start` run. */
import type { ConfigReport } from "../config/load.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import type { StackMapper } from "../config/stack-mapper.ts";
import type { Provision } from "../generation/provision.ts";
import type { ProxyStatus, ReloadStatus } from "../inspect/status.ts";
import type { Log } from "../log.ts";
import type { ListenOverrides } from "./default-listen.ts";
import { createDirectPorts, type Handover } from "./messages.ts";
import { listenForSignals } from "./signals.ts";
import { listenForStrayErrors } from "./stray-errors.ts";
import { Supervisor, type ConfigSource, type Watch } from "./supervisor.ts";
import { VERSION } from "./version.ts";
import { startWorker } from "./worker.ts";

export interface SingleOptions {
  /** Absolute path of the config file, for messages. */
  readonly file: string;
  readonly mode: "dev" | "start";
  readonly source: ConfigSource;
  /** Leave out for `--no-watch`: reloads on SIGHUP and `POST /api/reload` only. */
  readonly watch?: Watch;
  readonly provision: Provision;
  readonly stackMapper: StackMapper;
  readonly log: Log;
  readonly overrides?: ListenOverrides;
  /** A load failed; once for each problem, however often it is saved. Not called for what `startSingle` rejects with. */
  readonly report?: (report: ConfigReport) => void;
  readonly onListening?: (url: string) => void;
  readonly onAdminListening?: (url: string) => void;
  /** A config went live: the place to apply its log settings. */
  readonly onCommitted?: (config: ResolvedConfig) => void;
  /**
   * Given by the command, to which the process belongs: signals and stray errors are then listened for, and this is how
   * the process ends. Flush the log in it.
   */
  readonly exit?: (code: number) => void;
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
  const { file, mode, source, watch, provision, stackMapper, log, exit } = options;
  const handover: Handover = new Map();
  const ports = createDirectPorts();
  startWorker({ port: ports.worker, handover, provision, stackMapper, log });
  const supervisor = new Supervisor({
    file,
    mode,
    version: VERSION,
    port: ports.supervisor,
    handover,
    source,
    watch,
    log,
    overrides: options.overrides ?? {},
    report: options.report ?? (() => {}),
    onListening: options.onListening ?? (() => {}),
    onAdminListening: options.onAdminListening ?? (() => {}),
    onCommitted: options.onCommitted ?? (() => {}),
  });
  const release = exit === undefined ? () => {} : ownProcess(supervisor, options, exit);
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

function ownProcess(
  supervisor: Supervisor,
  { stackMapper, log }: SingleOptions,
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
