/**
 * Ranges of addresses, sorted and merged in typed arrays: 8 bytes a range for IPv4, 32 for IPv6, found by bisection.
 * Never changed: a list that changes gets a new table. Building is cut into steps, so that a list of a million ranges
 * keeps no request waiting.
 */
import { IPV4, IPV6, maskWord, type IpFamily, type IpWords } from "../../http/ip-address.ts";

const OPERATIONS_A_STEP = 2048;
const WORDS_A_COPY = 65_536;
const BLOCK_BITS = 10;
const IN_BLOCK = 2 ** BLOCK_BITS - 1;
/** Below it the bisection is short anyway, and the index would be larger than the list. */
const MIN_INDEXED = 32_768;
const INDEX_SIZE = 65_537;

export interface RangeTable {
  /** Ranges, merged where they overlap. */
  readonly size: number;
  has(family: IpFamily, words: IpWords): boolean;
  /** Whether it has any address of the prefix. */
  touches(family: IpFamily, words: IpWords, bits: number): boolean;
  /**
   * Gives the memory back now: what is left to the collector adds up while a large list is loaded again and again. It may
   * not be asked after that.
   */
  release(): void;
}

/** Ranges in any order. */
export class RangeBuilder {
  readonly #ipv4 = new Spans(1);
  readonly #ipv6 = new Spans(4);

  /** A prefix; what lies beyond its bits is ignored. */
  add(family: IpFamily, words: IpWords, bits: number): void {
    (family === IPV4 ? this.#ipv4 : this.#ipv6).add(words, bits);
  }

  /** Both ends included; `false` if they are the wrong way round. */
  addIpv4Span(first: number, last: number): boolean {
    return first <= last && this.#ipv4.addSpan(first, last);
  }

  *finish(): Generator<void, RangeTable> {
    const ipv4 = yield* this.#ipv4.sorted();
    const ipv6 = yield* this.#ipv6.sorted();
    return {
      size: ipv4.count + ipv6.count,
      has: (family, words) =>
        family === IPV4 ? ipv4.has(words) : family === IPV6 && ipv6.has(words),
      touches: (family, words, bits) =>
        family === IPV4 ? ipv4.touches(words, bits) : family === IPV6 && ipv6.touches(words, bits),
      release() {
        ipv4.release();
        ipv6.release();
      },
    };
  }
}

/** Runs the steps, never longer than `sliceMs` at a time. */
export async function inSlices<T>(steps: Generator<void, T>, sliceMs = 2): Promise<T> {
  let began = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - began < sliceMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    began = performance.now();
  }
}

class SortedSpans {
  readonly count: number;
  readonly #bounds: Uint32Array<ArrayBuffer>;
  readonly #width: number;
  /** IPv4: how many spans begin before each value of an address's upper half. */
  readonly #index: Uint32Array<ArrayBuffer> | undefined;

  /** First and last address of each span, one after the other. */
  constructor(
    bounds: Uint32Array<ArrayBuffer>,
    width: number,
    index: Uint32Array<ArrayBuffer> | undefined,
  ) {
    this.#bounds = bounds;
    this.#index = index;
    this.#width = width;
    this.count = bounds.length / width / 2;
  }

