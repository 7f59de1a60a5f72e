import { readFrame, readSource } from "../config/code-frame.ts";
import type { ConfigIssue } from "../config/issue.ts";
import type { LoadedConfig } from "../config/load.ts";
import { createOptionPlaces } from "../config/option-place.ts";
import { formatIssue, formatReport } from "../config/report.ts";
import { typeCheck } from "../config/type-check.ts";
import { toPrepareIssues } from "../generation/prepare-error.ts";
import { createResourceRegistry } from "../generation/resources.ts";
import { createLog, type RootLog } from "../log.ts";
import { findConfig, shownPath } from "./config-file.ts";
import { createEngine, type Engine } from "./engine.ts";
import { findDeadRoutes, hasOnlyFunction } from "./route-check.ts";
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
  readonly summary: Summary | undefined;
}

interface Summary {
  readonly listeners: number;
  readonly routes: number;
  readonly upstreams: readonly string[];
  readonly plugins: readonly string[];
  readonly hooks: readonly string[];
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

    let summary: Summary | undefined;
    if (loaded.kind === "failed") {
      if (flags.json !== true) {
        terminal.err(formatReport(loaded.report, { colour: terminal.errColor, cwd }));
      }
      issues.unshift(...loaded.report.issues);
    } else if (loaded.kind === "loaded") {
      issues.push(...(await checkLoaded(loaded.loaded, engine, log)));
      summary = summaryOf(loaded.loaded);
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

/** What only shows once the config is put to work: as `start` does, but without plugins' set-up and listeners. */
async function checkLoaded(
  loaded: LoadedConfig,
  engine: Engine,
  log: RootLog,
): Promise<ConfigIssue[]> {
  const issues = deadRouteIssues(loaded);
  try {
    const provisioned = await engine.provision({
      loaded,
      log,
      resources: createResourceRegistry(log),
      lease: { acquire() {}, release() {} },
      waitUntil() {},
    });
    await provisioned.dispose();
  } catch (error) {
    issues.push(...toPrepareIssues(error));
  }
  loaded.slot.retire();
  return issues;
}

function deadRouteIssues({ config }: LoadedConfig): ConfigIssue[] {
  const dead = findDeadRoutes(config.routes);
  if (dead.length === 0) return [];
  const places = createOptionPlaces(config.file, readSource(config.file) ?? "");
  return dead.map(({ route, takenBy }) => {
    const place = places.find(["routes", route.index]);
    const frame = place === undefined ? undefined : readFrame(place);
    return {
      path: `routes[${route.index}]`,
      message: `No request reaches this route: routes[${takenBy.index}] (${takenBy.name}) takes them all.`,
      fix: hasOnlyFunction(route)
        ? "Routes with nothing but `when` come after all others: give it a path, or narrow the other one."
        : `Move it before routes[${takenBy.index}], or remove it.`,
      ...(place === undefined ? {} : { place }),
      ...(frame === undefined ? {} : { frame }),
    };
  });
}

function notesOf({ config }: LoadedConfig): string[] {
  const count = config.routes.filter(hasOnlyFunction).length;
  if (count === 0) return [];
  return [
    `${count === 1 ? "1 route has" : `${count} routes have`} nothing but a function: tried one by one, after all others`,
  ];
}

function summaryOf({ config }: LoadedConfig): Summary {
  return {
    listeners: config.listen.length,
    routes: config.routes.length,
    upstreams: [...config.upstreams.keys()],
    plugins: config.plugins.map((plugin) => plugin.name),
    hooks: Object.keys(config.hooks),
  };
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
