import { Deadline, type DeadlineWheel } from "../../clock.ts";
import type { OutlierRule } from "./health-rules.ts";

/** Whether one target is left out, for how long, and how often it was. */
export class Ejection {
  isOut = false;
  readonly #wheel: DeadlineWheel;
  readonly #now: () => number;
  readonly #end: Deadline;
  #times = 0;
  #returnedMs = 0;

  constructor(wheel: DeadlineWheel, now: () => number, onEnd: () => void) {
    this.#wheel = wheel;
    this.#now = now;
    this.#end = new Deadline(() => {
      this.#return();
      onEnd();
    });
  }

  /** Longer each time; each `baseTimeMs` that it does well takes one time back. Returns for how long. */
  begin({ baseTimeMs, maxTimeMs }: OutlierRule): number {
    const forgiven = Math.floor((this.#now() - this.#returnedMs) / baseTimeMs);
    this.#times = Math.max(0, this.#times - forgiven) + 1;
    this.isOut = true;
    const ms = Math.min(baseTimeMs * this.#times, Math.max(baseTimeMs, maxTimeMs));
    this.#wheel.arm(this.#end, ms);
    return ms;
  }

  /** Back before its time. */
  cancel(): void {
    this.#wheel.disarm(this.#end);
    if (this.isOut) this.#return();
  }

  #return(): void {
    this.isOut = false;
    this.#returnedMs = this.#now();
  }
}
