/**
 * The real command as a child process whose memory and open files are measured from outside (Linux only: /proc).
 *
 * ```ts
 * await using proxy = await startMeasuredProxy({ config: `export default { … }` });
 * const before = await proxy.measure();
 * ```
 */
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { AccessRecord } from "@gatewright/sdk";

import {
  startCommand,
  type FinishedCommand,
  type LogLine,
  type StartedProxy,
} from "./run-command.ts";

const CHILD = fileURLToPath(new URL("measured-child.ts", import.meta.url));

export interface Measured {
  /** Of live objects, after garbage collection. */
  readonly heapBytes: number;
  readonly openFiles: number;
}

export interface MeasuredProxy extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
  readonly started: StartedProxy;
  /** Lines of the access log so far. */
  readonly access: readonly (LogLine & Partial<AccessRecord>)[];
  /** Lines of level error or worse so far. */
  readonly errors: readonly LogLine[];
  measure(): Promise<Measured>;
  rssBytes(): Promise<number>;
  /** From here on `peakBytes` starts anew. */
  resetPeak(): Promise<void>;
  /** Largest resident size since the last `resetPeak`. */
  peakBytes(): Promise<number>;
  /** From here on the proxy samples what it holds between its upstreams' sockets and its clients'. */
  watchQueue(): Promise<void>;
  /** The most that any sample found, in bytes. */
  mostQueuedBytes(): Promise<number>;
  /** SIGTERM, then the orderly end. Leaving the scope kills it at once. */
  stop(): Promise<FinishedCommand>;
}

export async function startMeasuredProxy(options: {
  /** Text of `proxy.config.ts`. */
  readonly config: string;
  /** Where to put it; a folder that exists. Default: a new one. */
  readonly dir?: string;
  /** Default false. */
  readonly watch?: boolean;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}): Promise<MeasuredProxy> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "gatewright-measured-")));
  await writeFile(join(dir, "proxy.config.ts"), options.config);
  const watch = options.watch === true ? [] : ["--no-watch"];
  const started = await startCommand(["start", ...watch, "--port", "0"], {
    dir,
    channel: true,
    ...(options.env === undefined ? {} : { env: options.env }),
    nodeOptions: ["--conditions=@gatewright/source", "--expose-gc", "--import", CHILD],
  });
  const { child } = started.command;
  const pid = child.pid as number;
  const status = async (key: string): Promise<number> => {
    const text = await readFile(`/proc/${pid}/status`, "latin1");
    const line = text.split("\n").find((one) => one.startsWith(`${key}:`)) ?? "";
    return Number.parseInt(line.slice(key.length + 1), 10) * 1024;
  };
  const ask = async (what: string): Promise<unknown> => {
    const answer = once(child, "message");
    child.send(what);
    return ((await answer) as [unknown])[0];
  };
  const stop = async (): Promise<FinishedCommand> => {
    try {
      return await started.stop();
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  };
  return {
    url: started.url,
    port: started.port,
    pid,
    dir,
    started,
    get access() {
      return started.command.lines.filter((line) => line["outcome"] !== undefined);
    },
    get errors() {
      return started.command.lines.filter((line) =>
        ["error", "fatal"].includes(String(line["level"])),
      );
    },
    measure: async () => (await ask("measure")) as Measured,
    rssBytes: () => status("VmRSS"),
    resetPeak: () => writeFile(`/proc/${pid}/clear_refs`, "5"),
    peakBytes: () => status("VmHWM"),
    async watchQueue() {
      await ask("queue");
    },
    mostQueuedBytes: async () => ((await ask("queued")) as { bytes: number }).bytes,
    stop,
    async [Symbol.asyncDispose]() {
      started.command.kill();
      await started.command.exit();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
