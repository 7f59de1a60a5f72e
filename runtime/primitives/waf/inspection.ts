// Over 400 lines: values are counted, remembered and judged in one place, and apart nobody could check that what is
// skipped was looked at before.
import { isNamed, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import { isNoBase64, mayBeBase64 } from "./base64.ts";
import { NEW, UNKNOWN, type CleanTable } from "./clean-values.ts";
import type { KnownFields, Probe, ProbeSet, RuleSet } from "./compile.ts";
import { characterClasses, literalGroups, noteScan } from "./detect/characters.ts";
import { isPlainUrl } from "./detect/plain-url.ts";
import { isExcluded, type Exclusion } from "./exclusion.ts";
import { maskedText } from "./masked.ts";
import { EVERY, passesFilter, type Hit } from "./operator.ts";
import { readContent } from "./parse/content.ts";
import { readCookies } from "./parse/cookies.ts";
import { fieldText } from "./parse/field-text.ts";
import { readForm } from "./parse/form.ts";
import { mayBeNestedJson, readNestedJson } from "./parse/nested-json.ts";
import type { WafCollection, WafRule } from "./rule.ts";
import { hasBadPercent, urlDecode } from "./percent.ts";
import { ENCODING, isDecoded } from "./transform.ts";
import type { Anomaly, InspectBounds, ScannedText, ValueSink } from "./values.ts";
import { Variants } from "./variants.ts";

/** The head of a request, as it came. */
export interface RequestHead {
  readonly method: string;
  readonly protocol: string;
  readonly rawPath: string;
  /** With `?`, or empty. */
  readonly rawSearch: string;
  /** The one normalised path, which exclusions go by. Default: `rawPath`, decoded. */
  readonly path?: string | undefined;
  readonly fields: ReadonlyRawFields;
}

/** A response, as far as it is looked at. */
export interface ResponseBeginning {
  readonly status: number;
  readonly fields: ReadonlyRawFields;
  /** The content's beginning, its codings taken off. */
  readonly text: string;
}

/** A rule that matched. */
export interface WafMatch {
  readonly rule: WafRule;
  readonly points: number;
  /** `ARGS_GET:q`. */
  readonly place: string;
  /** What matched, shortened and masked. */
  readonly text: string;
}

const DATA_URL = /^data:[\w.+/-]{1,80};base64,/;
const BASE64_TEXT = /^[A-Za-z0-9+/_-]*={0,2}$/;
const MAX_BASE64_LOOK = 4096;
/** Values up to this length are looked up among those known to be clean; longer ones are rarely the same twice. */
const MAX_KNOWN_LENGTH = 512;
/** Pieces of a long text share this much, so that a sign between two of them is seen. */
const PIECE_OVERLAP = 512;
/** JSON in a text in JSON: so many of them are taken apart. */
const MAX_NESTING = 3;
const variantsOf = new WeakMap<RuleSet, Variants>();

/** What is known about one request so far. */
export class Inspection implements ValueSink {
  readonly matches: WafMatch[] = [];
  readonly bounds: InspectBounds;
  /** Sum of the points of all matches. */
  score = 0;
  isFull = false;
  /** Anything was found since this was last cleared, excluded or not. */
  #isHit = false;
  readonly #ruleSet: RuleSet;
  readonly #exclude: readonly Exclusion[];
  readonly #variants: Variants;
  #path: string;
  #values = 0;
  #nesting = 0;
  /** Collection, name, value: what `work` has to look at, from `#next` on. */
  #waiting: string[] | undefined;
  #next = 0;
  /** Bits of conditions that hold, by rule; made when a rule has several. */
  #held: Int32Array | undefined;
  #matched: Set<number> | undefined;
  #counts: Map<string, number> | undefined;

  constructor(
    ruleSet: RuleSet,
    exclude: readonly Exclusion[],
    bounds: InspectBounds,
    path: string,
  ) {
    this.#ruleSet = ruleSet;
    this.#exclude = exclude;
    this.bounds = bounds;
    this.#path = path;
    let variants = variantsOf.get(ruleSet);
    if (variants === undefined) {
      variants = new Variants(ruleSet);
      variantsOf.set(ruleSet, variants);
    }
    this.#variants = variants;
    if (ruleSet.counts.size > 0) this.#counts = new Map();
  }

  inspectHead(head: RequestHead): void {
    const { method, protocol, rawPath, rawSearch, fields } = head;
    const line = `${method} ${rawPath}${rawSearch} ${protocol}`;
    this.#path = head.path ?? urlDecode(rawPath, false);
    const { cleanTargets, countsTarget, countsCookies } = this.#ruleSet;
    // What is counted is needed one by one.
    const knownTarget = countsTarget ? NEW : this.#known(cleanTargets, line);
    if (knownTarget < 0) {
      const seen = this.#values;
      this.#inspectTarget(head, line);
      if (knownTarget === UNKNOWN) this.#note(cleanTargets, line, seen);
    }
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string;
      const value = fields[at + 1] as string;
      const field = this.#ruleSet.fieldsOf(name, at >> 1);
      const isCookie = field === undefined ? isNamed(name, "cookie") : field.isCookie;
      const known =
        field === undefined || (isCookie && countsCookies) ? NEW : this.#known(field.clean, value);
      if (known >= 0) {
        if (this.#counts !== undefined) this.#countField(name);
        continue;
      }
      const seen = this.#values;
      this.#fieldName(name, field);
      const text = fieldText(value);
      this.value("REQUEST_HEADERS", name, text);
      if (isCookie) readCookies(text, this);
      if (known === UNKNOWN) this.#note(field?.clean, value, seen);
    }
    this.#tryCounts();
  }

  #inspectTarget({ method, protocol, rawPath, rawSearch }: RequestHead, line: string): void {
    const path = urlDecode(rawPath, false);
    const query = rawSearch.slice(1);
    if (hasBadPercent(rawPath)) this.anomaly("percent-invalid", "path");
    this.value("REQUEST_METHOD", "", method);
    this.value("REQUEST_PROTOCOL", "", protocol);
    this.value("REQUEST_LINE", "", line);
    this.value("REQUEST_URI_RAW", "", rawPath + rawSearch);
    this.value("REQUEST_URI", "", path + rawSearch);
    this.value("REQUEST_FILENAME", "", path);
    const basename = path.slice(path.lastIndexOf("/") + 1);
    this.value("REQUEST_BASENAME", "", basename);
    // Base64 in a path has a slash before it, which is in its alphabet.
    if (mayBeBase64(basename, characterClasses(basename))) {
      this.value("REQUEST_FILENAME", "", basename);
    }
    if (query !== "") {
      this.value("QUERY_STRING", "", query);
      readForm(query, "GET", this);
    }
  }

  /** Names come again with new values. */
  #fieldName(name: string, field: KnownFields | undefined): void {
    if (field?.isNameClean === true && this.#values < this.bounds.maxValues) {
      this.#values += 1;
      if (this.#counts !== undefined) this.#count("REQUEST_HEADERS_NAMES", name);
      return;
    }
    this.value("REQUEST_HEADERS_NAMES", name, name);
    if (field !== undefined && !this.#isHit && !this.isFull) field.isNameClean = true;
  }

  #countField(name: string): void {
    this.#count("REQUEST_HEADERS_NAMES", name);
    this.#count("REQUEST_HEADERS", name);
  }

  /** How many values were looked at before in this text, for an earlier request; {@link UNKNOWN}, {@link NEW}. */
  #known(clean: CleanTable, text: string): number {
    const values = clean.get(text);
    if (values < 0) return values;
    if (this.#values + values > this.bounds.maxValues) return NEW;
    this.#values += values;
    return values;
  }

  /** Notes that nothing was found in a text that gave all values since `seen`. */
  #note(clean: CleanTable | undefined, text: string, seen: number): void {
    if (!this.#isHit && !this.isFull) clean?.add(text, this.#values - seen);
  }

  /** The whole content, its codings taken off. */
  inspectContent(bytes: Uint8Array, contentType: string | undefined): void {
    readContent(bytes, contentType, this);
    this.#tryCounts();
  }

  /** As {@link inspectContent}, but the rules run in {@link work}. */
  startContent(bytes: Uint8Array, contentType: string | undefined): void {
    this.#waiting = [];
    readContent(bytes, contentType, this);
  }

  /** Runs rules for about this long. True: everything was looked at. One value is never split, so it may be longer. */
  work(ms: number): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return true;
    const until = performance.now() + ms;
    while (this.#next < waiting.length) {
      const at = this.#next;
      this.#next += 3;
      const value = waiting[at + 2] as string;
      this.#try(waiting[at] as WafCollection, waiting[at + 1] as string, value);
      // Not after every short one: to ask for the time costs as much as to look at it.
      if ((value.length > 256 || at % 48 === 0) && performance.now() >= until) return false;
    }
    this.#waiting = undefined;
    this.#next = 0;
    this.#tryCounts();
    return true;
  }

  /** What still waits is not looked at. */
  giveUp(name: Anomaly, place: string): void {
    this.#waiting = undefined;
    this.#next = 0;
    this.isFull = true;
    this.anomaly(name, place);
  }

  inspectResponse({ status, fields, text }: ResponseBeginning): void {
    this.value("RESPONSE_STATUS", "", String(status));
    for (let at = 0; at < fields.length; at += 2) {
      this.value("RESPONSE_HEADERS", fields[at] as string, fields[at + 1] as string);
    }
    const step = this.bounds.maxValueLength - PIECE_OVERLAP;
    for (let at = 0; at < text.length; at += step) {
      this.value("RESPONSE_BODY", "", text.slice(at, at + this.bounds.maxValueLength));
      if (at + this.bounds.maxValueLength >= text.length) break;
    }
    this.#tryCounts();
  }

  value(collection: WafCollection, name: string, value: string): void {
    if (this.isFull) return;
    if (++this.#values > this.bounds.maxValues) {
      this.isFull = true;
      this.#try("ANOMALIES", "too-many-values", collection);
      return;
    }
    // What is inside a value is no other value of that name.
    if (this.#counts !== undefined && this.#nesting === 0) this.#count(collection, name);
    if (mayBeNestedJson(collection, value) && this.#tryParts(collection, name, value)) return;
    if (value.length > this.bounds.maxValueLength) this.#putPieces(collection, name, value);
    else this.#put(collection, name, this.#bounded(value, name));
  }

  #put(collection: WafCollection, name: string, value: string): void {
    if (this.#waiting === undefined) this.#try(collection, name, value);
    else this.#waiting.push(collection, name, value);
  }

  /** A long text, such as a page of a wiki, cut where lines end. */
  #putPieces(collection: WafCollection, name: string, value: string): void {
    const { maxValueLength } = this.bounds;
    let start = 0;
    while (value.length - start > maxValueLength) {
      const end = value.lastIndexOf("\n", start + maxValueLength - 1) + 1;
      if (end - start <= PIECE_OVERLAP) break;
      this.#put(collection, name, value.slice(start, end));
      start = end - PIECE_OVERLAP;
    }
    // One line that is too long, if it is.
    this.#put(collection, name, this.#bounded(start === 0 ? value : value.slice(start), name));
  }

  scanned(collection: WafCollection, text: ScannedText): void {
    const shared = this.#ruleSet.sharedProbes(collection);
    if (
      shared === undefined ||
      this.#values >= this.bounds.maxValues ||
      text.bytes > MAX_BASE64_LOOK
    ) {
      this.value(collection, text.path, text.value);
      return;
    }
    this.#values += 1;
    const { classes, groups, bytes } = text;
    const { all } = shared;
    if ((groups & all.groups) === 0 && (classes & ENCODING) === 0 && isNoBase64(bytes, classes)) {
      if ((classes & all.classes) === 0 && all.classes !== EVERY) return;
      if (all.asking(classes).length === 0) return;
    }
    const { value } = text;
    if (this.#waiting !== undefined) {
      this.#waiting.push(collection, text.path, value);
      return;
    }
    const { pathLength } = text;
    const isTold = pathLength === -1 || shared.lengths.has(pathLength);
    const set = isTold ? this.#ruleSet.probesFor(collection, text.path) : shared.unnamed;
    if (set === undefined) return;
    noteScan(value, classes, groups);
    this.#tryIn(set, collection, text, value);
  }

  anomaly(name: Anomaly, place: string): void {
    this.#try("ANOMALIES", name, place);
  }

  /** A value that is JSON: its parts, and the whole for the rules that want it. */
  #tryParts(collection: WafCollection, name: string, value: string): boolean {
    if (this.#nesting === MAX_NESTING) return false;
    const set = this.#ruleSet.probesFor(collection, name);
    const clean = this.#nesting === 0 ? this.#cleanParts(set, value) : undefined;
    const known = clean === undefined ? NEW : this.#known(clean, value);
    if (known >= 0) return true;
    const seen = this.#values;
    this.#nesting += 1;
    const isJson = readNestedJson(collection, name, value, this);
    this.#nesting -= 1;
    if (!isJson) return false;
    const own = set?.wholeProbes;
    if (own !== undefined && own.length > 0) {
      const whole = value.slice(0, this.bounds.maxValueLength);
      this.#tryProbes(own, collection, name, whole, isDecoded(whole, characterClasses(whole)));
    }
    if (known === UNKNOWN) this.#note(clean, value, seen);
    return true;
  }

  /** Absent where the parts wait to be looked at, or are needed one by one. */
  #cleanParts(set: ProbeSet | undefined, value: string): CleanTable | undefined {
    const isAtOnce = this.#waiting === undefined && this.#counts === undefined;
    return isAtOnce && value.length <= MAX_KNOWN_LENGTH ? set?.cleanParts : undefined;
  }

  /** A picture in base64 is no text; all else that is too long for the rules is not let pass unseen. */
  #bounded(value: string, name: string): string {
    if (value.length <= MAX_BASE64_LOOK) return value;
    const prefix = DATA_URL.exec(value)?.[0].length ?? 0;
    if (BASE64_TEXT.test(prefix === 0 ? value : value.slice(prefix))) {
      return value.slice(0, MAX_BASE64_LOOK);
    }
    const { maxValueLength } = this.bounds;
    if (value.length <= maxValueLength) return value;
    this.anomaly("value-too-long", name);
    return value.slice(0, maxValueLength);
  }

  #try(collection: WafCollection, name: string, value: string): void {
    const set = this.#ruleSet.probesFor(collection, name);
    if (set !== undefined) this.#tryIn(set, collection, name, value);
  }

  #tryIn(
    set: ProbeSet,
    collection: WafCollection,
    place: string | ScannedText,
    value: string,
  ): void {
    const classes = characterClasses(value);
    const groups = literalGroups(value);
    const isPlain = isDecoded(value, classes);
    let probes = set.probes;
    if (isPlain) {
      if ((groups & set.groups) === 0) probes = set.asking(classes);
      if (isPlainUrl(value, classes) && (groups & set.urlGroups) === 0) probes = set.urlProbes;
      if (probes.length === 0) return;
    } else {
      this.#variants.begin(value, classes, groups, false);
      probes = this.#askingEncoded(set, classes);
      if (probes.length === 0) return;
    }
    const clean = value.length <= MAX_KNOWN_LENGTH ? set.clean : undefined;
    const known = clean === undefined ? NEW : clean.get(value);
    if (known >= 0) return;
    const hadHit = this.#isHit;
    this.#isHit = false;
    this.#tryProbes(probes, collection, place, value, isPlain);
    if (this.#isHit) return;
    this.#isHit = hadHit;
    if (known === UNKNOWN) clean?.add(value, 1);
  }

  /** What has to look at a value in which something is encoded: by what it holds, and by what may come out of it. */
  #askingEncoded(set: ProbeSet, classes: number): readonly Probe[] {
    const { reachedClasses, reachedGroups } = this.#variants;
    const isOpen = reachedClasses === EVERY || (reachedGroups & set.groups) !== 0;
    return isOpen ? set.probes : set.asking(classes | reachedClasses);
  }

  /** `isPlain`: nothing is encoded in the value. */
  #tryProbes(
    probes: readonly Probe[],
    collection: WafCollection,
    place: string | ScannedText,
    value: string,
    isPlain: boolean,
  ): void {
    const classes = characterClasses(value);
    const groups = literalGroups(value);
    let isBegun = false;
    for (const probe of probes) {
      if (isPlain && (probe.decodesOnly || (probe.changedBy & classes) === 0)) {
        if (!passesFilter(probe.filter, value, classes, groups)) continue;
        const hit = probe.operation(value);
        if ((hit === undefined) === probe.not) this.#hit(probe, collection, place, value, hit);
        continue;
      }
      if (!isBegun) this.#variants.begin(value, classes, groups, isPlain);
      isBegun = true;
      this.#tryForms(probe, collection, place);
    }
  }

  #tryForms(probe: Probe, collection: WafCollection, place: string | ScannedText): void {
    const variants = this.#variants;
    for (const number of variants.forms(probe.chainSet, probe.filter)) {
      const text = variants.text(number);
      if (!passesFilter(probe.filter, text, variants.classes(number), variants.groups(number)))
        continue;
      const hit = probe.operation(text);
      if ((hit === undefined) !== probe.not) continue;
      this.#hit(probe, collection, place, text, hit);
      break;
    }
  }

  #hit(
    probe: Probe,
    collection: WafCollection,
    at: string | ScannedText,
    text: string,
    hit: Hit | undefined,
  ): void {
    this.#isHit = true;
    const name = typeof at === "string" ? at : at.path;
    const { rule, points, index, all } = probe.rule;
    if (this.#matched?.has(index) === true) return;
    if (isExcluded(this.#exclude, this.#path, rule, collection, name)) return;
    if (all !== 1) {
      const held = (this.#held ??= new Int32Array(this.#ruleSet.rules.length));
      held[index] = (held[index] as number) | probe.bit;
      if (held[index] !== all) return;
    }
    (this.#matched ??= new Set()).add(index);
    this.score += points;
    const place = name === "" ? collection : `${collection}:${name.slice(0, 100)}`;
    const shown = hit === undefined ? "" : maskedText(text, hit.start, hit.end, name);
    this.matches.push({ rule, points, place, text: shown });
  }

  #count(collection: WafCollection, name: string): void {
    const counts = this.#counts as Map<string, number>;
    for (const key of [collection, `${collection}:${name.toLowerCase()}`]) {
      if (this.#ruleSet.counts.has(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }

  #tryCounts(): void {
    if (this.#counts === undefined) return;
    for (const [key, probes] of this.#ruleSet.counts) {
      const text = String(this.#counts.get(key) ?? 0);
      for (const probe of probes) {
        const hit = probe.operation(text);
        if ((hit === undefined) === probe.not) {
          this.#hit(probe, key.split(":", 1)[0] as WafCollection, probe.name ?? "", text, hit);
        }
      }
    }
  }
}
