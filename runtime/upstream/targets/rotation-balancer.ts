import type { BalanceRequest, Balancer, BalanceTarget } from "../balance/balancer.ts";
import { WeightedRotation } from "../weighted-rotation.ts";

/** In turn, by weight: what an upstream does that says nothing about balancing. */
export class RotationBalancer implements Balancer {
  #targets: readonly BalanceTarget[] = [];
  #rotation = new WeightedRotation([]);

  update(targets: readonly BalanceTarget[]): void {
    this.#targets = [...targets];
    this.#rotation = new WeightedRotation(targets.map((target) => target.weight));
  }

  pick(_request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const targets = this.#targets;
    if (targets.length === 0) return undefined;
    let target = targets[this.#rotation.next()];
    if (avoid === undefined || avoid.size === 0) return target;
    // Each target comes within one round, which is as long as the weights are uneven: bounded by looking instead.
    for (let tries = 0; tries < targets.length && avoid.has(target as BalanceTarget); tries++) {
      target = targets[this.#rotation.next()];
    }
    if (!avoid.has(target as BalanceTarget)) return target;
    return targets.find((other) => !avoid.has(other)) ?? target;
  }
}
