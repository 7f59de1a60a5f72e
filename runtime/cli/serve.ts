import { formatReport } from "../config/report.ts";
import type { ConfigReport } from "../config/load.ts";
import { createLog, type RootLog } from "../log.ts";
import { startSingle } from "../process/single.ts";
import { StartError } from "../process/supervisor.ts";
import { DEFAULT_CONFIG, findConfig, shownPath } from "./config-file.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

export interface ServeOptions {
  readonly mode: "dev" | "start";
  readonly config?: string;
  readonly watch: boolean;
  /** 0: as many as the machine has cores. */
  readonly workers?: number;
  readonly port?: number;
  readonly host?: string;
  /** JSON lines on standard output and nothing else, whatever the config and the terminal say. */
  readonly json?: boolean;
}

/** `dev` and `start`. Resolves with `undefined` once the proxy runs: from then on signals end the process. */
export async function runProxy(
  terminal: Terminal,
  cwd: string,
  options: ServeOptions,
): Promise<ExitCode | undefined> {
  const file = findConfig(cwd, options.config);
  const log = createLog(options.json === true ? { format: "json", keepFormat: true } : {});
  if (options.workers !== undefined && options.workers !== 1) {
    log.info("--workers: this version runs one worker");
  }
  const announcer = new Announcer(log, shownPath(cwd, file), options.watch);
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
      exit: (code) => {
        log.close();
        process.exit(code);
      },
    });
    announcer.started();
    return undefined;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    printFailure(terminal, log, cwd, error.report, options);
    log.close();
    return 2;
  }
}

function toOverrides({ port, host }: ServeOptions): { port?: number; host?: string } {
  return { ...(port === undefined ? {} : { port }), ...(host === undefined ? {} : { host }) };
}

/**
 * It did not start. Whoever reads lines gets the same line as for a failed reload; whoever sits there, or looks at what a
 * service wrote, gets it as text.
 */
function printFailure(
  terminal: Terminal,
  log: RootLog,
  cwd: string,
  report: ConfigReport,
  options: ServeOptions,
): void {
  if (!log.isPretty) logReport(log, cwd, report);
  if (options.json !== true) {
    terminal.err(formatReport(report, { colour: terminal.errColor, cwd }));
  }
}

/** A reload failed, or in `dev` the first load: the proxy goes on. */
function printReport(terminal: Terminal, log: RootLog, cwd: string, report: ConfigReport): void {
  if (log.isPretty) {
    terminal.err(`\n${formatReport(report, { colour: terminal.errColor, cwd })}\n`);
    return;
  }
  logReport(log, cwd, report);
}

function logReport(log: RootLog, cwd: string, report: ConfigReport): void {
  const { stage, file, issues } = report;
  log.error({ ok: false, stage, file, issues }, formatReport(report, { cwd }));
}

/** Tells where to reach the proxy and what to do next. */
class Announcer {
  readonly #log: RootLog;
  readonly #file: string;
  readonly #isWatched: boolean;
  readonly #urls: string[] = [];

  constructor(log: RootLog, file: string, isWatched: boolean) {
    this.#log = log;
    this.#file = file;
    this.#isWatched = isWatched;
  }

  /** The config's log settings are applied just after its listeners are open: the line waits for them. */
  listening(url: string): void {
    this.#urls.push(url);
    queueMicrotask(() => this.#log.announce({ url }, "listening"));
  }

  admin(url: string): void {
    queueMicrotask(() => this.#log.announce({ url }, "admin listening"));
  }

  started(): void {
    const url = this.#urls[0];
    if (url === undefined) return;
    const config = this.#file === DEFAULT_CONFIG ? "" : ` --config ${this.#file}`;
    const explain = `gatewright explain GET ${url}/${config}`;
    const edit = this.#isWatched
      ? `edit ${this.#file}: it is live when you save it`
      : `edit ${this.#file}, then: kill -HUP ${process.pid}`;
    this.#log.info(
      { pid: process.pid, config: this.#file },
      `open ${url}/ or try: curl -i ${url}/`,
    );
    this.#log.info(`${edit}; what happens to a request, and why: ${explain}`);
  }
}
