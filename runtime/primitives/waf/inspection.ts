import { isNamed, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import type { Probe, RuleSet } from "./compile.ts";
import { isExcluded, type Exclusion } from "./exclusion.ts";
import { maskedText } from "./masked.ts";
import { passesFilter, type Hit } from "./operator.ts";
import { readContent } from "./parse/content.ts";
import { readCookies } from "./parse/cookies.ts";
import { readForm } from "./parse/form.ts";
import type { WafCollection, WafRule } from "./rule.ts";
import { hasBadPercent, urlDecode } from "./transform.ts";
import type { Anomaly, InspectBounds, ValueSink } from "./values.ts";
import { Variants } from "./variants.ts";

/** The head of a request, as it came. */
export interface RequestHead {
  readonly method: string;
  readonly protocol: string;
  readonly rawPath: string;
  /** With `?`, or empty. */
  readonly rawSearch: string;
  readonly fields: ReadonlyRawFields;
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

const BASE64_TEXT = /^(?:data:[\w.+/-]{1,80};base64,)?[A-Za-z0-9+/_-]*={0,2}$/;
const MAX_BASE64_LOOK = 4096;
const variantsOf = new WeakMap<RuleSet, Variants>();

/** What is known about one request so far. */
export class Inspection implements ValueSink {
  readonly matches: WafMatch[] = [];
  readonly bounds: InspectBounds;
  /** Sum of the points of all matches. */
  score = 0;
  isFull = false;
  readonly #ruleSet: RuleSet;
  readonly #exclude: readonly Exclusion[];
  readonly #variants: Variants;
  #path: string;
  #values = 0;
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
      variants = new Variants(ruleSet.chains);
      variantsOf.set(ruleSet, variants);
    }
    this.#variants = variants;
    if (ruleSet.counts.size > 0) this.#counts = new Map();
  }

  inspectHead(head: RequestHead): void {
    const { method, protocol, rawPath, rawSearch, fields } = head;
    const path = urlDecode(rawPath, false);
    const query = rawSearch.slice(1);
    this.#path = path;
    if (hasBadPercent(rawPath)) this.anomaly("percent-invalid", "path");
    this.value("REQUEST_METHOD", "", method);
    this.value("REQUEST_PROTOCOL", "", protocol);
    this.value("REQUEST_LINE", "", `${method} ${rawPath}${rawSearch} ${protocol}`);
    this.value("REQUEST_URI_RAW", "", rawPath + rawSearch);
    this.value("REQUEST_URI", "", path + rawSearch);
    this.value("REQUEST_FILENAME", "", path);
    this.value("REQUEST_BASENAME", "", path.slice(path.lastIndexOf("/") + 1));
    if (query !== "") {
      this.value("QUERY_STRING", "", query);
      readForm(query, "GET", this);
    }
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string;
      const value = fields[at + 1] as string;
      this.value("REQUEST_HEADERS_NAMES", name, name);
      this.value("REQUEST_HEADERS", name, value);
      if (isNamed(name, "cookie")) readCookies(value, this);
    }
    this.#tryCounts();
  }

  /** The whole content, its codings taken off. */
  inspectContent(bytes: Uint8Array, contentType: string | undefined): void {
    readContent(bytes, contentType, this);
    this.#tryCounts();
  }

  value(collection: WafCollection, name: string, value: string): void {
    if (this.isFull) return;
    if (++this.#values > this.bounds.maxValues) {
      this.isFull = true;
      this.#try("ANOMALIES", "too-many-values", collection);
      return;
    }
    if (this.#counts !== undefined) this.#count(collection, name);
    this.#try(collection, name, this.#bounded(value, name));
  }

  anomaly(name: Anomaly, place: string): void {
    this.#try("ANOMALIES", name, place);
  }

  /** A picture in base64 is no text; all else that is too long for the rules is not let pass unseen. */
  #bounded(value: string, name: string): string {
    if (value.length <= MAX_BASE64_LOOK) return value;
    if (BASE64_TEXT.test(value)) return value.slice(0, MAX_BASE64_LOOK);
    const { maxValueLength } = this.bounds;
    if (value.length <= maxValueLength) return value;
    this.anomaly("value-too-long", name);
    return value.slice(0, maxValueLength);
  }

  #try(collection: WafCollection, name: string, value: string): void {
    const probes = this.#ruleSet.probesFor(collection, name);
    if (probes.length === 0) return;
    const variants = this.#variants;
    variants.begin(value);
    const { isPlain } = variants;
    const classes = variants.classes(0);
    for (const probe of probes) {
      if (isPlain && probe.decodesOnly) {
        if (!passesFilter(probe.filter, value, classes)) continue;
        const hit = probe.operation(value);
        if ((hit === undefined) === probe.not) this.#hit(probe, collection, name, value, hit);
        continue;
      }
      let tried = 0;
      for (const chain of probe.chains) {
        const number = variants.after(chain);
        // Beyond 31 forms of one value, trying one twice is the smaller evil.
        if (number < 31) {
          if ((tried & (1 << number)) !== 0) continue;
          tried |= 1 << number;
        }
        const text = variants.text(number);
        if (!passesFilter(probe.filter, text, variants.classes(number))) continue;
        const hit = probe.operation(text);
        if ((hit === undefined) !== probe.not) continue;
        this.#hit(probe, collection, name, text, hit);
        break;
      }
    }
  }

  #hit(
    probe: Probe,
    collection: WafCollection,
    name: string,
    text: string,
    hit: Hit | undefined,
  ): void {
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
