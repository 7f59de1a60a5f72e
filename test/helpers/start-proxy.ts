/**
 * A whole proxy in this process, on a free port, for one test.
 *
 * ```ts
 * const proxy = await startProxy({ config: { upstreams: { api: { targets: [upstream.url] } } } });
 * const response = await fetch(`${proxy.url}/hello`);
 * ```
 *
 * From an object (`config`: validated and normalised, nothing compiled) or from files (`files`: compiled, watched). The
 * end of the test closes it and fails on every error that was logged and not taken with `takeErrors()`, on every
 * unhandled rejection, and on problem reports that were not taken with `takeReports()`.
 */
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { AccessRecord, GatewrightConfig } from "@gatewright/sdk";
import { onTestFinished } from "vitest";

import { createFolderWatch } from "../../runtime/config/watch-certificates.ts";
import type { ConfigReport, LoadResult } from "../../runtime/config/load.ts";
import { normalize } from "../../runtime/config/normalize.ts";
import { formatPath } from "../../runtime/config/option-path.ts";
import type { UserConfig } from "../../runtime/config/resolved-config.ts";
import { createStackMapper } from "../../runtime/config/stack-mapper.ts";
import { validate } from "../../runtime/config/validate.ts";
import { createProvision, type ProvisionDependencies } from "../../runtime/generation/provision.ts";
import type { ReloadStatus } from "../../runtime/inspect/status.ts";
import { startSingle, type Running, type SingleOptions } from "../../runtime/process/single.ts";
import type { ConfigSource } from "../../runtime/process/supervisor.ts";
import { testProtocol } from "./protocol-matrix.ts";
import { collectLog, type LogCollector, type LogLine } from "./log-lines.ts";

/** Linked into every folder, as `npm install` of a workspace does. */
const SDK = fileURLToPath(new URL("../../sdk", import.meta.url));

export interface StartProxyOptions {
  /** In memory. `listen` defaults to a free port. */
  readonly config?: GatewrightConfig<string>;
  /** Files to write into a new folder: name to text. `proxy.config.ts` is the config. */
  readonly files?: Readonly<Record<string, string>>;
  /** A config file that exists. Its first listener gets a free port. */
  readonly file?: string;
  /** Default `"start"`. */
  readonly mode?: "dev" | "start";
  /** Default true for files. */
  readonly watch?: boolean;
  readonly single?: Partial<SingleOptions>;
  readonly provision?: Partial<ProvisionDependencies>;
  /** Close it yourself, for example in `afterAll`. Default: at the end of the test that runs. */
  readonly manualClose?: boolean;
}

export interface TestProxy extends AsyncDisposable {
  /** Of the first listener, `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly urls: readonly string[];
  readonly adminUrl: string | undefined;
  /** Folder of the config file. */
  readonly dir: string;
  readonly running: Running;
  readonly log: LogCollector;
  /** Finished requests, in order of their end. */
  readonly access: AccessRecord[];
  /** Resolves with the first finished request, past or to come, that satisfies the condition. */
  accessed(condition?: (record: AccessRecord) => boolean): Promise<AccessRecord>;
  /** Goes live with another config in memory; rejects if it is refused. */
  update(config: GatewrightConfig<string>): Promise<ReloadStatus>;
  /** Replaces a file as editors do: written beside it, then renamed over it. */
  write(name: string, text: string): Promise<void>;
  /** Numbers of the generations that went live, the first included. */
  readonly commits: readonly number[];
  /** Resolves when a generation with this number or a later one is live. Loads that fail take a number too. */
  live(generation: number): Promise<void>;
  /** Resolves when this many generations have gone live, the first included. */
  commit(count: number): Promise<void>;
  /** Error lines of the log so far; they no longer fail the test. */
  takeErrors(): LogLine[];
  /** Reports of broken configs so far; they no longer fail the test. */
  takeReports(): ConfigReport[];
  /** Resolves with the next report, past or to come, and takes it. */
  nextReport(): Promise<ConfigReport>;
  /** Ends the proxy at once; rejects if something went wrong that nobody took. */
  close(): Promise<void>;
}

