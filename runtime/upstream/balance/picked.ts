import type { Context, PickTarget, ProxyRequest } from "@gatewright/sdk";

import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";

export type PickFunction = (
  targets: readonly PickTarget[],
  request: ProxyRequest,
  ctx: Context,
) => PickTarget | undefined;

export interface PickedOptions {
  readonly pick: PickFunction;
  /** Chooses where the function does not. */
  readonly otherwise: Balancer;
  readonly onFault: (error: unknown) => void;
}

/** A function of the config chooses. What it leaves open, gets wrong or fails at goes the way it would without it. */
export class Picked implements Balancer {
  readonly binding = true;
  readonly #options: PickedOptions;
  #views: readonly TargetView[] = [];
  #known = new Set<unknown>();

  constructor(options: PickedOptions) {
    this.#options = options;
  }

  update(targets: readonly BalanceTarget[]): void {
    this.#views = Object.freeze(targets.map((target) => new TargetView(target)));
    this.#known = new Set(this.#views);
    this.#options.otherwise.update(targets);
  }

  pick(request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const { facades } = request;
    const chosen =
      facades === undefined
        ? undefined
        : this.#ask(this.#offered(avoid), facades.request, facades.context);
    return chosen ?? this.#options.otherwise.pick(request, avoid);
  }

  begun(target: BalanceTarget): void {
    this.#options.otherwise.begun?.(target);
  }

  ended(target: BalanceTarget): void {
    this.#options.otherwise.ended?.(target);
  }

  setCookie(request: BalanceRequest, target: BalanceTarget): string | undefined {
    return this.#options.otherwise.setCookie?.(request, target);
  }

  #offered(avoid: ReadonlySet<BalanceTarget> | undefined): readonly TargetView[] {
    if (avoid === undefined || avoid.size === 0) return this.#views;
    const others = this.#views.filter((view) => !avoid.has(TargetView.targetOf(view)));
    return others.length === 0 ? this.#views : Object.freeze(others);
  }

  #ask(
    offered: readonly TargetView[],
    request: ProxyRequest,
    context: Context,
  ): BalanceTarget | undefined {
    if (offered.length === 0) return undefined;
    const { pick, onFault } = this.#options;
    try {
      const chosen: unknown = pick(offered, request, context);
      if (chosen === undefined) return undefined;
      // The list is short of those that failed this request; a view kept from before may be of a target that is gone.
      if (this.#known.has(chosen) && offered.includes(chosen as TargetView)) {
        return TargetView.targetOf(chosen as TargetView);
      }
      onFault(new TypeError(`pick returned ${describe(chosen)}, which is none of its targets`));
    } catch (error) {
      onFault(error);
    }
    return undefined;
  }
}

/** What the function sees: live figures, nothing to change. */
class TargetView implements PickTarget {
  readonly #target: BalanceTarget;

  constructor(target: BalanceTarget) {
    this.#target = target;
  }

  static targetOf(view: TargetView): BalanceTarget {
    return view.#target;
  }

  get key(): string {
    return this.#target.key;
  }

  get weight(): number {
    return this.#target.weight;
  }

  get active(): number {
    return this.#target.active;
  }

  get latencyMs(): number {
    return this.#target.latencyMs;
  }

  get healthy(): boolean {
    const { state } = this.#target;
    return state === undefined || state === "up" || state === "half-open";
  }
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value;
  return "then" in value ? "a promise (it must answer at once)" : "an object";
}
