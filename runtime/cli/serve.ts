import type { ResolvedConfig } from "../config/resolved-config.ts";
import { formatReport } from "../config/report.ts";
import type { ConfigReport } from "../config/load.ts";
import { createLog, type RootLog } from "../log.ts";
import { startSingle } from "../process/single.ts";
import { StartError } from "../process/supervisor.ts";
import { findConfig, shownPath } from "./config-file.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

export interface ServeOptions {
  readonly mode: "dev" | "start";
  readonly config?: string;
  readonly watch: boolean;
  /** 0: as many as the machine has cores. */
  readonly workers?: number;
  readonly port?: number;
  readonly host?: string;
}

/** `dev` and `start`. Resolves with `undefined` once the proxy runs: from then on signals end the process. */
export async function runProxy(
  terminal: Terminal,
  cwd: string,
  options: ServeOptions,
): Promise<ExitCode | undefined> {
  const file = findConfig(cwd, options.config);
  const log = createLog();
  if (options.workers !== undefined && options.workers !== 1) {
    log.info("--workers: this version runs one worker");
  }
  const announcer = new Announcer(log, shownPath(cwd, file), options);
  try {
    await startSingle({
      file,
      mode: options.mode,
      log,
      watch: options.watch,
      overrides: toOverrides(options),
      report: (report) => printReport(terminal, log, cwd, report),
      onListening: (url) => announcer.listening(url),
      onAdminListening: (url) => announcer.admin(url),
      onCommitted: (config) => announcer.committed(config),
      exit: (code) => {
        log.close();
        process.exit(code);
      },
    });
    announcer.started();
    return undefined;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    log.close();
    terminal.err(formatReport(error.report, { colour: terminal.errColor, cwd }));
    return 2;
  }
}

function toOverrides({ port, host }: ServeOptions): { port?: number; host?: string } {
  return { ...(port === undefined ? {} : { port }), ...(host === undefined ? {} : { host }) };
}

/** A reload failed, or in `dev` the first load: the proxy goes on. */
function printReport(terminal: Terminal, log: RootLog, cwd: string, report: ConfigReport): void {
  if (log.isPretty) {
    terminal.err(`\n${formatReport(report, { colour: terminal.errColor, cwd })}\n`);
    return;
  }
  const { stage, file, issues } = report;
  log.error({ stage, file, issues }, formatReport(report, { cwd }));
}

/** Tells where to reach the proxy and what to do next: once when it starts, in short after each reload. */
class Announcer {
  readonly #log: RootLog;
  readonly #file: string;
  readonly #options: ServeOptions;
  readonly #urls: string[] = [];
  #commits = 0;

  constructor(log: RootLog, file: string, options: ServeOptions) {
    this.#log = log;
    this.#file = file;
    this.#options = options;
  }

  /** The config's log settings are applied just after its listeners are open: the line waits for them. */
  listening(url: string): void {
    this.#urls.push(url);
    queueMicrotask(() => this.#log.announce({ url }, "listening"));
  }

  admin(url: string): void {
    queueMicrotask(() => this.#log.announce({ url }, "admin listening"));
  }

  committed(config: ResolvedConfig): void {
    this.#commits += 1;
    if (this.#commits > 1 && this.#options.mode === "dev") this.#log.info(summaryOf(config));
  }

  started(): void {
    const url = this.#urls[0];
    if (url === undefined) return;
    const explain = `gatewright explain GET ${url}/`;
    const edit = this.#options.watch
      ? `edit ${this.#file}: it is live when you save it`
      : `edit ${this.#file}, then: kill -HUP ${process.pid}`;
    this.#log.info(
      { pid: process.pid, config: this.#file },
      `open ${url}/ or try: curl -i ${url}/`,
    );
    this.#log.info(`${edit}; what happens to a request, and why: ${explain}`);
  }
}

function summaryOf(config: ResolvedConfig): string {
  const named = (names: readonly string[]): string =>
    names.length === 0 ? "none" : names.join(", ");
  return (
    `serving: routes ${config.routes.length}; upstreams ${named([...config.upstreams.keys()])}; ` +
    `hooks ${named(Object.keys(config.hooks))}; plugins ${named(config.plugins.map((plugin) => plugin.name))}`
  );
}
