import { AliasTable } from "./alias-table.ts";
import { anyOutside } from "./any-outside.ts";
import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";

const TRIES = 4;

/**
 * Two at random, by weight; of these the one with fewer requests under way for its weight. Nearly as even as looking at
 * all of them, and proxies that know nothing of each other do not all run to the same target.
 */
export class TwoChoices implements Balancer {
  readonly #random: () => number;
  #targets: readonly BalanceTarget[] = [];
  #table = new AliasTable([]);

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  update(targets: readonly BalanceTarget[]): void {
    this.#targets = [...targets];
    this.#table = new AliasTable(targets.map((target) => target.weight));
  }

  pick(_request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const targets = this.#targets;
    if (targets.length < 2) return targets[0];
    const first = this.#draw(avoid);
    if (first === undefined) {
      return anyOutside(
        targets,
        avoid as ReadonlySet<BalanceTarget>,
        Math.floor(this.#random() * targets.length),
      );
    }
    for (let tries = 0; tries < TRIES; tries++) {
      const second = this.#draw(avoid);
      if (second === undefined) return first;
      // A pair of one is no choice. Where one target has nearly all the weight, it is drawn again and again.
      if (second !== first) return isBusier(first, second) ? second : first;
    }
    return first;
  }

  /** `undefined`: luck brought only those to avoid. */
  #draw(avoid: ReadonlySet<BalanceTarget> | undefined): BalanceTarget | undefined {
    for (let tries = 0; tries < TRIES; tries++) {
      const target = this.#targets[this.#table.draw(this.#random())] as BalanceTarget;
      if (avoid === undefined || !avoid.has(target)) return target;
    }
    return undefined;
  }
}

/** With the request that is to come, so that among idle ones the larger wins. */
function isBusier(first: BalanceTarget, second: BalanceTarget): boolean {
  return (first.active + 1) / first.weight > (second.active + 1) / second.weight;
}
