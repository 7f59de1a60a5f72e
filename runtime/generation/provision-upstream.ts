import { createHash } from "node:crypto";
import { createSecureContext } from "node:tls";

import type { Clock, DeadlineWheel } from "../clock.ts";
import type { CodeSlot, ConfigIssue } from "../config/load.ts";
import type {
  ResolvedConfig,
  ResolvedNetworkUpstream,
  ResolvedPem,
} from "../config/resolved-config.ts";
import type { Log } from "../log.ts";
import { PemFiles } from "../primitives/tls/pem-files.ts";
import { TlsOptionsError } from "../primitives/tls/tls-issue.ts";
import type { Balancer } from "../upstream/balance/balancer.ts";
import { createHttp2Upstream } from "../upstream/http2-upstream.ts";
import type { Network } from "../upstream/network.ts";
import { createNetworkUpstream, type NetworkUpstream } from "../upstream/network-upstream.ts";
import type { UpstreamTls } from "../upstream/open-socket.ts";
import { LocalBudget } from "../upstream/targets/connection-budget.ts";
import { NameCache } from "../upstream/targets/name-cache.ts";
import type { MembersChange } from "../upstream/targets/target-set.ts";
import { TargetWatch } from "../upstream/targets/target-watch.ts";
import { PrepareError } from "./prepare-error.ts";
import { createHealth, healthRules } from "./provision-health.ts";
import { createResolve } from "./resolve-targets.ts";
import type { ResourceRegistry } from "./resources.ts";

/** TLS of an upstream, read and found good, with what tells it from another one. */
export interface LoadedUpstreamTls {
  readonly digest: string;
  readonly tls: UpstreamTls;
}

export interface UpstreamProvisionOptions {
  readonly resolved: ResolvedNetworkUpstream;
  readonly tls: LoadedUpstreamTls | undefined;
  readonly slot: Pick<CodeSlot, "runInBackground">;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly network: Network | undefined;
  readonly random: () => number;
  readonly describeError: (error: unknown) => object;
  readonly onFault: (error: unknown) => void;
  readonly createBalancer: () => Balancer;
}

export interface AcquiredUpstream {
  readonly upstream: NetworkUpstream;
  /** To be given back. */
  readonly keys: readonly string[];
  /** Addresses, caps, limits and functions of this generation take over. */
  commit(): void;
}

/** A pool, and whoever keeps its targets up to date. Lives on while edits leave name, protocol and TLS identity alone. */
interface LivingUpstream {
  readonly upstream: NetworkUpstream;
  watch: TargetWatch | undefined;
  /** How the watch looks them up; equal texts do the same. */
  source: string;
}

const MAX_TOLD = 20;

/**
 * Connections outlive an edit: addresses come and go under the living pool, caps and limits change in place at commit.
 * What makes a new pool (the protocol, TLS) draws on the budget of the old one, so the cap holds over both.
 */
export function acquireNetworkUpstream(options: UpstreamProvisionOptions): AcquiredUpstream {
  const { resolved, resources } = options;
  const { name, proxyProtocol, http2 } = resolved;
  const namesKey = JSON.stringify(["names"]);
  const budgetKey = JSON.stringify(["connections", name]);
  const key = JSON.stringify(["upstream", name, proxyProtocol, http2, options.tls?.digest]);
  const names = resources.acquire(namesKey, () => createNames(options), nothing);
  const budget = resources.acquire(
    budgetKey,
    () => new LocalBudget(resolved.maxConnections),
    nothing,
  );
  const living = resources.acquire(key, () => create(options, names, budget), close);
  return {
    upstream: living.upstream,
    // The pool first: it still gives places back.
    keys: [key, budgetKey, namesKey],
    commit: () => commit(living, options),
  };
}

function create(
  options: UpstreamProvisionOptions,
  names: NameCache,
  budget: LocalBudget,
): LivingUpstream {
  const { resolved, wheel, clock, network, onFault, log } = options;
  const upstreamLog = { upstream: resolved.name };
  const living: { -readonly [K in keyof LivingUpstream]?: LivingUpstream[K] } = {};
  const make = resolved.http2 ? createHttp2Upstream : createNetworkUpstream;
  living.upstream = make({
    ...resolved,
    targets: isLookedUp(resolved) ? [] : resolved.targets,
    pending: isLookedUp(resolved),
    tls: options.tls?.tls,
    open: network?.openerFor(resolved.name, "requests"),
    balancer: options.createBalancer(),
    createHealth: createHealth(options, {
      tls: options.tls?.tls,
      lookup: names.lookup,
      open: network?.openerFor(resolved.name, "checks"),
    }),
    budget,
    names,
    wheel,
    clock,
    onFault,
    onUnreachable: () => living.watch?.hurry(),
    onHealthChange: ({ key, from, to, reason }) => {
      const line = { ...upstreamLog, target: key, from, to, reason };
      if (to === "up") log.info(line, "a target is healthy again");
      else log.warn(line, "a target is not healthy");
    },
    onMembersChange: ({ joined, left }: MembersChange) => {
      const line = {
        ...upstreamLog,
        joined: joined.slice(0, MAX_TOLD),
        left: left.slice(0, MAX_TOLD),
      };
      log.info(line, "the targets of an upstream have changed");
    },
  });
  const made: LivingUpstream = Object.assign(living as Required<typeof living>, {
    watch: undefined,
    source: "",
  });
  watchTargets(made, options);
  return made;
}

