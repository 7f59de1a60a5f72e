import { anyOutside } from "./any-outside.ts";
import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";
import { HashRing } from "./hash-ring.ts";
import { keyHash } from "./key-hash.ts";

/** Below that many requests under way a target is never too busy: with few requests, shares say nothing. */
const NEVER_BUSY = 8;
/** How far a key goes round the ring for a target that is not too busy; beyond, targets are looked at one by one. */
const MAX_STEPS = 256;

export interface ConsistentHashOptions {
  readonly keyOf: (request: BalanceRequest) => string;
  /** How much more than its share a target may have under way before keys go on to the next (1.25); absent: any. */
  readonly boundedLoad?: number | undefined;
}

/**
 * The same key, the same target (Karger and others, 1997), unless that one has too much to do already (Mirrokni,
 * Thorup and Zadimoghaddam, 2016): then the next on the ring, the same one for that key each time.
 */
export class ConsistentHash implements Balancer {
  readonly binding = true;
  readonly #keyOf: (request: BalanceRequest) => string;
  readonly #bound: number | undefined;
  #ring = new HashRing<BalanceTarget>([]);
  #members = new Set<BalanceTarget>();
  /** Requests under way at all members. */
  #active = 0;
  #weight = 0;

  constructor({ keyOf, boundedLoad }: ConsistentHashOptions) {
    this.#keyOf = keyOf;
    this.#bound = boundedLoad;
  }

  update(targets: readonly BalanceTarget[]): void {
    this.#ring = new HashRing(targets, this.#ring);
    this.#members = new Set(targets);
    this.#active = targets.reduce((sum, { active }) => sum + active, 0);
    this.#weight = targets.reduce((sum, { weight }) => sum + weight, 0);
  }

  pick(request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const ring = this.#ring;
    const { members, size } = ring;
    if (members.length < 2) return members[0];
    const start = ring.find(keyHash(this.#keyOf(request)));
    const steps = Math.min(size, MAX_STEPS);
    for (let step = 0, point = start; step < steps; step++) {
      const target = members[ring.ownerAt(point)] as BalanceTarget;
      if (!this.#isBusy(target) && (avoid === undefined || !avoid.has(target))) return target;
      point = point + 1 === size ? 0 : point + 1;
    }
    const owner = ring.ownerAt(start);
    return this.#anyFree(owner, avoid) ?? anyOutside(members, avoid ?? NONE, owner);
  }

  begun(target: BalanceTarget): void {
    if (this.#members.has(target)) this.#active += 1;
  }

  ended(target: BalanceTarget): void {
    if (this.#members.has(target)) this.#active -= 1;
  }

  #isBusy({ active, weight }: BalanceTarget): boolean {
    if (this.#bound === undefined || active < NEVER_BUSY) return false;
    return active >= (this.#bound * (this.#active + 1) * weight) / this.#weight;
  }

  #anyFree(from: number, avoid: ReadonlySet<BalanceTarget> | undefined): BalanceTarget | undefined {
    const { members } = this.#ring;
    for (let i = 0; i < members.length; i++) {
      const target = members[(from + i) % members.length] as BalanceTarget;
      if (!this.#isBusy(target) && avoid?.has(target) !== true) return target;
    }
    return undefined;
  }
}

const NONE: ReadonlySet<BalanceTarget> = new Set();
