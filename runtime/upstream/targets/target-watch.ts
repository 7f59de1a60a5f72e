/** Keeps a list of targets up to date that is looked up rather than written down. */
import { Deadline, type DeadlineWheel } from "../../clock.ts";
import type { Target } from "../target.ts";

/** One look at where the targets are. */
export interface Resolution {
  readonly targets: readonly Target[];
  /** How long it holds. */
  readonly ttlMs: number;
  /** Names that could not be looked up; for them `targets` has the last good answer, if there was one. */
  readonly failure?: string | undefined;
}

export type ResolveTargets = () => Promise<Resolution>;

export interface TargetWatchOptions {
  readonly resolve: ResolveTargets;
  readonly wheel: DeadlineWheel;
  readonly onTargets: (targets: readonly Target[]) => void;
  /** Told once, until it works again. */
  readonly onFailure: (reason: string) => void;
  readonly onRecovery: () => void;
  /** Told once each time that the list is longer than allowed. */
  readonly onSurplus?: (count: number) => void;
  readonly maxTargets?: number;
}

const MIN_TTL_MS = 1000;
const MAX_TTL_MS = 3_600_000;
const MAX_RETRY_MS = 30_000;
/** Connections that cannot be made hurry the next look, but not more often than that. */
const MIN_GAP_MS = 1000;
const MAX_TARGETS = 1000;

export class TargetWatch {
  readonly #options: TargetWatchOptions;
  readonly #deadline: Deadline;
  #resolve: ResolveTargets;
  #running = false;
  #closed = false;
  #failures = 0;
  #failing = false;
  #hadSurplus = false;
  /** Asked for again while it ran: what it found may be old already. */
  #again = false;

  constructor(options: TargetWatchOptions) {
    this.#options = options;
    this.#resolve = options.resolve;
    this.#deadline = new Deadline(() => void this.#look());
    void this.#look();
  }

  /** From now on in another way, beginning now. */
  setResolve(resolve: ResolveTargets): void {
    this.#resolve = resolve;
    if (this.#running) this.#again = true;
    else void this.#look();
  }

  /** Soon: something that it found does not answer. */
  hurry(): void {
    if (this.#closed || this.#running) return;
    const { wheel } = this.#options;
    if (this.#hurried) return;
    this.#hurried = true;
    wheel.arm(this.#deadline, MIN_GAP_MS);
  }

  close(): void {
    this.#closed = true;
    this.#options.wheel.disarm(this.#deadline);
  }

  #hurried = false;

  async #look(): Promise<void> {
    this.#running = true;
    this.#again = false;
    this.#hurried = false;
    this.#options.wheel.disarm(this.#deadline);
    let waitMs: number;
    try {
      const resolution = await this.#resolve();
      if (this.#closed) return;
      waitMs = this.#take(resolution);
    } catch (error) {
      if (this.#closed) return;
      waitMs = this.#failed(error instanceof Error ? error.message : String(error));
    } finally {
      this.#running = false;
    }
    if (this.#again) void this.#look();
    else this.#options.wheel.arm(this.#deadline, waitMs);
  }

  #take({ targets, ttlMs, failure }: Resolution): number {
    const { onTargets, maxTargets = MAX_TARGETS, onSurplus } = this.#options;
    const hasSurplus = targets.length > maxTargets;
    if (hasSurplus && !this.#hadSurplus) onSurplus?.(targets.length);
    this.#hadSurplus = hasSurplus;
    // An empty answer is more likely a mistake than a wish: what was there before stays.
    if (targets.length > 0) onTargets(targets.slice(0, maxTargets));
    if (failure !== undefined) return this.#failed(failure);
    if (targets.length === 0) return this.#failed("no targets were found");
    this.#failures = 0;
    if (this.#failing) this.#options.onRecovery();
    this.#failing = false;
    return Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS);
  }

  #failed(reason: string): number {
    if (!this.#failing) this.#options.onFailure(reason);
    this.#failing = true;
    this.#failures += 1;
    return Math.min(MIN_TTL_MS * 2 ** Math.min(this.#failures - 1, 10), MAX_RETRY_MS);
  }
}
