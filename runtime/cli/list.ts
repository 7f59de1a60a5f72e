import { isIP } from "node:net";

import type { ListDetails, ListStatus } from "../generation/list-requests.ts";
import { findAdmin, type AdminPlace } from "./admin-place.ts";
import { askAdmin, reportRefusal, type AdminAnswer } from "./ask-admin.ts";
import { UsageError, type ExitCode, type Terminal } from "./terminal.ts";

export interface ListFlags {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly for?: string;
  readonly has?: string;
  readonly json?: boolean;
  readonly admin?: string;
  readonly config?: string;
}

/** Looks at the IP lists of the proxy that runs, or changes one. */
export async function runList(
  terminal: Terminal,
  cwd: string,
  name: string | undefined,
  flags: ListFlags,
): Promise<ExitCode> {
  checkUsage(name, flags);
  const place = await findAdmin(terminal, cwd, flags);
  if (place === undefined) return 2;
  const answer = await ask(terminal, place, name, flags);
  if (answer === undefined) return 1;
  if (answer.status !== 200) {
    reportRefusal(terminal, place, answer);
    return answer.status === 400 || answer.status === 404 ? 2 : 1;
  }
  if (flags.json === true) terminal.out(JSON.stringify(answer.content, null, 2));
  else for (const line of linesOf(name, flags, answer.content)) terminal.out(line);
  return flags.has !== undefined && answer.content["has"] !== true ? 1 : 0;
}

function checkUsage(name: string | undefined, { add, remove, has, ...flags }: ListFlags): void {
  const changes = (add.length > 0 ? 1 : 0) + (remove.length > 0 ? 1 : 0);
  if (name === undefined && (changes > 0 || has !== undefined)) {
    throw new UsageError("Say which list: gatewright list NAME.");
  }
  if (changes + (has === undefined ? 0 : 1) > 1) {
    throw new UsageError("Use one of --add, --remove and --has at a time.");
  }
  if (has !== undefined && isIP(has) === 0) {
    throw new UsageError(`--has ${has} is no IP address: 203.0.113.7 or 2001:db8::7.`);
  }
  if (flags.for !== undefined && changes === 0) {
    throw new UsageError("--for goes with --add and --remove.");
  }
}

function ask(
  terminal: Terminal,
  place: AdminPlace,
  name: string | undefined,
  { add, remove, has, for: time }: ListFlags,
): Promise<AdminAnswer | undefined> {
  if (name === undefined) return askAdmin(terminal, place, "GET", "/api/lists");
  const path = `/api/lists/${encodeURIComponent(name)}`;
  const forTime = time === undefined ? {} : { for: time };
  if (add.length > 0) {
    return askAdmin(terminal, place, "POST", path, { range: add, ...forTime });
  }
  const query = new URLSearchParams(forTime);
  if (has !== undefined) query.append("address", has);
  for (const range of remove) query.append("range", range);
  const target = query.size === 0 ? path : `${path}?${query.toString()}`;
  return askAdmin(terminal, place, remove.length > 0 ? "DELETE" : "GET", target);
}

function linesOf(
  name: string | undefined,
  flags: ListFlags,
  content: Readonly<Record<string, unknown>>,
): string[] {
  if (name === undefined) {
    const { lists } = content as unknown as { readonly lists: readonly ListStatus[] };
    return lists.length === 0 ? ["The live config has no lists."] : lists.map(lineOf);
  }
  if (flags.has !== undefined) {
    return [`${flags.has} is ${content["has"] === true ? "" : "not "}on ${name}`];
  }
  const list = content as unknown as ListDetails;
  const lines = [lineOf(list)];
  const entries = [
    ...(list.addedRanges ?? []).map((entry) => ({ sign: "+", ...entry })),
    ...(list.removedRanges ?? []).map((entry) => ({ sign: "-", ...entry })),
  ];
  for (const { sign, range, until } of entries) {
    lines.push(`  ${sign} ${range}${until === undefined ? "" : ` until ${until}`}`);
  }
  return lines;
}

function lineOf({ name, kind, mode, source, ranges, added, removed, problem }: ListStatus): string {
  const facts = [
    kind === "allow" ? "allows" : `blocks (${mode})`,
    `${ranges} ${ranges === 1 ? "range" : "ranges"} (${source})`,
    `${added} added`,
    `${removed} removed`,
    ...(problem === undefined ? [] : [`not up to date: ${problem}`]),
  ];
  return `${name}: ${facts.join(", ")}`;
}
