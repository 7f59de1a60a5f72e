/** The proxy as a library: for tests of a config, and for programs that carry one. */
import { resolve } from "node:path";

import { formatReport } from "./config/report.ts";
import { createLog, type LogSettings } from "./log.ts";
import { startSingle } from "./process/single.ts";
import { StartError } from "./process/supervisor.ts";

export { VERSION } from "./process/version.ts";

export interface StartOptions {
  /** Config file. Default `"proxy.config.ts"` in the working directory. */
  readonly config?: string;
  /** In place of the first listener's port; 0 picks a free one. */
  readonly port?: number;
  /** In place of the first listener's address. */
  readonly host?: string;
  /** Level of the log on standard output. Default `"warn"`: a test's output is its own. */
  readonly logLevel?: NonNullable<LogSettings["level"]>;
}

/** A proxy that runs in this process. */
export interface RunningProxy {
  /** Of the first listener. */
  readonly url: string;
  readonly urls: readonly string[];
  /** Loads the config again; false if it is broken, and the last good one goes on. */
  reload(): Promise<boolean>;
  /** Stops accepting, cuts what runs, disposes of plugins. */
  close(): Promise<void>;
}

/**
 * Runs a config as `gatewright start` does, without signals, watching and `process.exit`. Rejects with an error whose
 * message shows every issue if the config is broken.
 *
 * @example
 * ```ts
 * const proxy = await startProxy({ config: "proxy.config.ts", port: 0 });
 * const response = await fetch(new URL("/health", proxy.url));
 * await proxy.close();
 * ```
 */
export async function startProxy(options: StartOptions = {}): Promise<RunningProxy> {
  const file = resolve(options.config ?? "proxy.config.ts");
  const log = createLog({ level: options.logLevel ?? "warn", keepLevel: true });
  const { port, host } = options;
  try {
    const running = await startSingle({
      file,
      mode: "start",
      watch: false,
      log,
      overrides: {
        ...(port === undefined ? {} : { port }),
        ...(host === undefined ? {} : { host }),
      },
    });
    return {
      get url() {
        return running.urls[0]!;
      },
      get urls() {
        return running.urls;
      },
      reload: async () => (await running.reload()).outcome !== "failed",
      close: () => running.close(),
    };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new Error(formatReport(error.report), { cause: error });
  }
}
