/**
 * Fingerprints of keys: HalfSipHash-1-3 with 64 bits of output (Aumasson and Bernstein's construction in 32-bit words)
 * under a random key of this process. Whoever knows no key can make no two User-Agents share a counter, which with an
 * unkeyed or merely seeded hash would let one client use up another's limit.
 *
 * Parts are told apart by their length, so that ("a", "bc") and ("ab", "c") differ.
 */
export class KeyHash {
  /** The result, after `end`. */
  high = 0;
  low = 0;
  readonly #key0: number;
  readonly #key1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;
  #count = 0;

  /** Workers that share a table share its seed. */
  constructor(seed: Uint32Array) {
    this.#key0 = seed[0] as number;
    this.#key1 = seed[1] as number;
  }

  begin(): void {
    this.#v0 = this.#key0;
    this.#v1 = this.#key1 ^ 0xee;
    this.#v2 = 0x6c_79_67_65 ^ this.#key0;
    this.#v3 = 0x74_65_64_62 ^ this.#key1;
    this.#count = 0;
  }

  /** The rounds of {@link word} once more, in local variables: a User-Agent has a hundred units. */
  text(text: string): void {
    const { length } = text;
    this.word(length);
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let at = 0; at < length; at += 2) {
      const next = at + 1 < length ? text.charCodeAt(at + 1) : 0;
      const value = text.charCodeAt(at) | (next << 16);
      v3 ^= value;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= value;
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
    this.#count += (length + 1) >>> 1;
  }

  word(value: number): void {
    this.#v3 ^= value;
    this.#round();
    this.#v0 ^= value;
    this.#count += 1;
  }

  end(): void {
    this.word(this.#count << 24);
    this.#v2 ^= 0xee;
    this.#round();
    this.#round();
    this.#round();
    this.high = (this.#v1 ^ this.#v3) >>> 0;
    this.#v1 ^= 0xdd;
    this.#round();
    this.#round();
    this.#round();
    this.low = (this.#v1 ^ this.#v3) >>> 0;
  }

  #round(): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
