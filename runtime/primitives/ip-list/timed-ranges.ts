import { IPV4, maskIp, NO_IP, type IpFamily, type IpWords } from "../../http/ip-address.ts";
import { parseRange } from "./parse-list.ts";

/** Entries of one list that come and go at run time. Full: refused, so that a loop in a hook fills no memory. */
const MAX_TIMED = 100_000;

/** No range has the address. */
export const NONE = -1;

const words = new Uint32Array(4);
const masked = new Uint32Array(4);
const prefix = { bits: 0 };

/** Ranges that come and go one by one: looked up once for each length of prefix that is there. */
export class TimedRanges {
  /** By family and length of prefix: the masked address to the time at which it ends. */
  readonly #byPrefix = new Map<number, Map<string | number, number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False if the text is no range, or there is no room. `until`: monotonic milliseconds, or Infinity. */
  add(text: string, until: number, nowMs: number): boolean {
    const family = parseRange(text, words, prefix);
    if (family === NO_IP) return false;
    if (this.#size >= MAX_TIMED) this.#expire(nowMs);
    if (this.#size >= MAX_TIMED) return false;
    const place = family * 256 + prefix.bits;
    let ranges = this.#byPrefix.get(place);
    if (ranges === undefined) this.#byPrefix.set(place, (ranges = new Map()));
    const key = keyOf(family, words, prefix.bits);
    if (!ranges.has(key)) this.#size += 1;
    ranges.set(key, until);
    return true;
  }

  remove(text: string): boolean {
    const family = parseRange(text, words, prefix);
    const place = family * 256 + prefix.bits;
    const ranges = this.#byPrefix.get(place);
    if (ranges?.delete(keyOf(family, words, prefix.bits)) !== true) return false;
    this.#size -= 1;
    if (ranges.size === 0) this.#byPrefix.delete(place);
    return true;
  }

  /** Bits of the narrowest range that has the address, or {@link NONE}. */
  longest(family: IpFamily, address: IpWords, nowMs: number): number {
    let bits = NONE;
    if (this.#size === 0) return bits;
    for (const [place, ranges] of this.#byPrefix) {
      if (place >>> 8 !== family || (place & 255) <= bits) continue;
      const until = ranges.get(keyOf(family, address, place & 255));
      if (until !== undefined && until > nowMs) bits = place & 255;
    }
    return bits;
  }

  /** Those that have not ended. */
  count(nowMs: number): number {
    this.#expire(nowMs);
    return this.#size;
  }

  entries(nowMs: number, most: number): { range: string; until: number }[] {
    const all: { range: string; until: number }[] = [];
    for (const [place, ranges] of this.#byPrefix) {
      for (const [key, until] of ranges) {
        if (all.length >= most) return all;
        if (until > nowMs) all.push({ range: rangeText(place, key), until });
      }
    }
    return all;
  }

  #expire(nowMs: number): void {
    for (const [place, ranges] of this.#byPrefix) {
      for (const [key, until] of ranges) {
        if (until <= nowMs && ranges.delete(key)) this.#size -= 1;
      }
      if (ranges.size === 0) this.#byPrefix.delete(place);
    }
  }
}

function rangeText(place: number, key: string | number): string {
  const bits = place & 255;
  if (typeof key === "number") {
    const address = [24, 16, 8, 0].map((shift) => (key >>> shift) & 255).join(".");
    return bits === 32 ? address : `${address}/${bits}`;
  }
  const groups = Array.from({ length: 8 }, (_, at) => key.charCodeAt(at).toString(16));
  // RFC 5952 §4, as URLs write it.
  const address = new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  return bits === 128 ? address : `${address}/${bits}`;
}

function keyOf(family: IpFamily, address: IpWords, bits: number): string | number {
  masked.set(address);
  maskIp(masked, family, bits);
  if (family === IPV4) return masked[0] as number;
  // Eight units of 16 bits: made faster than digits, and found faster.
  const [a = 0, b = 0, c = 0, d = 0] = masked;
  return String.fromCharCode(a >>> 16, a, b >>> 16, b, c >>> 16, c, d >>> 16, d);
}
