import type { ConfigReport, LoadResult } from "../../runtime/config/load.ts";
import { startSingle, type Running, type SingleOptions } from "../../runtime/process/single.ts";
import type { ConfigSource } from "../../runtime/process/supervisor.ts";
import { fakeLoaded, fakeProvision, type FakeProvision, type FakeSlot } from "./fake-generation.ts";
import { collectLog, type LogCollector } from "./log-lines.ts";

/** What the next load finds. */
export type FakeEdit =
  | Parameters<typeof fakeLoaded>[1]
  | { readonly issues: ConfigReport["issues"] }
  | "unchanged";

export interface FakeSource extends ConfigSource {
  /** What loads find from now on. A function is asked at each load. */
  edit: FakeEdit | (() => FakeEdit | Promise<FakeEdit>);
  readonly slots: FakeSlot[];
  readonly digestsSeen: (string | undefined)[];
  closed: boolean;
}

const FAKE_FILE = "/fake/proxy.config.ts";

/** A config source without files. */
export function fakeSource(edit: FakeSource["edit"] = {}): FakeSource {
  const source: FakeSource = {
    edit,
    slots: [],
    digestsSeen: [],
    closed: false,
    async load(previousDigest): Promise<LoadResult> {
      source.digestsSeen.push(previousDigest);
      const edit = typeof source.edit === "function" ? await source.edit() : source.edit;
      const inputs = [FAKE_FILE];
      if (edit === "unchanged") return { kind: "unchanged", inputs };
      if (edit !== undefined && "issues" in edit) {
        const report = { stage: "validate", file: FAKE_FILE, issues: edit.issues } as const;
        return { kind: "failed", report, inputs };
      }
      const { loaded, slot } = fakeLoaded(source.slots.length + 1, edit);
      source.slots.push(slot);
      return { kind: "loaded", loaded, inputs };
    },
    async close() {
      source.closed = true;
    },
  };
  return source;
}

export interface FakeRun {
  readonly running: Running;
  readonly source: FakeSource;
  readonly fake: FakeProvision;
  readonly reports: ConfigReport[];
  readonly listening: string[];
  readonly collector: LogCollector;
}

/** A whole process over fakes: real listeners, no files, no pipeline. */
export async function startFake(
  options: Partial<SingleOptions> & {
    source?: FakeSource;
    fake?: FakeProvision;
    collector?: LogCollector;
    reports?: ConfigReport[];
  } = {},
): Promise<FakeRun> {
  const source = options.source ?? fakeSource();
  const fake = options.fake ?? fakeProvision();
  const collector = options.collector ?? collectLog();
  const reports = options.reports ?? [];
  const listening: string[] = [];
  const running = await startSingle({
    file: FAKE_FILE,
    mode: "start",
    watch: false,
    provision: fake.provision,
    log: collector.log,
    report: (report) => reports.push(report),
    onListening: (url) => listening.push(url),
    ...options,
    source,
  });
  return { running, source, fake, reports, listening, collector };
}
