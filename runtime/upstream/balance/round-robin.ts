import { anyOutside } from "./any-outside.ts";
import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";
import { SmoothSchedule } from "./smooth-schedule.ts";

/** In turn, by weight, as evenly as can be. Equal weights: strictly one after the other. */
export class RoundRobin implements Balancer {
  /** In the order of their turns. */
  #targets: readonly BalanceTarget[] = [];
  /** Where weights differ. */
  #schedule: SmoothSchedule | undefined;
  #next = 0;

  update(targets: readonly BalanceTarget[]): void {
    // Health and slow start change often. Whoever has waited longest must not be the last again each time.
    const before = new Map(this.#targets.map((target, at) => [target, this.#owed(at)]));
    const owed = (target: BalanceTarget): number => before.get(target) ?? 0;
    this.#targets = [...targets].sort((a, b) => owed(b) - owed(a));
    this.#next = 0;
    const weights = this.#targets.map((target) => target.weight);
    this.#schedule = weights.every((weight) => weight === weights[0])
      ? undefined
      : new SmoothSchedule(weights, this.#targets.map(owed));
  }

  pick(_request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const targets = this.#targets;
    if (targets.length === 0) return undefined;
    const at = this.#turn();
    const target = targets[at] as BalanceTarget;
    if (avoid === undefined || !avoid.has(target)) return target;
    // Turns of those to avoid are given up; how long others let wait depends on the weights, so that is bounded.
    for (let tries = 0; tries < 2 * avoid.size; tries++) {
      const other = targets[this.#turn()] as BalanceTarget;
      if (!avoid.has(other)) return other;
    }
    return anyOutside(targets, avoid, at + 1);
  }

  #turn(): number {
    if (this.#schedule !== undefined) return this.#schedule.next();
    const at = this.#next;
    this.#next = at + 1 === this.#targets.length ? 0 : at + 1;
    return at;
  }

  /** Part of a turn: the sooner its turn comes, the more. */
  #owed(at: number): number {
    if (this.#schedule !== undefined) return this.#schedule.owed(at);
    const { length } = this.#targets;
    const turnsBefore = (at - this.#next + length) % length;
    return ((length - 1) / 2 - turnsBefore) / length;
  }
}
