import { Deadline, type DeadlineWheel } from "../../clock.ts";
import type { TargetMember } from "../targets/target-member.ts";
import type { CheckTimes } from "./health-rules.ts";
import type { Probe } from "./probe.ts";

export interface CheckScheduleOptions {
  readonly wheel: DeadlineWheel;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Whether it is worth while at present. */
  readonly wanted: (member: TargetMember) => boolean;
  readonly isDown: (member: TargetMember) => boolean;
  /** A check's connection counts like any other. False: there is no place for one more. */
  readonly takePlace: (member: TargetMember) => boolean;
  readonly givePlace: (member: TargetMember) => void;
  /** What is wrong with it, or nothing. */
  readonly onResult: (member: TargetMember, failure: string | undefined) => void;
}

export interface CheckPlan extends CheckTimes {
  readonly probe: Probe;
  /** It opens a connection of ours. */
  readonly needsPlace: boolean;
  /** The first look comes soon instead of after an interval. */
  readonly startsSoon: boolean;
}

interface Slot {
  readonly member: TargetMember;
  readonly due: Deadline;
  readonly limit: Deadline;
  running: AbortController | undefined;
  removed: boolean;
}

/** Checks at the same time, of one upstream: a thousand targets must not be asked all at once. */
const MAX_RUNNING = 16;
const SOON_MS = 1000;
const NO_PLACE_MS = 500;

/** When which target is checked. All of it is off the path of requests. */
export class CheckSchedule {
  readonly #options: CheckScheduleOptions;
  #plan: CheckPlan;
  readonly #slots = new Map<TargetMember, Slot>();
  /** Due, while too many ran. */
  readonly #waiting = new Set<Slot>();
  #running = 0;

  constructor(plan: CheckPlan, options: CheckScheduleOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  add(member: TargetMember): void {
    const slot: Slot = {
      member,
      due: new Deadline(() => this.#begin(slot)),
      limit: new Deadline(() => this.#onLimit(slot)),
      running: undefined,
      removed: false,
    };
    this.#slots.set(member, slot);
    this.#arm(slot, this.#plan.startsSoon);
  }

  remove(member: TargetMember): void {
    const slot = this.#slots.get(member);
    if (slot === undefined) return;
    this.#slots.delete(member);
    this.#drop(slot);
  }

  /** Checks that run go on; what comes next follows the new plan. */
  setPlan(plan: CheckPlan): void {
    const before = this.#plan;
    this.#plan = plan;
    if (plan.intervalMs === before.intervalMs && plan.downIntervalMs === before.downIntervalMs) {
      return;
    }
    for (const slot of this.#slots.values()) if (slot.due.armed) this.#arm(slot);
  }

  /** From now on at the other interval. */
  reschedule(member: TargetMember): void {
    const slot = this.#slots.get(member);
    if (slot?.due.armed === true) this.#arm(slot);
  }

  close(): void {
    for (const slot of this.#slots.values()) this.#drop(slot);
    this.#slots.clear();
  }

  #drop(slot: Slot): void {
    slot.removed = true;
    this.#waiting.delete(slot);
    this.#options.wheel.disarm(slot.due);
    this.#options.wheel.disarm(slot.limit);
    slot.running?.abort();
  }

  #arm(slot: Slot, soon = false): void {
    const { intervalMs, downIntervalMs, jitter } = this.#plan;
    const { wheel, random, isDown } = this.#options;
    const baseMs = isDown(slot.member) ? downIntervalMs : intervalMs;
    const ms = soon
      ? Math.min(baseMs, SOON_MS) * random()
      : baseMs * (1 + jitter * (2 * random() - 1));
    wheel.arm(slot.due, ms);
  }

  #begin(slot: Slot): void {
    const { wheel, wanted, takePlace, givePlace } = this.#options;
    const { member } = slot;
    if (!wanted(member)) {
      this.#arm(slot);
      return;
    }
    if (this.#running >= MAX_RUNNING) {
      this.#waiting.add(slot);
      return;
    }
    const { probe, needsPlace, timeoutMs } = this.#plan;
    if (needsPlace && !takePlace(member)) {
      // All its connections are at work: requests say how it is.
      wheel.arm(slot.due, NO_PLACE_MS);
      return;
    }
    const running = new AbortController();
    slot.running = running;
    this.#running += 1;
    wheel.arm(slot.limit, timeoutMs);
    probe(member, running.signal)
      .catch((error: unknown) => String(error))
      .then((failure) => {
        if (needsPlace) givePlace(member);
        this.#end(slot, running, failure);
      })
      // What it leads to is ours; a mistake there must not end the process.
      .catch(() => {});
  }

  #onLimit(slot: Slot): void {
    const { running } = slot;
    if (running === undefined) return;
    running.abort();
    this.#end(slot, running, `no answer within ${this.#plan.timeoutMs} ms`);
  }

  /** Once for each check: when it is over or its time is, whichever comes first. */
  #end(slot: Slot, running: AbortController, failure: string | undefined): void {
    if (slot.running !== running) return;
    slot.running = undefined;
    this.#running -= 1;
    if (!slot.removed) {
      this.#options.wheel.disarm(slot.limit);
      this.#options.onResult(slot.member, failure);
      if (!slot.removed) this.#arm(slot);
    }
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#begin(next);
  }
}