function commit(living: LivingUpstream, options: UpstreamProvisionOptions): void {
  const { resolved } = options;
  const { targets, ...limits } = resolved;
  living.upstream.adjust(isLookedUp(resolved) ? limits : { ...limits, targets });
  // The new one's functions: those of the generation before are let go.
  living.upstream.targets.setBalancer(options.createBalancer());
  living.upstream.targets.setHealthRules(healthRules(options));
  watchTargets(living, options);
}

/** Begins, changes or ends the looking up, as the config now says. */
function watchTargets(living: LivingUpstream, options: UpstreamProvisionOptions): void {
  const { resolved, wheel, log } = options;
  const { targets } = living.upstream;
  if (resolved.resolve === undefined) {
    living.watch?.close();
    living.watch = undefined;
    living.source = "";
    return;
  }
  const isFunction = typeof resolved.resolve.by === "function";
  // A function of this generation takes over in any case; a lookup that is the same goes on as it is.
  const source = JSON.stringify([isFunction, resolved.resolve, resolved.targets]);
  if (living.source === source && !isFunction) return;
  living.source = source;
  const resolve = createResolve({ ...options, rule: resolved.resolve });
  if (living.watch !== undefined) {
    living.watch.setResolve(resolve);
    return;
  }
  if (isFunction && resolved.targets.length > 0) targets.setMembers(resolved.targets);
  const line = { upstream: resolved.name };
  living.watch = new TargetWatch({
    resolve,
    wheel,
    onTargets: (found) => targets.setMembers(found),
    onFailure: (reason) => {
      targets.setUnresolved(reason);
      const known = targets.members.length;
      log.warn({ ...line, reason, known }, "the targets of an upstream could not be looked up");
    },
    onRecovery: () => log.info(line, "the targets of an upstream can be looked up again"),
    onSurplus: (count) =>
      log.warn({ ...line, count }, "an upstream has more targets than are used"),
  });
}

function isLookedUp({ resolve, targets }: ResolvedNetworkUpstream): boolean {
  if (resolve === undefined) return false;
  return typeof resolve.by !== "function" || targets.length === 0;
}

async function close(living: LivingUpstream): Promise<void> {
  living.watch?.close();
  await living.upstream.close();
}

function createNames({ log, clock }: UpstreamProvisionOptions): NameCache {
  return new NameCache({
    clock,
    onFailure: (name, error) =>
      log.warn(
        { name, reason: error.message },
        "a name could not be looked up; the last good addresses stay",
      ),
    onRecovery: (name) => log.info({ name }, "a name can be looked up again"),
  });
}

/**
 * Reads what upstreams trust and show. Throws a {@link PrepareError} that names everything wrong. Files are read at each
 * load of the config: a changed one makes new connections.
 */
export function loadUpstreamTls(config: ResolvedConfig): ReadonlyMap<string, LoadedUpstreamTls> {
  const loaded = new Map<string, LoadedUpstreamTls>();
  const issues: ConfigIssue[] = [];
  const files = new PemFiles();
  for (const upstream of config.upstreams.values()) {
    if (upstream.kind !== "network" || upstream.tls === undefined) continue;
    const path = `upstreams.${upstream.name}.tls`;
    const { serverName, passphrase, verify } = upstream.tls;
    try {
      const read = (pem: ResolvedPem, key: string): string => files.read(pem, `${path}.${key}`);
      const ca = upstream.tls.ca.map((pem) => read(pem, "ca"));
      const cert = upstream.tls.cert && read(upstream.tls.cert, "cert");
      const key = upstream.tls.key && read(upstream.tls.key, "key");
      const secureContext = createSecureContext({
        ...(ca.length === 0 ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      const digest = createHash("sha256")
        .update(JSON.stringify([ca, cert, key, passphrase, serverName, verify]))
        .digest("hex");
      const tls = { secureContext, rejectUnauthorized: verify, serverName };
      loaded.set(upstream.name, { digest, tls });
    } catch (error) {
      if (error instanceof TlsOptionsError) {
        issues.push(...error.issues);
        continue;
      }
      const reason = error instanceof Error ? error.message : String(error);
      issues.push({
        path,
        message: `These certificates cannot be used: ${reason}.`,
        fix: "Check that cert and key belong together, that the passphrase is right and that all are PEM.",
      });
    }
  }
  if (issues.length > 0) throw new PrepareError(issues);
  return loaded;
}

function nothing(): void {}
