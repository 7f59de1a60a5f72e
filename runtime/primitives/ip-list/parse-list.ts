import { IPV4, NO_IP, parseIp, type IpFamily, type IpWords } from "../../http/ip-address.ts";
import { piecesOf, type ListText } from "./list-text.ts";
import type { RangeBuilder } from "./range-table.ts";

/** What a list's text holds. */
export interface ParsedList {
  readonly entries: number;
  readonly invalid: number;
}

const LINES_A_STEP = 256;
const MAX_LINE = 4096;
const words = new Uint32Array(4);

/**
 * Reads a list line by line into a builder: addresses, CIDR ranges, `first-last`, with `#` and `;` comments (FireHOL,
 * Spamhaus DROP), `add SET ENTRY` (ipset save), JSON lines with `cidr` or `ip`, or a column of CSV. Never throws; lines
 * that are none of these are counted.
 */
export class ListReader {
  readonly #column: number | undefined;
  readonly #builder: RangeBuilder;
  readonly #counts = { entries: 0, invalid: 0 };
  /** Of a line that goes on in the next piece. */
  #rest = "";

  constructor(column: number | undefined, builder: RangeBuilder) {
    this.#column = column;
    this.#builder = builder;
  }

  /** Takes what comes next. */
  *read(bytes: Uint8Array): Generator<void, void> {
    let lines = 0;
    for (const piece of piecesOf([bytes])) {
      let start = 0;
      for (let end = piece.indexOf("\n"); end !== -1; end = piece.indexOf("\n", start)) {
        this.#addLine(this.#rest + piece.slice(start, end));
        this.#rest = "";
        start = end + 1;
        lines += 1;
        if (lines % LINES_A_STEP === 0) yield;
      }
      // Of a line that is too long nothing matters but that it is.
      this.#rest = (this.#rest + piece.slice(start)).slice(0, MAX_LINE + 1);
      yield;
    }
  }

  /** The last line may have no end. */
  end(): ParsedList {
    if (this.#rest !== "") this.#addLine(this.#rest);
    this.#rest = "";
    return this.#counts;
  }

  #addLine(line: string): void {
    const entry = line.length > MAX_LINE ? "?" : entryOf(line, this.#column);
    if (entry === "") return;
    if (addEntry(entry, this.#builder)) this.#counts.entries += 1;
    else this.#counts.invalid += 1;
  }
}

/** A whole list. */
export function* parseList(
  text: ListText,
  column: number | undefined,
  builder: RangeBuilder,
): Generator<void, ParsedList> {
  const reader = new ListReader(column, builder);
  for (const bytes of text) yield* reader.read(bytes);
  return reader.end();
}

/** Entries that are at hand one by one. */
export function* addEntries(
  entries: Iterable<string>,
  builder: RangeBuilder,
): Generator<void, ParsedList> {
  const counts = { entries: 0, invalid: 0 };
  let seen = 0;
  for (const entry of entries) {
    if (addEntry(entry, builder)) counts.entries += 1;
    else counts.invalid += 1;
    seen += 1;
    if (seen % LINES_A_STEP === 0) yield;
  }
  return counts;
}

/** One address or range. The family, with the bits of its prefix in `prefix.bits`; 0 if it is none. */
export function parseRange(text: string, into: IpWords, prefix: { bits: number }): IpFamily {
  const slash = text.indexOf("/");
  const base = slash === -1 ? text : text.slice(0, slash);
  const family = parseIp(base, into);
  if (family === NO_IP) return NO_IP;
  const width = family === IPV4 ? 32 : 128;
  if (slash === -1) {
    prefix.bits = width;
    return family;
  }
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits)) return NO_IP;
  // A prefix of a mapped address counts the 96 bits before it.
  const isMapped = family === IPV4 && base.includes(":");
  prefix.bits = Number(digits) - (isMapped ? 96 : 0);
  return prefix.bits >= 0 && prefix.bits <= width ? family : NO_IP;
}

const prefix = { bits: 0 };

function addEntry(entry: string, builder: RangeBuilder): boolean {
  const dash = entry.indexOf("-");
  if (dash !== -1) {
    if (parseIp(entry.slice(0, dash), words) !== IPV4) return false;
    const first = words[0] as number;
    if (parseIp(entry.slice(dash + 1), words) !== IPV4) return false;
    return builder.addIpv4Span(first, words[0] as number);
  }
  const family = parseRange(entry, words, prefix);
  if (family === NO_IP) return false;
  builder.add(family, words, prefix.bits);
  return true;
}

function entryOf(line: string, column: number | undefined): string {
  if (column !== undefined) {
    if (line.startsWith("#")) return "";
    return (line.split(",")[column] ?? "").trim().replace(/^"|"$/g, "");
  }
  const trimmed = line.trim();
  if (trimmed.startsWith("{")) return jsonEntry(trimmed);
  const comment = trimmed.search(/[#;]/);
  const bare = comment === -1 ? trimmed : trimmed.slice(0, comment).trim();
  if (bare.startsWith("add ")) return bare.split(/\s+/)[2] ?? "";
  return bare.startsWith("create ") ? "" : (bare.split(/\s/)[0] ?? "");
}

function jsonEntry(line: string): string {
  try {
    const { cidr, ip, type } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    // Spamhaus ends its lists with a line about the list.
    if (type === "metadata") return "";
    const entry = cidr ?? ip;
    return typeof entry === "string" ? entry : "?";
  } catch {
    return "?";
  }
}
