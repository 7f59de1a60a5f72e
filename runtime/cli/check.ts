import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ConfigIssue } from "../config/issue.ts";
import type { LoadedConfig } from "../config/load.ts";
import { formatIssue, formatReport } from "../config/report.ts";
import { withPlaces } from "../config/placed-issues.ts";
import { typeCheck } from "../config/type-check.ts";
import { toPrepareIssues } from "../generation/prepare-error.ts";
import { createResourceRegistry } from "../generation/resources.ts";
import { createLog, type RootLog } from "../log.ts";
import { createRouteTable, type RouteTable } from "../pipeline/routing/route-table.ts";
import { summaryOf, type ConfigSummary } from "../process/config-summary.ts";
import { findConfig, shownPath } from "./config-file.ts";
import { createEngine, type Engine } from "./engine.ts";
import { createPaint, type ExitCode, type Terminal } from "./terminal.ts";

export interface CheckFlags {
  readonly config?: string;
  readonly types: boolean;
  readonly json?: boolean;
}

interface CheckResult {
  readonly ok: boolean;
  readonly file: string;
  readonly issues: readonly ConfigIssue[];
  /** What is not wrong but worth knowing. */
  readonly notes: readonly string[];
  readonly summary: ConfigSummary | undefined;
}

/** Everything that can be said about a config without running it: exit code 2 if anything is wrong. */
export async function runCheck(
  terminal: Terminal,
  cwd: string,
  flags: CheckFlags,
): Promise<ExitCode> {
  const file = findConfig(cwd, flags.config);
  const log = createLog({ level: "warn", destination: 2 });
  const engine = createEngine(file, "check", log);
  try {
    // The compiler is a program of its own: it runs beside the load.
    const types = flags.types ? typeCheck(file) : undefined;
    const loaded = await engine.source.load();
    const typed = await types;
    const issues: ConfigIssue[] = typed?.kind === "checked" ? [...typed.issues] : [];
    const notes: string[] = [];
    if (typed?.kind === "unavailable")
      notes.push("types not checked: typescript is not installed here");
    if (typed?.kind === "failed") notes.push(`types not checked: ${typed.message}`);

    let summary: ConfigSummary | undefined;
    if (loaded.kind === "failed") {
      if (flags.json !== true) {
        terminal.err(formatReport(loaded.report, { colour: terminal.errColor, cwd }));
      }
      issues.unshift(...loaded.report.issues);
    } else if (loaded.kind === "loaded") {
      issues.push(...(await checkLoaded(loaded.loaded, engine, log)));
      summary = summaryOf(loaded.loaded.config);
      notes.push(...notesOf(loaded.loaded));
    }
    const result: CheckResult = { ok: issues.length === 0, file, issues, notes, summary };
    const shown = loaded.kind === "failed" ? issues.slice(loaded.report.issues.length) : issues;
    if (flags.json === true) terminal.out(JSON.stringify(result, null, 2));
    else print(terminal, cwd, result, shown);
    return result.ok ? 0 : 2;
  } finally {
    await engine.source.close();
    log.close();
  }
}

/**
 * What only shows once the config is put to work: as `start` does, but without plugins' set-up and listeners, and with a
 * `dataDir` that is gone afterwards: a check leaves no authority, account or secret behind.
 */
async function checkLoaded(
  loaded: LoadedConfig,
  engine: Engine,
  log: RootLog,
): Promise<ConfigIssue[]> {
  const issues = deadRouteIssues(loaded);
  const dataDir = await mkdtemp(join(tmpdir(), "gatewright-check-"));
  try {
    const provisioned = await engine.provision({
      loaded: { ...loaded, config: { ...loaded.config, dataDir } },
      log,
      resources: createResourceRegistry(log),
      lease: { acquire() {}, release() {} },
      waitUntil() {},
    });
    await provisioned.dispose();
  } catch (error) {
    issues.push(...withPlaces(toPrepareIssues(error), loaded.config.file));
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  loaded.slot.retire();
  return issues;
}

function routeTable({ config }: LoadedConfig): RouteTable<string> {
  return createRouteTable(config.routes.map((route) => ({ ...route, payload: route.name })));
}

function deadRouteIssues(loaded: LoadedConfig): ConfigIssue[] {
  const { file, routes } = loaded.config;
  const dead = routeTable(loaded).deadRoutes();
  if (dead.length === 0) return [];
  const issues = dead.map(({ index, coveredBy }) => {
    const takers = coveredBy.map((route) => `routes[${route.index}] (${route.name})`).join(" and ");
    // Routes with nothing but `when` come after all others, wherever they stand.
    const isLast = coveredBy.every((route) => route.index > index);
    return {
      path: `routes[${index}]`,
      message: `No request reaches ${routes[index]?.name ?? "this route"}: ${takers} ${coveredBy.length === 1 ? "takes" : "take"} them all.`,
      fix: isLast
        ? "A route with nothing but `when` is tried after all others: give it a path, or narrow the others."
        : "Move it before, or remove it.",
    };
  });
  return [...withPlaces(issues, file)];
}

function notesOf(loaded: LoadedConfig): string[] {
  const count = routeTable(loaded).functionOnlyCount;
  if (count === 0) return [];
  return [
    `${count === 1 ? "1 route has" : `${count} routes have`} nothing but a function: tried one by one, after all others`,
  ];
}

function print(
  terminal: Terminal,
  cwd: string,
  result: CheckResult,
  shown: readonly ConfigIssue[],
): void {
  const style = { colour: terminal.errColor, cwd };
  for (const issue of shown) terminal.err(`\n${formatIssue(issue, style)}`);
  const paint = createPaint(terminal.outColor);
  for (const note of result.notes) terminal.err(`${result.ok ? "" : "\n"}note: ${note}`);
  if (!result.ok) {
    terminal.err(
      `\n${result.issues.length} ${result.issues.length === 1 ? "issue" : "issues"} in ${shownPath(cwd, result.file)}`,
    );
    return;
  }
  const { summary } = result;
  if (summary === undefined) return;
  const list = (names: readonly string[]): string =>
    names.length === 0 ? "" : ` (${names.join(", ")})`;
  terminal.out(
    `${paint("green", "ok")} ${shownPath(cwd, result.file)}: ${counted(summary.routes, "route")}, ` +
      `${counted(summary.upstreams.length, "upstream")}${list(summary.upstreams)}, ` +
      `${counted(summary.hooks.length, "hook")}${list(summary.hooks)}, ` +
      `${counted(summary.plugins.length, "plugin")}${list(summary.plugins)}`,
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