export async function startProxy(options: StartProxyOptions = {}): Promise<TestProxy> {
  const folder = options.file === undefined ? await makeFolder(options.files ?? {}) : undefined;
  const file = options.file ?? join(folder ?? "", "proxy.config.ts");
  const mode = options.mode ?? "start";
  const memory =
    options.config === undefined ? undefined : memorySource(options.config, file, mode);
  const log = collectLog();
  const access = new Arrivals<AccessRecord>();
  const reports = new Arrivals<ConfigReport>();
  const commits = new Arrivals<number>();
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const stackMapper = createStackMapper();
  const stop = async (): Promise<void> => {
    process.off("unhandledRejection", onUnhandled);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };

  let running: Running;
  try {
    running = await startSingle({
      file,
      mode,
      watch: options.watch ?? memory === undefined,
      log: log.log,
      stackMapper,
      provision: createProvision({
        accessLog: (record) => access.add(record),
        describeError: (error) => stackMapper.errorFields(error),
        ...options.provision,
        watchFiles: (onChange) => createFolderWatch({ onChange, log: log.log }),
      }),
      overrides: memory === undefined ? { port: 0 } : {},
      report: (report) => reports.add(report),
      onCommitted: (_config, generation) => commits.add(generation),
      ...(memory === undefined ? {} : { source: memory }),
      ...options.single,
    });
  } catch (error) {
    await stop();
    throw error;
  }

  let closed: Promise<void> | undefined;
  const proxy: TestProxy = {
    get url() {
      return running.urls[0] ?? "";
    },
    get port() {
      return Number(new URL(running.urls[0] ?? "").port);
    },
    get urls() {
      return running.urls;
    },
    get adminUrl() {
      return running.adminUrl;
    },
    dir: dirname(file),
    running,
    log,
    access: access.all,
    accessed: (condition = () => true) => access.find(condition),
    async update(config) {
      if (memory === undefined) throw new Error("only for a config in memory: use write()");
      memory.config = config;
      const status = await running.reload();
      if (status.outcome === "failed") {
        throw new Error(JSON.stringify(status.problem?.issues, null, 2));
      }
      return status;
    },
    async write(name, text) {
      const path = join(dirname(file), name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(`${path}.tmp`, text);
      await rename(`${path}.tmp`, path);
    },
    async live(generation) {
      await commits.find((number) => number >= generation);
    },
    commits: commits.all,
    async commit(count) {
      while (commits.all.length < count) await commits.next();
    },
    takeErrors: () => log.errors.splice(0),
    takeReports: () => reports.all.splice(0),
    async nextReport() {
      const report = await reports.find(() => true);
      reports.all.splice(reports.all.indexOf(report), 1);
      return report;
    },
    close: () => (closed ??= closeOnce()),
    [Symbol.asyncDispose]: () => proxy.close(),
  };

  async function closeOnce(): Promise<void> {
    await running.close();
    await stop();
    const left = [...unhandled, ...log.errors, ...reports.all];
    if (left.length > 0) {
      const texts = left
        .slice(0, 20)
        .map((one) => (one instanceof Error ? one.stack : JSON.stringify(one)));
      throw new Error(`errors that the test did not take:\n${texts.join("\n")}`);
    }
  }

  if (options.manualClose !== true) onTestFinished(() => proxy.close());
  return proxy;
}

async function makeFolder(files: Readonly<Record<string, string>>): Promise<string> {
  // The real path: the temporary folder is a link on some systems, and places in reports are real.
  const folder = await realpath(await mkdtemp(join(tmpdir(), "gatewright-test-")));
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  if (Object.keys(files).length > 0) {
    await mkdir(join(folder, "node_modules/@gatewright"), { recursive: true });
    await symlink(SDK, join(folder, "node_modules/@gatewright/sdk"));
  }
  return folder;
}

/** Configs from objects: the config room's checks and defaults without compiling anything. */
function memorySource(
  config: GatewrightConfig<string>,
  file: string,
  command: "dev" | "start",
): ConfigSource & { config: GatewrightConfig<string> } {
  let generation = 0;
  const source = {
    config,
    async load(): Promise<LoadResult> {
      const listen = source.config.listen ?? { port: 0, h2c: testProtocol() === "HTTP/2" };
      const result = validate({ ...source.config, listen } satisfies UserConfig);
      if (result.kind === "invalid") {
        const issues = result.issues.map((issue) => ({ ...issue, path: formatPath(issue.path) }));
        const report = { stage: "validate", file, issues } as unknown as ConfigReport;
        return { kind: "failed", report, inputs: [] };
      }
      generation += 1;
      const slot = {
        generation,
        runInBackground: <T>(work: () => T): T => work(),
        retire() {},
        dispose() {},
      };
      const loaded = {
        config: normalize(result.config, file, command),
        slot,
        digest: `memory ${generation}`,
        packages: [],
      };
      return { kind: "loaded", loaded, inputs: [] };
    },
    async close() {},
  };
  return source;
}

/** A list that can be waited on. */
class Arrivals<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(one: T): void {
    this.all.push(one);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  async find(condition: (one: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(condition);
      if (found !== undefined) return found;
      await this.next();
    }
  }
}
