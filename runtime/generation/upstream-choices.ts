import type {
  ResolvedFetchUpstream,
  ResolvedMirror,
  ResolvedNetworkUpstream,
  ResolvedSplitUpstream,
  ResolvedUpstream,
} from "../config/resolved-config.ts";
import type { MirrorPlan, SplitPlan, UpstreamChoice, UpstreamPlan } from "../pipeline/parts.ts";
import { WeightedSplit } from "../upstream/balance/weighted-split.ts";

export interface UpstreamChoicesOptions {
  readonly upstreams: ReadonlyMap<string, ResolvedUpstream>;
  readonly toPlan: (resolved: ResolvedNetworkUpstream | ResolvedFetchUpstream) => UpstreamPlan;
  readonly onFault: (error: unknown) => void;
}

export interface UpstreamChoices {
  /** What each name leads to. */
  readonly choices: ReadonlyMap<string, UpstreamChoice>;
  readonly mirrorOf: (mirror: ResolvedMirror | undefined) => MirrorPlan | undefined;
}

/** Joins the upstreams that name each other: mirrors and splits. */
export function createChoices({
  upstreams,
  toPlan,
  onFault,
}: UpstreamChoicesOptions): UpstreamChoices {
  // What a copy goes to has no mirror: copies are not copied.
  const bare = new Map<string, UpstreamPlan>();
  for (const resolved of upstreams.values()) {
    if (resolved.kind !== "split") bare.set(resolved.name, toPlan(resolved));
  }
  const mirrorOf = (mirror: ResolvedMirror | undefined): MirrorPlan | undefined =>
    mirror && {
      ...mirror,
      upstream: bare.get(mirror.upstream) as UpstreamPlan,
      state: { underWay: 0 },
    };

  const plans = new Map<string, UpstreamPlan>();
  const choices = new Map<string, UpstreamChoice>();
  for (const resolved of upstreams.values()) {
    if (resolved.kind === "split") continue;
    const plan = bare.get(resolved.name) as UpstreamPlan;
    const mirror = resolved.kind === "network" ? mirrorOf(resolved.mirror) : undefined;
    plans.set(resolved.name, mirror === undefined ? plan : { ...plan, mirror });
  }
  // In the order of the config.
  for (const resolved of upstreams.values()) {
    const choice =
      resolved.kind === "split"
        ? splitPlan(resolved, plans, onFault)
        : (plans.get(resolved.name) as UpstreamPlan);
    choices.set(resolved.name, choice);
  }
  return { choices, mirrorOf };
}

function splitPlan(
  resolved: ResolvedSplitUpstream,
  plans: ReadonlyMap<string, UpstreamPlan>,
  onFault: (error: unknown) => void,
): SplitPlan {
  const split = new WeightedSplit({ ...resolved, onFault });
  return {
    name: resolved.name,
    plans: resolved.shares.map(([name]) => plans.get(name) as UpstreamPlan),
    choose: (request) => plans.get(split.choose(request)) as UpstreamPlan,
  };
}
