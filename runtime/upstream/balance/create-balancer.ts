import type { Clock } from "../../clock.ts";
import { createKey, type KeySource } from "./balance-key.ts";
import type { Balancer } from "./balancer.ts";
import { ConsistentHash } from "./consistent-hash.ts";
import { LeastConnections } from "./least-connections.ts";
import { Picked, type PickFunction } from "./picked.ts";
import { RoundRobin } from "./round-robin.ts";
import { StickyCookie, type CookieAttributes } from "./sticky-cookie.ts";
import { throttled } from "./throttled.ts";
import { TwoChoices } from "./two-choices.ts";

export type SimpleAlgorithm = "round-robin" | "least-connections" | "random-two-choices";

/** How an upstream's targets are chosen; every default filled in. */
export type BalanceRule =
  | { readonly type: SimpleAlgorithm }
  | { readonly type: "hash"; readonly by: KeySource; readonly boundedLoad: number | undefined }
  | {
      readonly type: "sticky";
      readonly cookie: CookieAttributes;
      /** The first one signs. None: those of the data folder. */
      readonly secrets: readonly string[];
      readonly otherwise: SimpleAlgorithm;
    };

export interface BalancerOptions {
  /** Name of the upstream. */
  readonly name: string;
  readonly rule: BalanceRule;
  readonly pick?: PickFunction | undefined;
  /** For sticky cookies whose rule has none. */
  readonly secrets?: readonly string[] | undefined;
  /** A function of the config threw or returned nonsense: told at most once a minute. */
  readonly onFault?: ((error: unknown) => void) | undefined;
  /** From 0 up to, but not, 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  readonly clock?: Clock | undefined;
}

export function createBalancer(options: BalancerOptions): Balancer {
  const onFault = throttled(options.onFault, options.clock);
  const balancer = fromRule(options, onFault);
  const { pick } = options;
  return pick === undefined ? balancer : new Picked({ pick, otherwise: balancer, onFault });
}

function fromRule(
  { rule, name, secrets = [], random }: BalancerOptions,
  onFault: (error: unknown) => void,
): Balancer {
  switch (rule.type) {
    case "hash":
      return new ConsistentHash({
        keyOf: createKey(rule.by, onFault),
        boundedLoad: rule.boundedLoad,
      });
    case "sticky":
      return new StickyCookie({
        upstream: name,
        cookie: rule.cookie,
        secrets: rule.secrets.length === 0 ? secrets : rule.secrets,
        otherwise: simple(rule.otherwise, random),
      });
    default:
      return simple(rule.type, random);
  }
}

function simple(algorithm: SimpleAlgorithm, random: (() => number) | undefined): Balancer {
  switch (algorithm) {
    case "round-robin":
      return new RoundRobin();
    case "least-connections":
      return new LeastConnections();
    case "random-two-choices":
      return new TwoChoices(random);
  }
}
