import type { AccessRecord, WafMatch } from "@gatewright/sdk";

import { systemClock, type Clock } from "./clock.ts";
import { escapeLiveControls, type RootLog } from "./log.ts";

/**
 * One JSON line for each finished request, at level info, beside the lines of {@link Log} and in their form.
 *
 * Built by hand: this runs for every request, and a general serializer costs several times as much. `path` and
 * `referer` come redacted (`redactTarget`, `redactUrl`), because hooks see the record as well.
 */
export function createAccessLog(
  log: RootLog,
  clock: Clock = systemClock,
): (record: AccessRecord) => void {
  const stamp = createTimeStamp();
  return (record) => {
    if (!log.writes("info")) return;
    log.writeLine(toLine(record, stamp(clock.now())));
  };
}

function toLine(record: AccessRecord, time: string): string {
  const { times } = record;
  let line =
    `{"level":"info","time":"${time}","msg":"request","id":${text(record.id)}` +
    `,"client":"${record.client}","method":${text(record.method)}` +
    `,"scheme":"${record.scheme}","host":${text(record.host)},"path":${text(record.path)}` +
    `,"protocol":"${record.protocol}","status":${record.status},"outcome":"${record.outcome}"` +
    `,"requestBytes":${record.requestBytes},"responseBytes":${record.responseBytes}` +
    `,"times":{"total":${milliseconds(times.total)},"hooks":${milliseconds(times.hooks)}` +
    `,"upstream":${milliseconds(times.upstream)}}` +
    `,"route":${optionalText(record.route)},"upstream":${optionalText(record.upstream)}` +
    `,"generation":${record.generation},"cache":${optionalText(record.cache)},"score":${record.score},"attempts":${record.attempts}`;
  if (record.notStored !== undefined) line += `,"notStored":"${record.notStored}"`;
  if (record.target !== undefined) line += `,"target":${text(record.target)}`;
  if (record.error !== undefined) line += `,"error":"${record.error}"`;
  if (record.scoredBy !== undefined) line += `,"scoredBy":[${record.scoredBy.map(text).join()}]`;
  if (record.reason !== undefined) line += `,"reason":${text(record.reason)}`;
  if (record.waf !== undefined) line += `,"waf":[${record.waf.map(matchText).join()}]`;
  if (record.userAgent !== undefined) line += `,"userAgent":${text(record.userAgent)}`;
  if (record.referer !== undefined) line += `,"referer":${text(record.referer)}`;
  return `${line}}\n`;
}

/** What a rule means is in the docs: its id, its points and where it matched what are enough. */
function matchText({ rule, points, place, text: matched, phase }: WafMatch): string {
  return `{"rule":${text(rule)},"points":${points},"phase":"${phase}","place":${text(place)},"text":${text(matched)}}`;
}

/** What JSON must escape, what a terminal might obey, and surrogates, which may be lone. */
// oxlint-disable-next-line no-control-regex -- these are what must be found
const NEEDS_ESCAPE = /["\\\u0000-\u001F\u007F-\u009F\u2028\u2029\uD800-\uDFFF]/;

function text(value: string): string {
  if (!NEEDS_ESCAPE.test(value)) return `"${value}"`;
  return escapeLiveControls(JSON.stringify(value));
}

function optionalText(value: string | undefined): string {
  return value === undefined ? "null" : text(value);
}

/** Thousandths, without the cost of printing a double. */
function milliseconds(ms: number): string {
  const microseconds = Math.round(ms * 1000);
  if (!(microseconds > 0)) return "0";
  const whole = Math.trunc(microseconds / 1000);
  const fraction = microseconds - whole * 1000;
  if (fraction === 0) return String(whole);
  return `${whole}.${fraction < 10 ? "00" : fraction < 100 ? "0" : ""}${fraction}`;
}

/** ISO 8601 with milliseconds; date and second are printed once a second. */
function createTimeStamp(): (now: number) => string {
  let second = -1;
  let prefix = "";
  return (now) => {
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      prefix = new Date(current * 1000).toISOString().slice(0, 20);
    }
    const rest = now - current * 1000;
    return `${prefix}${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}Z`;
  };
}
