/**
 * The smallest of `count` entries by `keys`, then by `ties`, then by number. Keys are changed from outside: call
 * `moved` for an entry in the heap after that.
 */
export class IndexHeap {
  readonly keys: Float64Array;
  readonly ties: Float64Array;
  readonly #heap: Int32Array;
  /** Where an entry is in the heap; -1: it is not. */
  readonly #place: Int32Array;
  #size = 0;

  constructor(count: number) {
    this.keys = new Float64Array(count);
    this.ties = new Float64Array(count);
    this.#heap = new Int32Array(count);
    this.#place = new Int32Array(count).fill(-1);
  }

  get size(): number {
    return this.#size;
  }

  /** The smallest; -1 if there is none. */
  get top(): number {
    return this.#size === 0 ? -1 : (this.#heap[0] as number);
  }

  push(entry: number): void {
    const at = this.#size;
    this.#size += 1;
    this.#put(at, entry);
    this.#up(at);
  }

  /** Takes the smallest out; -1 if there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    const top = this.#heap[0] as number;
    this.#size -= 1;
    this.#place[top] = -1;
    if (this.#size > 0) {
      this.#put(0, this.#heap[this.#size] as number);
      this.#down(0);
    }
    return top;
  }

  moved(entry: number): void {
    const at = this.#place[entry] as number;
    if (at === -1) return;
    this.#up(at);
    this.#down(this.#place[entry] as number);
  }

  #less(a: number, b: number): boolean {
    const difference = (this.keys[a] as number) - (this.keys[b] as number);
    if (difference !== 0) return difference < 0;
    const tie = (this.ties[a] as number) - (this.ties[b] as number);
    return tie === 0 ? a < b : tie < 0;
  }

  #put(at: number, entry: number): void {
    this.#heap[at] = entry;
    this.#place[entry] = at;
  }

  #up(from: number): void {
    const entry = this.#heap[from] as number;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = this.#heap[parent] as number;
      if (!this.#less(entry, other)) break;
      this.#put(at, other);
      at = parent;
    }
    this.#put(at, entry);
  }

  #down(from: number): void {
    const entry = this.#heap[from] as number;
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#size) break;
      let other = this.#heap[child] as number;
      if (child + 1 < this.#size && this.#less(this.#heap[child + 1] as number, other)) {
        child += 1;
        other = this.#heap[child] as number;
      }
      if (!this.#less(other, entry)) break;
      this.#put(at, other);
      at = child;
    }
    this.#put(at, entry);
  }
}
