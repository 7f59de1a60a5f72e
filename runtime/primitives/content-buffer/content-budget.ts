import { ClientShares, type ClientShare } from "../../http/client-shares.ts";

export interface ContentBudgetLimits {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Of each of them, for the contents of one client together. A content that is a client's only one may have all of it. */
  readonly clientShare: number;
}

/**
 * What the contents of all requests of a process may hold together. The limit of a single request says nothing of ten
 * thousand of them, nor of one client that sends a hundred.
 */
export class ContentBudget {
  #limits: ContentBudgetLimits;
  readonly #inMemory = new ClientShares();
  readonly #onDisk = new ClientShares();
  memoryBytes = 0;
  diskBytes = 0;

  constructor(limits: ContentBudgetLimits) {
    this.#limits = limits;
  }

  get limits(): ContentBudgetLimits {
    return this.#limits;
  }

  /** Clients whose contents are held. */
  get clients(): number {
    return this.#inMemory.size;
  }

  /** New limits; what is held stays. */
  adjust(limits: ContentBudgetLimits): void {
    this.#limits = limits;
  }

  /** For another content of this client. */
  open(address: string): HeldContent {
    return new HeldContent(this, this.#inMemory, this.#onDisk, address);
  }
}

/** One content's part of the budget. */
export class HeldContent {
  readonly #budget: ContentBudget;
  readonly #address: string;
  readonly #inMemory: ClientShares;
  readonly #onDisk: ClientShares;
  readonly #memory: ClientShare;
  #disk: ClientShare | undefined;
  memoryBytes = 0;
  #diskBytes = 0;
  #closed = false;

  constructor(
    budget: ContentBudget,
    inMemory: ClientShares,
    onDisk: ClientShares,
    address: string,
  ) {
    this.#budget = budget;
    this.#address = address;
    this.#inMemory = inMemory;
    this.#onDisk = onDisk;
    this.#memory = inMemory.enter(address);
  }

  /** There is no more memory for it: what it has goes to the disk or is dropped. */
  get isMemoryFull(): boolean {
    const { memoryBytes, clientShare } = this.#budget.limits;
    return (
      this.#budget.memoryBytes > memoryBytes || isBeyond(this.#memory, memoryBytes * clientShare)
    );
  }

  /** Counts what is there already. Whoever finds the memory full afterwards moves it to the disk or drops it. */
  addMemory(bytes: number): void {
    this.memoryBytes += bytes;
    this.#memory.bytes += bytes;
    this.#budget.memoryBytes += bytes;
  }

  giveMemory(bytes: number): void {
    this.addMemory(-bytes);
  }

  /** False, and nothing is counted, if that much is not left. */
  takeDisk(bytes: number): boolean {
    const { diskBytes, clientShare } = this.#budget.limits;
    if (this.#budget.diskBytes + bytes > diskBytes) return false;
    const share = (this.#disk ??= this.#onDisk.enter(this.#address));
    share.bytes += bytes;
    if (isBeyond(share, diskBytes * clientShare)) {
      share.bytes -= bytes;
      return false;
    }
    this.#diskBytes += bytes;
    this.#budget.diskBytes += bytes;
    return true;
  }

  /** Gives all of it back. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.giveMemory(this.memoryBytes);
    this.#inMemory.leave(this.#memory);
    this.#budget.diskBytes -= this.#diskBytes;
    if (this.#disk === undefined) return;
    this.#disk.bytes -= this.#diskBytes;
    this.#onDisk.leave(this.#disk);
  }
}

/** A single content has a limit of its own. */
function isBeyond(share: ClientShare, bytes: number): boolean {
  return share.messages > 1 && share.bytes > bytes;
}
