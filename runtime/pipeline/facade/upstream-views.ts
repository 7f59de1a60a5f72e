import type { TargetView, UpstreamView } from "@gatewright/sdk";

import type { Upstream } from "../../upstream/upstream.ts";
import type { UpstreamChoice } from "../parts.ts";

/** `ctx.upstreams` of a generation: made when a hook first asks. */
export function viewsOf(
  choices: ReadonlyMap<string, UpstreamChoice>,
): Readonly<Record<string, UpstreamView>> {
  let views = known.get(choices);
  if (views === undefined) {
    const made: Record<string, UpstreamView> = Object.create(null) as Record<string, UpstreamView>;
    for (const [name, choice] of choices) {
      const plans = "upstream" in choice ? [choice] : choice.plans;
      const upstreams = plans.map(({ upstream }) => upstream);
      made[name] = Object.freeze(new LiveView(name, upstreams));
    }
    views = Object.freeze(made);
    known.set(choices, views);
  }
  return views;
}

const known = new WeakMap<
  ReadonlyMap<string, UpstreamChoice>,
  Readonly<Record<string, UpstreamView>>
>();

/** Figures as they are when they are read; of a split, those of its parts together. */
class LiveView implements UpstreamView {
  readonly name: string;
  readonly #upstreams: readonly Upstream[];

  constructor(name: string, upstreams: readonly Upstream[]) {
    this.name = name;
    this.#upstreams = upstreams;
  }

  get open(): number {
    return this.#sum("open");
  }

  get idle(): number {
    return this.#sum("idle");
  }

  get active(): number {
    return this.#sum("active");
  }

  get queued(): number {
    return this.#sum("queued");
  }

  get targets(): TargetView[] {
    return this.#upstreams.flatMap((upstream) => upstream.targetStats?.() ?? []);
  }

  #sum(figure: "open" | "idle" | "active" | "queued"): number {
    let sum = 0;
    for (const upstream of this.#upstreams) sum += upstream.stats()[figure];
    return sum;
  }
}
