/**
 * A ring of points: each member has as many as its weight asks for, a key belongs to the next point from its own place
 * on. A member's points depend on nothing but its name and their number, so when another leaves, only that one's keys
 * move, and they come back when it does.
 *
 * Weights count relative to the largest, rounded to a power of two: points become twice as many or half as many for all
 * only when the largest weight itself is halved or doubled.
 */
import { keyHash, mix } from "./key-hash.ts";

export interface RingMember {
  readonly key: string;
  readonly weight: number;
}

/** Of a member with the largest weight, up to twice as many. The shares of equal members differ by some 6 %. */
const POINTS = 256;
/** A point's place and its member's number in one double: 32 bits and 20. */
const MEMBERS = 2 ** 20;

export class HashRing<M extends RingMember> {
  /** In the order of their keys, whatever order they came in: points at the same place must have a fixed order. */
  readonly members: readonly M[];
  /** Points of each member. */
  readonly #counts: Int32Array;
  /** Place of each point and its member, ascending. */
  readonly #points: Float64Array;
  readonly #places: Uint32Array;
  readonly #owners: Uint32Array;
  /** The first point at or after each 2^shift-th place: points are spread evenly, so the search is over where it begins. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  /** `before`: a ring whose points are taken over where they are the same. */
  constructor(members: readonly M[], before?: HashRing<M>) {
    if (members.length >= MEMBERS) throw new RangeError(`at most ${MEMBERS - 1} members`);
    this.members = [...members].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    const largest = members.reduce((most, { weight }) => Math.max(most, weight), 0);
    const unit = POINTS / 2 ** Math.floor(Math.log2(largest));
    this.#counts = Int32Array.from(this.members, ({ weight }) =>
      Math.max(1, Math.round(weight * unit)),
    );
    this.#points = this.#merge(before);
    const count = this.#points.length;
    this.#places = new Uint32Array(count);
    this.#owners = new Uint32Array(count);
    const bits = Math.max(1, Math.min(24, Math.ceil(Math.log2(count + 1))));
    this.#shift = 32 - bits;
    this.#starts = new Uint32Array(2 ** bits);
    let start = 0;
    for (let at = 0; at < count; at++) {
      const point = this.#points[at] as number;
      const place = Math.floor(point / MEMBERS);
      this.#places[at] = place;
      this.#owners[at] = point - place * MEMBERS;
      for (const slot = place >>> this.#shift; start <= slot; start++) this.#starts[start] = at;
    }
    this.#starts.fill(count, start);
  }

  get size(): number {
    return this.#places.length;
  }

  /** The point that a key's hash belongs to. */
  find(hash: number): number {
    const places = this.#places;
    let at = this.#starts[hash >>> this.#shift] as number;
    while (at < places.length && (places[at] as number) < hash) at += 1;
    return at === places.length ? 0 : at;
  }

  placeAt(point: number): number {
    return this.#places[point] as number;
  }

  /** Position in `members` of the point's owner. */
  ownerAt(point: number): number {
    return this.#owners[point] as number;
  }

  /** Points of `before` that are still here, with those that are new: health changes often, and sorting is dear. */
  #merge(before: HashRing<M> | undefined): Float64Array {
    // Both lists are in the order of their keys, so who was before whom still is.
    const renumber = before === undefined ? undefined : this.#numbersOf(before);
    const kept = new Set(renumber);
    const fresh = Float64Array.from(
      this.members.flatMap((member, number) =>
        kept.has(number) ? [] : pointsOf(member.key, this.#counts[number] as number, number),
      ),
    ).sort();
    if (before === undefined || renumber === undefined) return fresh;
    const old = before.#points;
    const merged = new Float64Array(this.#counts.reduce((sum, count) => sum + count, 0));
    let at = 0;
    let next = 0;
    for (let from = 0; from < old.length; from++) {
      const point = old[from] as number;
      const place = Math.floor(point / MEMBERS);
      const number = renumber[point - place * MEMBERS] as number;
      if (number === -1) continue;
      const moved = place * MEMBERS + number;
      while (next < fresh.length && (fresh[next] as number) < moved) {
        merged[at++] = fresh[next++] as number;
      }
      merged[at++] = moved;
    }
    while (next < fresh.length) merged[at++] = fresh[next++] as number;
    return merged;
  }

  /** The present number of each member of another ring; -1 where its points are others or gone. */
  #numbersOf(before: HashRing<M>): Int32Array {
    const numbers = new Map(this.members.map(({ key }, number) => [key, number]));
    return Int32Array.from(before.members, ({ key }, old) => {
      const number = numbers.get(key) ?? -1;
      return number !== -1 && this.#counts[number] === before.#counts[old] ? number : -1;
    });
  }
}

/** The first `count` of a member's endless list of points. */
function pointsOf(key: string, count: number, number: number): number[] {
  const base = keyHash(key);
  // Two keys with the same hash must not share all their points.
  const step = keyHash(key, 0x9e3779b9) | 1;
  return Array.from(
    { length: count },
    (_, at) => mix((base + Math.imul(at, step)) | 0) * MEMBERS + number,
  );
}
