import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Timer, TimerClock } from "../../clock.ts";
import { NO_IP, parseIp, type IpFamily, type IpWords } from "../../http/ip-address.ts";
import type { Log } from "../../log.ts";
import { toListText, type ListText } from "./list-text.ts";
import { parseDecisions } from "./parse-decisions.ts";
import { addEntries, ListReader, parseList, parseRange, type ParsedList } from "./parse-list.ts";
import { inSlices, RangeBuilder, type RangeTable } from "./range-table.ts";
import { NONE, TimedRanges } from "./timed-ranges.ts";

export type IpListSource =
  | { readonly kind: "inline" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | {
      readonly kind: "crowdsec";
      readonly url: string;
      readonly key: string;
      readonly types: readonly string[];
    };

export interface IpListTerms {
  readonly name: string;
  readonly ranges: readonly string[];
  readonly source: IpListSource;
  readonly column: number | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** A list from a URL that is smaller by more than this share is refused. */
  readonly maxShrink: number;
}

export interface FetchedText {
  readonly status: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  readonly text: ListText;
}

/** Rejects for what is no answer, too large or too late. */
export type FetchText = (
  url: string,
  fields: Readonly<Record<string, string>>,
  limits: { readonly timeoutMs: number; readonly maxBytes: number; readonly signal: AbortSignal },
) => Promise<FetchedText>;

export type WatchFile = (onChange: () => void) => {
  update(files: readonly string[], folders: readonly string[]): void;
  close(): void;
};

export interface IpListOptions {
  readonly terms: IpListTerms;
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: TimerClock;
  readonly fetchText: FetchText;
  readonly watchFile: WatchFile | undefined;
  /** For jitter. Default: chance. */
  readonly random?: () => number;
}

/** An entry that was made at run time. */
export interface TimedEntry {
  readonly range: string;
  /** Absent: it ends with the process. */
  readonly until?: string;
}

export interface IpListStatus {
  readonly source: IpListSource["kind"];
  readonly ranges: number;
  readonly added: number;
  readonly removed: number;
  readonly updated?: string;
  readonly problem?: string;
}

interface LastGood {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

const JITTER = 0.1;
const VALUES_A_STEP = 1024;
/** An empty file is looked at again after this time. */
const EMPTY_FILE_MS = 200;
const NOTHING: ParsedList = { entries: 0, invalid: 0 };
const PIECE_BYTES = 65_536;
const NEWLINE = 10;
const EMPTY: RangeTable = {
  size: 0,
  has: () => false,
  touches: () => false,
  release() {},
};
const words = new Uint32Array(4);
const prefix = { bits: 0 };

/** One list of addresses, kept up to date from its source. Lives on over reloads that leave its source alone. */
export class IpList {
  readonly name: string;
  readonly #options: IpListOptions;
  readonly #added = new TimedRanges();
  readonly #removed = new TimedRanges();
  readonly #ended = new AbortController();
  #decisions = new Set<string>();
  /** What changed since the last answer is not enough: there was none, or it was lost. */
  #needsAllDecisions = true;
  #table: RangeTable = EMPTY;
  /** Of the source, before ranges were merged. */
  #entries = 0;
  #validators: LastGood = {};
  #timer: Timer | undefined;
  #watch: ReturnType<WatchFile> | undefined;
  #loading: Promise<void> = Promise.resolve();
  #started = false;
  #updatedAt: number | undefined;
  #problem: string | undefined;

  constructor(options: IpListOptions) {
    this.#options = options;
    this.name = options.terms.name;
  }

  /** Ranges of the source, and those that were added at run time. */
  get size(): number {
    return this.#table.size + this.#added.size;
  }

  has(family: IpFamily, address: IpWords): boolean {
    if (this.#added.size + this.#removed.size > 0) {
      const now = this.#options.clock.monotonic();
      const added = this.#added.longest(family, address, now);
      const removed = this.#removed.longest(family, address, now);
      // The narrower range of the two is the one that was meant.
      if (added !== removed) return added > removed;
    }
    return this.#table.has(family, address);
  }

  /** What was added at run time, as many as `most`. */
  added(most: number): TimedEntry[] {
    return this.#entriesOf(this.#added, most);
  }

  removed(most: number): TimedEntry[] {
    return this.#entriesOf(this.#removed, most);
  }

  #entriesOf(timed: TimedRanges, most: number): TimedEntry[] {
    const { clock } = this.#options;
    const now = clock.monotonic();
    return timed.entries(now, most).map(({ range, until }) => {
      if (until === Infinity) return { range };
      return { range, until: new Date(clock.now() + until - now).toISOString() };
    });
  }

  status(): IpListStatus {
    const now = this.#options.clock.monotonic();
    return {
      source: this.#options.terms.source.kind,
      ranges: this.#table.size,
      added: this.#added.count(now),
      removed: this.#removed.count(now),
      ...(this.#updatedAt === undefined
        ? {}
        : { updated: new Date(this.#updatedAt).toISOString() }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  hasAddress(text: string): boolean {
    const family = parseIp(text, words);
    return family !== NO_IP && this.has(family, words);
  }

  /** Until the time is over, or the process ends. False if it is no range or there is no room. */
  add(range: string, forMs: number | undefined): boolean {
    const now = this.#options.clock.monotonic();
    this.#removed.remove(range);
    return this.#added.add(range, forMs === undefined ? Infinity : now + forMs, now);
  }

  /**
   * Takes back what was added, and passes over what the source says. One that the source has nothing of needs no entry of
   * its own: programs that add and remove for months fill nothing.
   */
  remove(range: string, forMs: number | undefined): boolean {
    const now = this.#options.clock.monotonic();
    if (this.#added.remove(range) && !this.#mayHavePartOf(range, now)) return true;
    return this.#removed.add(range, forMs === undefined ? Infinity : now + forMs, now);
  }

  #mayHavePartOf(range: string, now: number): boolean {
    const family = parseRange(range, words, prefix);
    if (family === NO_IP) return false;
    return (
      this.#added.longest(family, words, now) !== NONE ||
      this.#table.touches(family, words, prefix.bits)
    );
  }

  /** First load. Rejects for a file that cannot be read; a URL that does not answer is tried again later. */
  async start(): Promise<void> {
    const { terms, watchFile } = this.#options;
    const { source } = terms;
    if (source.kind === "inline") {
      await this.#build();
    } else if (source.kind === "file") {
      await this.#loadFile(source.path);
      this.#noteUpdate();
      this.#watch = watchFile?.(() => this.#refreshLater());
      this.#watch?.update([source.path], []);
    } else {
      await this.#build();
      const hasOld = source.kind === "url" && (await this.#loadLastGood());
      const first = this.refresh();
      // Nothing to go on with: worth waiting for, and the time is bounded by the fetch's own.
      if (!hasOld) await first;
      else void first;
      this.#schedule();
    }
    this.#started = true;
  }

  /** Looks at the source now. Never rejects: what is there stays where it fails. */
  refresh(): Promise<void> {
    this.#loading = this.#loading.then(async () => {
      const { source, name } = this.#options.terms;
      if (this.#ended.signal.aborted) return;
      try {
        if (source.kind === "file") await this.#loadFile(source.path);
        else if (source.kind === "url") await this.#loadUrl(source.url);
        else if (source.kind === "crowdsec") await this.#loadDecisions(source);
        this.#noteUpdate();
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        this.#problem = error instanceof Error ? error.message : "It could not be updated.";
        this.#options.log.warn(
          { list: name, ranges: this.size, error },
          "an IP list could not be updated; it stays as it is",
        );
      }
    });
    return this.#loading;
  }

  #noteUpdate(): void {
    this.#updatedAt = this.#options.clock.now();
    this.#problem = undefined;
  }

  close(): void {
    this.#ended.abort();
    this.#timer?.clear();
    this.#watch?.close();
  }

  #refreshLater(): void {
    if (this.#started) void this.refresh();
  }

  #schedule(): void {
    const { random = Math.random } = this.#options;
    const spread = 1 + JITTER * (random() * 2 - 1);
    this.#timer = this.#options.clock.setTimer(() => {
      void this.refresh().then(() => {
        if (!this.#ended.signal.aborted) this.#schedule();
      });
    }, this.#options.terms.intervalMs * spread);
  }

  async #loadFile(path: string): Promise<void> {
    if (this.#entries > 0 && (await stat(path)).size === 0) {
      // Who saves in place empties the file first: that moment must block nobody and let nobody in.
      await new Promise((resolve) => setTimeout(resolve, EMPTY_FILE_MS));
    }
    await this.#build(
      (builder) => this.#readFile(path, this.#options.terms.maxBytes, builder),
      (found) => this.#check(found, 0),
    );
  }

  async #loadUrl(url: string): Promise<void> {
    const { etag, lastModified } = this.#validators;
    const answer = await this.#fetch(url, {
      ...(etag === undefined ? {} : { "if-none-match": etag }),
      ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
    });
    if (answer.status === 304) return;
    if (answer.status !== 200) throw new Error(`the list's server answers ${answer.status}`);
    const { column } = this.#options.terms;
    await this.#build(
      (builder) => inSlices(parseList(answer.text, column, builder)),
      (found) => this.#check(found, this.#entries),
    );
    this.#validators = { etag: answer.etag, lastModified: answer.lastModified };
    await this.#saveLastGood(answer.text);
  }

  /** All decisions at first and after a failure, else what changed since the last time we asked. */
  async #loadDecisions({
    url,
    key,
    types,
  }: Extract<IpListSource, { kind: "crowdsec" }>): Promise<void> {
    const takesAll = this.#needsAllDecisions;
    const target = `${url.replace(/\/+$/, "")}/v1/decisions/stream?startup=${takesAll}&scopes=ip,range`;
    this.#needsAllDecisions = true;
    const answer = await this.#fetch(target, { "x-api-key": key });
    if (answer.status !== 200) throw new Error(`CrowdSec answers ${answer.status}`);
    const added: string[] = [];
    const deleted: string[] = [];
    await inSlices(
      parseDecisions(answer.text, types, (change, value) =>
        (change === "new" ? added : deleted).push(value),
      ),
    );
    if (takesAll) this.#decisions = new Set();
    // First what ends: who was banned again stays banned.
    await inSlices(each(deleted, (value) => this.#decisions.delete(value)));
    await inSlices(each(added, (value) => this.#decisions.add(value)));
    if (takesAll || added.length + deleted.length > 0) {
      await this.#build((builder) => inSlices(addEntries(this.#decisions, builder)));
    }
    this.#needsAllDecisions = false;
  }

  async #fetch(url: string, fields: Readonly<Record<string, string>>): Promise<FetchedText> {
    const { timeoutMs, maxBytes } = this.#options.terms;
    const all = { "user-agent": "gatewright/1", ...fields };
    return this.#options.fetchText(url, all, {
      timeoutMs,
      maxBytes,
      signal: this.#ended.signal,
    });
  }

  /** A text that is mostly no list is refused; so is one that lost too much of what was there `before`. */
  #check({ entries, invalid }: ParsedList, before: number): void {
    if (invalid > entries) {
      throw new Error(`${invalid} of ${invalid + entries} lines are no addresses`);
    }
    // Entries as written: neighbours that are merged would hide how much is missing.
    if (entries < before * (1 - this.#options.terms.maxShrink)) {
      throw new Error(
        `the list went from ${before} to ${entries} entries, which maxShrink refuses`,
      );
    }
  }

  async #build(
    fill?: (builder: RangeBuilder) => Promise<ParsedList>,
    check?: (found: ParsedList) => void,
  ): Promise<void> {
    const { ranges, name } = this.#options.terms;
    const builder = new RangeBuilder();
    await inSlices(addEntries(ranges, builder));
    const found = fill === undefined ? NOTHING : await fill(builder);
    check?.(found);
    const table = await inSlices(builder.finish());
    const before = this.#table;
    this.#table = table;
    this.#entries = found.entries;
    before.release();
    this.#options.log.debug(
      { list: name, ranges: table.size, invalid: found.invalid },
      "an IP list is loaded",
    );
  }

  /** Piece by piece through one buffer: a large file is never in memory as a whole. */
  async #readFile(
    path: string,
    maxBytes: number,
    builder: RangeBuilder,
    takeHead?: (line: string) => void,
  ): Promise<ParsedList> {
    const reader = new ListReader(this.#options.terms.column, builder);
    const buffer = new Uint8Array(PIECE_BYTES);
    const file = await open(path);
    try {
      let bytes = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length);
        if (bytesRead === 0) return reader.end();
        const isFirst = bytes === 0;
        bytes += bytesRead;
        if (bytes > maxBytes) throw new Error(`${path} is larger than maxSize`);
        const piece = buffer.subarray(0, bytesRead);
        await inSlices(
          reader.read(isFirst && takeHead !== undefined ? withoutHead(piece, takeHead) : piece),
        );
      }
    } finally {
      await file.close();
    }
  }

  get #lastGoodFile(): string {
    const { name, source } = this.#options.terms;
    const digest = createHash("sha256")
      .update(JSON.stringify([name, source]))
      .digest("hex");
    return join(this.#options.dataDir, "lists", `${digest.slice(0, 32)}.list`);
  }

  async #loadLastGood(): Promise<boolean> {
    try {
      let validators: LastGood = {};
      await this.#build(
        (builder) =>
          this.#readFile(this.#lastGoodFile, Infinity, builder, (line) => {
            validators = JSON.parse(line) as LastGood;
          }),
        (found) => this.#check(found, 0),
      );
      this.#validators = validators;
      return true;
    } catch {
      // None yet, or half a file: the source is asked anyway.
      return false;
    }
  }

  async #saveLastGood(text: ListText): Promise<void> {
    const file = this.#lastGoodFile;
    const draft = `${file}.${randomBytes(6).toString("hex")}`;
    const head = toListText(`${JSON.stringify(this.#validators)}\n`);
    await mkdir(join(this.#options.dataDir, "lists"), { recursive: true, mode: 0o700 });
    await writeFile(draft, [...head, ...text], { mode: 0o600 });
    await rename(draft, file);
  }
}

function withoutHead(piece: Uint8Array, takeHead: (line: string) => void): Uint8Array {
  const end = piece.indexOf(NEWLINE);
  if (end === -1) throw new Error("the first line has no end");
  takeHead(Buffer.from(piece.subarray(0, end)).toString("latin1"));
  return piece.subarray(end + 1);
}

function* each<T>(values: readonly T[], run: (value: T) => void): Generator<void, void> {
  for (let at = 0; at < values.length; at++) {
    run(values[at] as T);
    if (at % VALUES_A_STEP === 0) yield;
  }
}
