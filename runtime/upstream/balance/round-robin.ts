import { anyOutside } from "./any-outside.ts";
import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";
import { SmoothSchedule } from "./smooth-schedule.ts";

/** In turn, by weight, as evenly as can be. Equal weights: strictly one after the other. */
export class RoundRobin implements Balancer {
  #targets: readonly BalanceTarget[] = [];
  /** Where weights differ. */
  #schedule: SmoothSchedule | undefined;
  #next = 0;
  /** Where equal turns began: before it, in this round, each has had one. */
  #first = 0;

  update(targets: readonly BalanceTarget[]): void {
    // Health and slow start change often. Whoever had just had its turn must not be the first again each time.
    const before = new Map(this.#targets.map((target, at) => [target, this.#owed(at)]));
    const owed = targets.map((target) => before.get(target) ?? 0);
    this.#targets = [...targets];
    const weight = targets[0]?.weight;
    this.#schedule = targets.every((target) => target.weight === weight)
      ? undefined
      : new SmoothSchedule(
          targets.map((target) => target.weight),
          owed,
        );
    this.#next = owed.reduce((most, one, at) => (one > (owed[most] as number) ? at : most), 0);
    this.#first = this.#next;
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

  #owed(at: number): number {
    if (this.#schedule !== undefined) return this.#schedule.owed(at);
    const count = this.#targets.length;
    const turns = (this.#next - this.#first + count) % count;
    const had = (at - this.#first + count) % count < turns;
    return turns / count - (had ? 1 : 0);
  }
}