  has(words: IpWords): boolean {
    const bounds = this.#bounds;
    const width = this.#width;
    let low = 0;
    let high = this.count;
    if (width === 1) {
      // Most of the traffic: no call for each step.
      const address = words[0] as number;
      const index = this.#index;
      if (index !== undefined) {
        low = index[address >>> 16] as number;
        high = index[(address >>> 16) + 1] as number;
      }
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((bounds[middle * 2] as number) <= address) low = middle + 1;
        else high = middle;
      }
      return low > 0 && address <= (bounds[low * 2 - 1] as number);
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(bounds, middle * width * 2, words, 0, width) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(words, 0, bounds, (low * 2 - 1) * width, width) <= 0;
  }
  release(): void {
    free(this.#bounds);
    if (this.#index !== undefined) free(this.#index);
  }

  /** Rare: by one search for the span before the prefix's end. */
  touches(words: IpWords, bits: number): boolean {
    const width = this.#width;
    const first = words.slice(0, width);
    const last = words.slice(0, width);
    for (let word = 0; word < width; word++) {
      const mask = maskWord(bits - word * 32);
      first[word] = (first[word] as number) & mask;
      last[word] = (last[word] as number) | ~mask;
    }
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#bounds, middle * width * 2, last, 0, width) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(first, 0, this.#bounds, (low * 2 - 1) * width, width) <= 0;
  }
}

/** In blocks: an array that grew by doubling would copy half a list at once. */
class Spans {
  readonly #width: number;
  readonly #stride: number;
  #blocks: Uint32Array<ArrayBuffer>[] = [];
  #count = 0;

  constructor(width: number) {
    this.#width = width;
    this.#stride = width * 2;
  }

  add(words: IpWords, bits: number): void {
    const block = this.#lastBlock();
    const at = (this.#count++ & IN_BLOCK) * this.#stride;
    const width = this.#width;
    for (let word = 0; word < width; word++) {
      const mask = maskWord(bits - word * 32);
      const value = words[word] as number;
      block[at + word] = value & mask;
      block[at + width + word] = value | ~mask;
    }
  }

  addSpan(first: number, last: number): true {
    const block = this.#lastBlock();
    const at = (this.#count++ & IN_BLOCK) * this.#stride;
    block[at] = first;
    block[at + 1] = last;
    return true;
  }

  *sorted(): Generator<void, SortedSpans> {
    const order = yield* this.#order();
    const stride = this.#stride;
    const width = this.#width;
    const into = new Uint32Array(this.#count * stride);
    let end = 0;
    for (let at = 0; at < this.#count; at++) {
      const span = order === undefined ? at : (order[at] as number);
      const from = this.#blocks[span >>> BLOCK_BITS] as Uint32Array;
      const start = (span & IN_BLOCK) * stride;
      const last = end - width;
      if (end > 0 && touches(from, start, into, last, width)) {
        if (compare(from, start + width, into, last, width) > 0) {
          copy(from, start + width, into, last, width);
        }
      } else {
        copy(from, start, into, end, stride);
        end += stride;
      }
      if (at % OPERATIONS_A_STEP === 0) yield;
    }
    for (const block of this.#blocks) free(block);
    this.#blocks = [];
    if (order !== undefined) free(order);
    const bounds = yield* trimmed(into, end);
    const isIndexed = width === 1 && bounds.length / 2 >= MIN_INDEXED;
    return new SortedSpans(bounds, width, isIndexed ? yield* indexOf(bounds) : undefined);
  }

  /** Merge sort of positions; `undefined` where they are sorted, as most published lists are. */
  *#order(): Generator<void, Uint32Array<ArrayBuffer> | undefined> {
    const count = this.#count;
    let isSorted = true;
    for (let at = 1; at < count && isSorted; at++) {
      isSorted = this.#isInOrder(at - 1, at);
      if (at % OPERATIONS_A_STEP === 0) yield;
    }
    if (isSorted) return undefined;
    let from = new Uint32Array(count);
    let into = new Uint32Array(count);
    for (let at = 0; at < count; at++) {
      from[at] = at;
      if (at % OPERATIONS_A_STEP === 0) yield;
    }
    for (let run = 1; run < count; run *= 2) {
      for (let start = 0; start < count; start += run * 2) {
        const middle = Math.min(start + run, count);
        const end = Math.min(start + run * 2, count);
        let left = start;
        let right = middle;
        for (let at = start; at < end; at++) {
          const takesLeft =
            left < middle &&
            (right >= end || this.#isInOrder(from[left] as number, from[right] as number));
          into[at] = from[takesLeft ? left++ : right++] as number;
          if (at % OPERATIONS_A_STEP === 0) yield;
        }
      }
      [from, into] = [into, from];
    }
    free(into);
    return from;
  }

  #isInOrder(one: number, other: number): boolean {
    const a = this.#blocks[one >>> BLOCK_BITS] as Uint32Array;
    const b = this.#blocks[other >>> BLOCK_BITS] as Uint32Array;
    const stride = this.#stride;
    return compare(a, (one & IN_BLOCK) * stride, b, (other & IN_BLOCK) * stride, this.#width) <= 0;
  }

  #lastBlock(): Uint32Array<ArrayBuffer> {
    const at = this.#count >>> BLOCK_BITS;
    const block = this.#blocks[at];
    if (block !== undefined) return block;
    return (this.#blocks[at] = new Uint32Array(this.#stride << BLOCK_BITS));
  }
}

/** The part that is used; what merging left over is given back where it is worth a copy. */
function* trimmed(
  all: Uint32Array<ArrayBuffer>,
  end: number,
): Generator<void, Uint32Array<ArrayBuffer>> {
  if (all.length - end < all.length / 8) return all.subarray(0, end);
  const kept = new Uint32Array(end);
  for (let at = 0; at < end; at += WORDS_A_COPY) {
    kept.set(all.subarray(at, Math.min(at + WORDS_A_COPY, end)), at);
    yield;
  }
  free(all);
  return kept;
}

function free(array: Uint32Array<ArrayBuffer>): void {
  array.buffer.transfer(0);
}

/** The bisection's first steps miss every cache of the processor: the index skips them. */
function* indexOf(bounds: Uint32Array): Generator<void, Uint32Array<ArrayBuffer>> {
  const index = new Uint32Array(INDEX_SIZE);
  const count = bounds.length / 2;
  let upper = 0;
  for (let at = 0; at < count; at++) {
    const last = (bounds[at * 2] as number) >>> 16;
    while (upper < last) index[++upper] = at;
    if (at % OPERATIONS_A_STEP === 0) yield;
  }
  index.fill(count, upper + 1);
  return index;
}

function compare(a: Uint32Array, at: number, b: Uint32Array, bt: number, width: number): number {
  for (let word = 0; word < width; word++) {
    const difference = (a[at + word] as number) - (b[bt + word] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The next span begins within the last one, or right behind it (IPv4 only: there it is worth it). */
function touches(a: Uint32Array, at: number, b: Uint32Array, bt: number, width: number): boolean {
  if (width === 1) return (a[at] as number) <= (b[bt] as number) + 1;
  return compare(a, at, b, bt, width) <= 0;
}

function copy(a: Uint32Array, at: number, b: Uint32Array, bt: number, count: number): void {
  for (let word = 0; word < count; word++) b[bt + word] = a[at + word] as number;
}
