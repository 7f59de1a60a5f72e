/**
 * Time, in one place: wall clock, monotonic clock and deadlines.
 *
 * Deadlines sit in one coarse wheel (25 ms a slot) that a single unreferenced timer turns while any are armed. Arming
 * and disarming is a linked-list operation, so a request can have several without a timer of its own. A deadline fires
 * between its time and one slot later, never before.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
}

/** For the few that wait on their own: what belongs to a request is a {@link Deadline}. */
export interface TimerClock extends Clock {
  /** Calls once, `ms` from now, unless it is cleared first. Holds no process back. */
  setTimer(onDue: () => void, ms: number): Timer;
}

export interface Timer {
  /** Harmless when it has fired, and twice. */
  clear(): void;
}

export const systemClock: TimerClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(onDue, ms) {
    const timer = setTimeout(onDue, ms).unref();
    return { clear: () => clearTimeout(timer) };
  },
};

const SLOT_MS = 25;
const SLOTS = 512;

/** A point in time at which something happens unless it is disarmed first. Reusable: arm again after firing or disarming. */
export class Deadline {
  /** Intrusive doubly linked list: owned by the wheel. */
  previous: Deadline | null = null;
  next: Deadline | null = null;
  slot = -1;
  dueTick = 0;
  readonly onDue: () => void;

  constructor(onDue: () => void) {
    this.onDue = onDue;
  }

  get armed(): boolean {
    return this.slot !== -1;
  }
}

/** The wheel. One for each process is enough; tests make their own with a fake clock and call `turn()`. */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: (Deadline | null)[] = Array.from({ length: SLOTS }, () => null);
  readonly #automatic: boolean;
  #armed = 0;
  #tick: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock = systemClock, automatic = true) {
    this.#clock = clock;
    this.#automatic = automatic;
    this.#tick = Math.floor(clock.monotonic() / SLOT_MS);
  }

  /** Fires `deadline.onDue` once, `ms` from now. An armed deadline is moved. */
  arm(deadline: Deadline, ms: number): void {
    if (deadline.slot !== -1) this.#unlink(deadline);
    if (this.#armed === 0) this.#tick = Math.floor(this.#clock.monotonic() / SLOT_MS);
    const due = Math.floor((this.#clock.monotonic() + Math.max(0, ms)) / SLOT_MS) + 1;
    deadline.dueTick = Math.max(due, this.#tick + 1);
    const slot = deadline.dueTick % SLOTS;
    const head = this.#slots[slot] ?? null;
    deadline.slot = slot;
    deadline.next = head;
    deadline.previous = null;
    if (head !== null) head.previous = deadline;
    this.#slots[slot] = deadline;
    this.#armed += 1;
    if (this.#automatic && this.#timer === undefined) {
      this.#timer = setInterval(() => this.turn(), SLOT_MS);
      this.#timer.unref();
    }
  }

  /** Forgets the deadline; harmless if it is not armed. */
  disarm(deadline: Deadline): void {
    if (deadline.slot !== -1) this.#unlink(deadline);
  }

  /** Fires what is due. Called by the wheel's own timer; by tests after moving their clock. */
  turn(): void {
    const now = Math.floor(this.#clock.monotonic() / SLOT_MS);
    // After a long stall every slot needs one visit, not one for each tick that was missed.
    const first = Math.max(this.#tick + 1, now - SLOTS + 1);
    this.#tick = now;
    for (let tick = first; tick <= now; tick++) {
      let deadline = this.#slots[tick % SLOTS] ?? null;
      while (deadline !== null) {
        const next: Deadline | null = deadline.next;
        if (deadline.dueTick <= now) {
          this.#unlink(deadline);
          deadline.onDue();
          // onDue may have disarmed or moved `next`: start the slot again rather than follow a stale link.
          deadline = this.#slots[tick % SLOTS] ?? null;
        } else {
          deadline = next;
        }
      }
    }
    if (this.#armed === 0 && this.#timer !== undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Monotonic time at which the next one fires, for whoever turns the wheel by hand. Looks at all of them. */
  get nextDueMs(): number | undefined {
    let tick = Number.POSITIVE_INFINITY;
    for (const first of this.#armed === 0 ? [] : this.#slots) {
      for (let one = first; one !== null; one = one.next) tick = Math.min(tick, one.dueTick);
    }
    return tick === Number.POSITIVE_INFINITY ? undefined : tick * SLOT_MS;
  }

  /** How many deadlines are armed. */
  get size(): number {
    return this.#armed;
  }

  #unlink(deadline: Deadline): void {
    if (deadline.previous !== null) deadline.previous.next = deadline.next;
    else this.#slots[deadline.slot] = deadline.next;
    if (deadline.next !== null) deadline.next.previous = deadline.previous;
    deadline.previous = null;
    deadline.next = null;
    deadline.slot = -1;
    this.#armed -= 1;
  }
}
