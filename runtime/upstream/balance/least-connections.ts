import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";
import { IndexHeap } from "./index-heap.ts";

/**
 * Fewest requests under way for its weight. Those that are equal take turns by weight, so that requests which come one
 * after the other do not all go to the same.
 *
 * The heap learns of changes by `begun` and `ended`. It also looks at one more target with each pick: whatever it may
 * have missed, it does not believe for ever.
 */
export class LeastConnections implements Balancer {
  #targets: readonly BalanceTarget[] = [];
  #places = new Map<BalanceTarget, number>();
  #heap = new IndexHeap(0);
  #checked = 0;
  /** Of turns among equals: where the one was that was chosen last. */
  #turn = 0;

  update(targets: readonly BalanceTarget[]): void {
    const heap = new IndexHeap(targets.length);
    const places = new Map<BalanceTarget, number>();
    for (const [at, target] of targets.entries()) {
      const before = this.#places.get(target);
      places.set(target, at);
      heap.keys[at] = load(target);
      heap.ties[at] = before === undefined ? this.#turn : (this.#heap.ties[before] as number);
      heap.push(at);
    }
    this.#targets = [...targets];
    this.#places = places;
    this.#heap = heap;
  }

  pick(_request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const targets = this.#targets;
    if (targets.length === 0) return undefined;
    this.#checked = this.#checked + 1 >= targets.length ? 0 : this.#checked + 1;
    this.#refresh(this.#checked);
    const at = avoid === undefined || avoid.size === 0 ? this.#least() : this.#leastOutside(avoid);
    const target = targets[at] as BalanceTarget;
    const { ties } = this.#heap;
    // One that was busy for long has not saved up turns: it goes on from where the others are.
    this.#turn = Math.max(this.#turn, ties[at] as number);
    ties[at] = this.#turn + 1 / target.weight;
    this.#heap.moved(at);
    return target;
  }

  begun(target: BalanceTarget): void {
    this.#changed(target);
  }

  ended(target: BalanceTarget): void {
    this.#changed(target);
  }

  #changed(target: BalanceTarget): void {
    const at = this.#places.get(target);
    if (at !== undefined) this.#refresh(at);
  }

  #refresh(at: number): boolean {
    const { keys } = this.#heap;
    const now = load(this.#targets[at] as BalanceTarget);
    if (keys[at] === now) return false;
    keys[at] = now;
    this.#heap.moved(at);
    return true;
  }

  #least(): number {
    let at = this.#heap.top;
    while (this.#refresh(at)) at = this.#heap.top;
    return at;
  }

  #leastOutside(avoid: ReadonlySet<BalanceTarget>): number {
    const passed: number[] = [];
    let at = this.#heap.pop();
    while (at !== -1 && avoid.has(this.#targets[at] as BalanceTarget)) {
      passed.push(at);
      at = this.#heap.pop();
    }
    if (at !== -1) this.#heap.push(at);
    for (const one of passed) this.#heap.push(one);
    return at === -1 ? (passed[0] as number) : at;
  }
}

function load(target: BalanceTarget): number {
  return target.active / target.weight;
}
