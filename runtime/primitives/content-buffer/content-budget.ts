export interface ContentBudgetLimits {
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/**
 * What the contents of all requests of a process may hold together. The limit of a single request says nothing of ten
 * thousand of them.
 */
export class ContentBudget {
  #limits: ContentBudgetLimits;
  memoryBytes = 0;
  diskBytes = 0;

  constructor(limits: ContentBudgetLimits) {
    this.#limits = limits;
  }

  get limits(): ContentBudgetLimits {
    return this.#limits;
  }

  /** New limits; what is held stays. */
  adjust(limits: ContentBudgetLimits): void {
    this.#limits = limits;
  }

  get isMemoryFull(): boolean {
    return this.memoryBytes > this.#limits.memoryBytes;
  }

  /** Counts what is there already. Whoever finds the memory full afterwards moves it to the disk or drops it. */
  addMemory(bytes: number): void {
    this.memoryBytes += bytes;
  }

  giveMemory(bytes: number): void {
    this.memoryBytes -= bytes;
  }

  /** False, and nothing is counted, if that much is not left. */
  takeDisk(bytes: number): boolean {
    if (this.diskBytes + bytes > this.#limits.diskBytes) return false;
    this.diskBytes += bytes;
    return true;
  }

  giveDisk(bytes: number): void {
    this.diskBytes -= bytes;
  }
}
