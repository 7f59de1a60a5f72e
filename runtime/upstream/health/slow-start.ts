import { Deadline, type DeadlineWheel } from "../../clock.ts";

const MIN_SHARE = 0.1;
/** Each step makes the balancer's tables anew. */
const STEPS = 20;
const MIN_STEP_MS = 250;

/** Lets one target's weight grow. */
export class SlowStart {
  readonly #wheel: DeadlineWheel;
  readonly #now: () => number;
  readonly #setShare: (share: number) => void;
  readonly #step: Deadline;
  #beganMs = 0;
  #lengthMs = 0;

  constructor(wheel: DeadlineWheel, now: () => number, setShare: (share: number) => void) {
    this.#wheel = wheel;
    this.#now = now;
    this.#setShare = setShare;
    this.#step = new Deadline(() => this.#grow());
  }

  begin(lengthMs: number): void {
    this.#beganMs = this.#now();
    this.#lengthMs = lengthMs;
    this.#grow();
  }

  /** The whole weight at once. */
  end(): void {
    this.#wheel.disarm(this.#step);
    this.#setShare(1);
  }

  /** The target is gone. */
  stop(): void {
    this.#wheel.disarm(this.#step);
  }

  #grow(): void {
    const passed = (this.#now() - this.#beganMs) / this.#lengthMs;
    this.#setShare(Math.min(1, Math.max(MIN_SHARE, passed)));
    if (passed >= 1) return;
    this.#wheel.arm(this.#step, Math.max(MIN_STEP_MS, this.#lengthMs / STEPS));
  }
}
