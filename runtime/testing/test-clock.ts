import type { Duration } from "@gatewright/sdk";

import { DeadlineWheel, type Timer, type TimerClock } from "../clock.ts";
import { DURATION_EXPECTED, parseDuration } from "../units.ts";
import { settled } from "./activity.ts";

export interface TestClockOptions {
  /** Where it begins. Default: the present second. */
  readonly now?: Date | number | string;
}

/** A clock that stands still until it is told to go on. Proxies that share one share their time. */
export interface TestClock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Goes on by this time, from one due moment to the next: time limits, checks of health, lists to fetch. What each of
   * them starts has come to rest before the next is due. Fakes that wait for something outside this process are not
   * waited for.
   */
  advance(duration: Duration): Promise<void>;
  /** Resolves when the clock has gone on by this time: for a fake that is slow. */
  sleep(duration: Duration): Promise<void>;
}

/**
 * A clock for {@link createTestProxy}, which makes one of its own if none is given.
 *
 * @example
 * ```ts
 * const clock = createTestClock({ now: "2030-01-01T00:00:00Z" });
 * ```
 */
export function createTestClock(options: TestClockOptions = {}): TestClock {
  const start = new Date(options.now ?? Math.floor(Date.now() / 1000) * 1000).getTime();
  if (Number.isNaN(start)) throw new TypeError(`${String(options.now)} is no date.`);
  return new SteppedClock(start);
}

interface Waiting extends Timer {
  readonly at: number;
  readonly onDue: () => void;
}

/** What the engine sees of a test clock. */
export class SteppedClock implements TestClock, TimerClock {
  readonly wheel: DeadlineWheel;
  readonly #start: number;
  readonly #timers = new Set<Waiting>();
  /** Not 0: the real one never is. */
  #passedMs = FIRST_MS;
  #running: Promise<void> = Promise.resolve();

  constructor(start: number) {
    this.#start = start;
    this.wheel = new DeadlineWheel(this, false);
  }

  now(): number {
    return this.#start + this.#passedMs - FIRST_MS;
  }

  monotonic(): number {
    return this.#passedMs;
  }

  setTimer(onDue: () => void, ms: number): Timer {
    // At least one: a timer that sets itself anew must not stop the time.
    const at = this.#passedMs + Math.max(1, ms);
    const timer = { at, onDue, clear: () => void this.#timers.delete(timer) };
    this.#timers.add(timer);
    return timer;
  }

  advance(duration: Duration): Promise<void> {
    const ms = toMs(duration, "advance");
    const done = this.#running.then(() => this.#goOn(ms));
    this.#running = done.catch(() => {});
    return done;
  }

  sleep(duration: Duration): Promise<void> {
    return new Promise((resolve) => this.setTimer(resolve, toMs(duration, "sleep")));
  }

  /**
   * For somebody who waits while nothing moves: goes on to the next due moment if that is not later than `limitMs`
   * (monotonic). False if there is none.
   */
  nudge(limitMs: number): Promise<boolean> {
    const done = this.#running.then(async () => {
      const due = this.#nextDueMs();
      if (due > limitMs) return false;
      await this.#stepTo(due);
      return true;
    });
    this.#running = done.then(() => {});
    return done;
  }

  async #goOn(ms: number): Promise<void> {
    await settled();
    const end = this.#passedMs + ms;
    for (;;) {
      const due = this.#nextDueMs();
      if (due > end) break;
      await this.#stepTo(due);
    }
    await this.#stepTo(end);
  }

  #nextDueMs(): number {
    let due = this.wheel.nextDueMs ?? Number.POSITIVE_INFINITY;
    for (const timer of this.#timers) due = Math.min(due, timer.at);
    return due;
  }

  async #stepTo(moment: number): Promise<void> {
    this.#passedMs = Math.max(this.#passedMs, moment);
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#passedMs || !this.#timers.delete(timer)) continue;
      timer.onDue();
    }
    this.wheel.turn();
    await settled();
  }
}

const FIRST_MS = 1000;

/** Throws a TypeError that names the option or function. */
export function toMs(duration: Duration, what: string): number {
  const ms = duration === 0 ? 0 : parseDuration(duration);
  if (ms === undefined) {
    throw new TypeError(`${what}: expected ${DURATION_EXPECTED}, got ${JSON.stringify(duration)}.`);
  }
  return ms;
}
