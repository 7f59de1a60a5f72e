// Over 400 lines: the one place where options become instances; what a primitive needs beyond a few lines is in `provision-*.ts`.
import { join } from "node:path";

import type { AccessRecord, Hooks } from "@gatewright/sdk";

import { systemClock, DeadlineWheel, type TimerClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import type {
  ResolvedConfig,
  ResolvedFetchUpstream,
  ResolvedHeaderRules,
  ResolvedMirror,
  ResolvedNetworkUpstream,
  ResolvedRoute,
} from "../config/resolved-config.ts";
import { createForwardedWriter } from "../http/forwarded-fields.ts";
import type { Log } from "../log.ts";
import type {
  DirectionRules,
  HookChains,
  MirrorPlan,
  NamedHook,
  RoutePlan,
  UpstreamPlan,
} from "../pipeline/parts.ts";
import type { IpListPlan } from "../pipeline/ip-lists.ts";
import { createPipeline, type Pipeline } from "../pipeline/pipeline.ts";
import { SlowReaders } from "../pipeline/slow-readers.ts";
import { createRouteTable } from "../pipeline/routing/route-table.ts";
import { createClientAddress } from "../primitives/client-address.ts";
import { ContentBudget } from "../primitives/content-buffer/content-budget.ts";
import type { ContentStore } from "../primitives/content-buffer/request-buffer.ts";
import { cleanSpillFolder, createSpillFolder } from "../primitives/content-buffer/spill-file.ts";
import { declaredCodingHolds } from "../primitives/content-coding/sniff.ts";
import { LoadMeter } from "../primitives/load-meter.ts";
import { TrafficTally, type TallyFigures } from "../primitives/traffic-tally.ts";
import type { BotResolver } from "../primitives/challenge/known-bots.ts";
import { compileFieldRules } from "../primitives/header-rules.ts";
import type { AcmeLimits } from "../primitives/tls/acme/acme-limits.ts";
import { ChallengeBoard } from "../primitives/tls/acme/challenge-board.ts";
import type { WatchFiles } from "../primitives/tls/terms.ts";
import { createRedactor, redactTarget, redactUrl } from "../redact.ts";
import type { Balancer } from "../upstream/balance/balancer.ts";
import { createBalancer } from "../upstream/balance/create-balancer.ts";
import { createFetchUpstream } from "../upstream/fetch-upstream.ts";
import type { Network } from "../upstream/network.ts";
import { createOriginPool, type OriginPool } from "../upstream/origin-pool.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { HeldStatus } from "./held-status.ts";
import type { LimitStatus } from "./limit-status.ts";
import { createAttemptPolicies } from "./attempt-policies.ts";
import { generatedSecret } from "./generated-secret.ts";
import { provisionCache, type CacheControl } from "./provision-cache.ts";
import { provisionCompression } from "./provision-compression.ts";
import { acquireChallenge } from "./provision-challenge.ts";
import { createChoices } from "./upstream-choices.ts";
import { provisionTls, type ProvisionedTls } from "./provision-tls.ts";
import { acquireIpLists, peerAdmission } from "./provision-ip-lists.ts";
import { acquireLimits } from "./provision-rate-limits.ts";
import { acquireWaf } from "./provision-waf.ts";
import { acquireNetworkUpstream, loadUpstreamTls } from "./provision-upstream.ts";
import type { ResourceRegistry } from "./resources.ts";
import type { SharedState } from "./shared-state.ts";
import type { WafStatus } from "./waf-status.ts";

/** What a generation runs on, made from options in this one place. */
export interface Provisioned {
  readonly pipeline: Pipeline;
  /** Upgrade tokens that any route allows, lower case. */
  readonly upgradeTokens: ReadonlySet<string>;
  /** Whether a connection of this peer is taken, before TLS. Absent: every one is. */
  readonly admits?: ((address: string) => boolean) | undefined;
  /** For the admin listener. Absent: none. */
  readonly ipLists?: IpListPlan | undefined;
  /** Those that the config names, for the admin's figures. */
  readonly upstreams: readonly Upstream[];
  /** What the contents of all generations take at present. */
  readonly held?: () => HeldStatus;
  /** Absent: nothing is counted. */
  readonly limits?: (() => readonly LimitStatus[]) | undefined;
  /** Absent: nothing is inspected. */
  readonly waf?: (() => WafStatus) | undefined;
  /** Absent: no route caches. */
  readonly cache?: CacheControl | undefined;
  /** What all generations have served. */
  readonly served?: () => TallyFigures;
  /** TLS of each listener, in the config's order; `undefined`: plain text. */
  readonly tls: readonly (ProvisionedTls | undefined)[];
  /** Fills `adjust`-able options of shared resources (caps, time limits) in place: called at commit, never before. */
  commit(): void;
  /** Gives back every resource. */
  dispose(): Promise<void>;
}

export interface ProvisionOptions {
  readonly loaded: LoadedConfig;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  /** Called when a request starts and when it no longer needs the generation. */
  readonly lease: { acquire(): void; release(): void };
  /** Work that outlives its request. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

export type Provision = (options: ProvisionOptions) => Promise<Provisioned>;

/** What all generations of a process share. */
export interface ProvisionDependencies {
  readonly accessLog: ((record: AccessRecord) => void) | undefined;
  /** A thrown value for the log: message, stack in the author's lines, place. */
  readonly describeError: (error: unknown) => object;
  /** Absent: certificate files are looked at now and then, and at an explicit reload. */
  readonly watchFiles?: WatchFiles | undefined;
  /** Absent: this process serves alone. */
  readonly shared?: SharedState | undefined;
  /** For tests: shorter waits between orders. */
  readonly acmeLimits?: Partial<AcmeLimits>;
  /** For tests: DNS that knows crawlers. */
  readonly botResolver?: BotResolver;
  readonly clock?: TimerClock;
  readonly wheel?: DeadlineWheel;
  /** Default: the real one. */
  readonly network?: Network;
  /** From 0 to 1, for what comes at intervals. Default: chance. */
  readonly random?: () => number;
}

/** The one place where options become instances. */
export function createProvision(dependencies: ProvisionDependencies): Provision {
  const clock = dependencies.clock ?? systemClock;
  const { network, random = Math.random } = dependencies;
  const wheel = dependencies.wheel ?? new DeadlineWheel(clock);
  // A challenge may be answered by a request of any generation.
  const board = new ChallengeBoard();
  const load = new LoadMeter(clock);
  const tally = new TrafficTally();

  return async ({ loaded, resources, log, lease, waitUntil }) => {
    const { config, slot } = loaded;
    const held: string[] = [];
    const onFault = (error: unknown): void => {
      log.error(dependencies.describeError(error), "a response could not be taken over");
    };
    /** A function of the config that decides between upstreams or targets. */
    const onChoiceFault = (error: unknown): void => {
      log.warn(dependencies.describeError(error), "a function of the config could not choose");
    };
    const adjust: (() => void)[] = [];
    // These first, while nothing is held that a failure would have to give back.
    const cookieSecrets = await stickySecrets(config);
    const upstreamTls = loadUpstreamTls(config);
    // It waits for files, and a certificate that cannot be used ends the preparation.
    const tls = await acquireTls();

    const ipLists = await acquireIpLists({
      config,
      resources,
      log,
      clock,
      watchFiles: dependencies.watchFiles,
      network,
      announce: dependencies.shared?.announceListChange.bind(dependencies.shared),
      random,
    }).catch(async (error: unknown) => {
      await Promise.all(held.splice(0).map((key) => resources.release(key)));
      throw error;
    });
    held.push(...ipLists.keys);
    const challenge = await acquireChallenge({
      config,
      resources,
      clock,
      resolver: dependencies.botResolver,
      shared: dependencies.shared,
      network,
    });
    held.push(...challenge.keys);
    const limits = acquireLimits(config, resources, clock, dependencies.shared);
    held.push(...limits.keys);
    const waf = acquireWaf(config, resources);
    held.push(...waf.keys);
    adjust.push(() => limits.commit());
    const attempts = createAttemptPolicies({
      upstreams: config.upstreams,
      resources,
      clock,
      wheel,
      log,
      describeError: dependencies.describeError,
    });
    const { choices: upstreams, mirrorOf } = createChoices({
      upstreams: config.upstreams,
      toPlan: (resolved) => ({
        ...upstreamPlan(resolved, acquireUpstream(resolved)),
        attempts: attempts.of(resolved),
      }),
      onFault: onChoiceFault,
    });

    const compression = provisionCompression(config);
    const cached = provisionCache(
      config,
      loaded.digest,
      resources,
      clock,
      dependencies.shared?.announcePurge.bind(dependencies.shared),
    );
    if (cached !== undefined) {
      held.push(cached.key);
      adjust.push(() => cached.commit());
    }
    const contentStore = acquireContentStore();
    const slowReaders = acquireSlowReaders();
    const pipeline = createPipeline({
      generation: slot.generation,
      routes: createRouteTable(
        config.routes.map((route) => ({
          ...route,
          payload: {
            ...routePlan(route, mirrorOf),
            ...compression.forRoute(route.compression),
            ...cached?.planOf(route),
            ...limits.forRoute(route),
            challenge: challenge.ofRoute(route.index),
            ...waf.ofRoute(route.waf),
            attempts: attempts.forRoute(route),
          },
        })),
      ),
      upstreams,
      onlyUpstream: upstreams.size === 1 ? [...upstreams.values()][0] : undefined,
      originFor: acquireOrigins(),
      hooks: hookChains(config),
      withholdRange:
        config.plugins.some((plugin) => plugin.transforms) || config.hooks.transforms === true,
      globalRules: directionRules(config.headers),
      ipLists: ipLists.plan,
      limits: limits.plan,
      challenge: challenge.plan,
      waf: waf.parts,
      challengeAnswers: board,
      clientAddress: createClientAddress(config.trustedProxies),
      forwarded: createForwardedWriter(config.forwarded),
      via: config.forwarded.via,
      trace: config.trace,
      encodedSlash: config.encodedSlash,
      upgrades: new Set(config.upgrades),
      requestContent: config.requestContent,
      contentStore,
      responseContentMemory: config.responseContentMemory,
      slowReaders,
      compression: compression.global,
      cache: cached?.parts,
      hookTimeoutMs: config.hookTimeoutMs,
      timeouts: config.timeouts,
      load,
      tally: config.admin === undefined ? undefined : tally,
      clock,
      wheel,
      log,
      accessLog: config.log.access ? dependencies.accessLog : undefined,
      ...redaction(config),
      describeError: dependencies.describeError,
      lease,
      waitUntil,
    });

    held.push(...attempts.keys);
    adjust.push(() => attempts.commit());

    return {
      pipeline,
      admits: peerAdmission(config, ipLists.plan),
      ipLists: ipLists.plan,
      upgradeTokens: new Set([
        ...config.upgrades,
        ...config.routes.flatMap((route) => route.upgrades),
      ]),
      upstreams: [...upstreams.values()].flatMap((choice) =>
        "upstream" in choice ? [choice.upstream] : [],
      ),
      held: () => heldBy(contentStore, slowReaders),
      cache: cached?.control,
      served: () => tally.figures,
      limits: limits.status,
      waf: waf.status,
      tls,
      commit() {
        for (const change of adjust) change();
      },
      async dispose() {
        await Promise.all(held.splice(0).map((key) => resources.release(key)));
      },
    };

    function acquireUpstream(resolved: ResolvedNetworkUpstream | ResolvedFetchUpstream): Upstream {
      if (resolved.kind === "fetch") {
        return createFetchUpstream({
          name: resolved.name,
          app: resolved.app,
          wheel,
          waitUntil,
          declaredCodingHolds,
          onFault,
        });
      }
      const acquired = acquireNetworkUpstream({
        resolved,
        tls: upstreamTls.get(resolved.name),
        slot,
        resources,
        log,
        clock,
        wheel,
        network,
        random,
        describeError: dependencies.describeError,
        onFault,
        createBalancer: () => balancer(resolved),
      });
      held.push(...acquired.keys);
      adjust.push(() => acquired.commit());
      return acquired.upstream;
    }

    function balancer({ name, balance: rule, pick }: ResolvedNetworkUpstream): Balancer {
      const onFault = (error: unknown): void => {
        log.warn(
          { upstream: name, ...dependencies.describeError(error) },
          "a function of the config could not choose a target",
        );
      };
      return createBalancer({ name, rule, pick, secrets: cookieSecrets, onFault, clock });
    }

    /** Certificates, tickets and contexts outlive an edit that leaves the listener's `tls` alone. */
    async function acquireTls(): Promise<(ProvisionedTls | undefined)[]> {
      const acquired = await provisionTls({
        config,
        slot,
        resources,
        log,
        clock,
        describeError: dependencies.describeError,
        watchFiles: dependencies.watchFiles,
        acme: { board, limits: dependencies.acmeLimits },
      });
      held.push(...acquired.keys);
      adjust.push(() => acquired.commit());
      return acquired.tls;
    }

    /** One for all generations: what they hold together is what counts. */
    function acquireContentStore(): ContentStore {
      const folder = join(config.dataDir, "spill");
      const key = JSON.stringify(["content-store", folder]);
      const store = resources.acquire<ContentStore>(
        key,
        () => {
          void cleanSpillFolder(folder);
          return {
            budget: new ContentBudget(config.contentBudget),
            spill: createSpillFolder(folder),
          };
        },
        () => {},
      );
      held.push(key);
      adjust.push(() => store.budget.adjust(config.contentBudget));
      return store;
    }

    function acquireSlowReaders(): SlowReaders {
      const key = JSON.stringify(["slow-readers"]);
      const readers = resources.acquire(
        key,
        () => new SlowReaders(config.slowReaders, wheel, () => clock.monotonic(), log),
        (value) => value.close(),
      );
      held.push(key);
      adjust.push(() => readers.adjust(config.slowReaders));
      return readers;
    }

    function acquireOrigins(): (origin: URL) => Upstream {
      const key = JSON.stringify(["origins"]);
      const pool = resources.acquire<OriginPool>(
        key,
        () => createOriginPool({ wheel, clock, network, onFault }),
        (value) => value.close(),
      );
      held.push(key);
      return (origin) => pool.upstreamFor(origin);
    }
  };
}

/** Only where a sticky upstream brings none of its own: no folder for nothing. */
async function stickySecrets(config: ResolvedConfig): Promise<readonly string[]> {
  const needed = [...config.upstreams.values()].some(
    (upstream) =>
      upstream.kind === "network" &&
      upstream.balance.type === "sticky" &&
      upstream.balance.secrets.length === 0,
  );
  return needed ? [await generatedSecret(config.dataDir, "sticky-cookie")] : [];
}

function upstreamPlan(
  resolved: ResolvedNetworkUpstream | ResolvedFetchUpstream,
  upstream: Upstream,
): UpstreamPlan {
  return {
    name: resolved.name,
    upstream,
    host: resolved.host,
    balance: resolved.kind === "network" ? balanceInWords(resolved) : undefined,
    rules: directionRules(resolved.headers),
    connectMs: resolved.timeouts.connectMs,
    responseHeadMs: resolved.timeouts.responseHeadMs,
    idleMs: resolved.timeouts.idleMs,
    http2: resolved.kind === "network" && resolved.http2,
    showsRequest: resolved.kind === "network" && showsRequest(resolved),
  };
}

function heldBy({ budget }: ContentStore, slowReaders: SlowReaders): HeldStatus {
  const { memoryBytes, diskBytes } = budget.limits;
  return {
    requestMemory: { bytes: budget.memoryBytes, budget: memoryBytes },
    requestDisk: { bytes: budget.diskBytes, budget: diskBytes },
    responses: { bytes: slowReaders.bytes, budget: slowReaders.limits.budgetBytes },
  };
}

function balanceInWords({ balance, pick, targets }: ResolvedNetworkUpstream): string {
  const from = targets.length === 1 ? "1 target" : `${targets.length} targets`;
  return `${balance.type}${pick === undefined ? "" : ", after pick"}; ${from} in the config`;
}

function showsRequest({ balance, pick }: ResolvedNetworkUpstream): boolean {
  return pick !== undefined || (balance.type === "hash" && typeof balance.by === "function");
}

function routePlan(
  route: ResolvedRoute,
  mirrorOf: (mirror: ResolvedMirror | undefined) => MirrorPlan | undefined,
): RoutePlan {
  return {
    index: route.index,
    name: route.name,
    action: route.action,
    rewrite: route.rewrite,
    rules: directionRules(route.headers),
    host: route.host,
    connectMs: route.timeouts.connectMs,
    responseHeadMs: route.timeouts.responseHeadMs,
    idleMs: route.timeouts.idleMs,
    upgrades: new Set(route.upgrades),
    requestContent: route.requestContent,
    mirror: mirrorOf(route.mirror),
  };
}

function directionRules(rules: ResolvedHeaderRules): DirectionRules {
  return {
    request: compileFieldRules([rules.request]),
    response: compileFieldRules([rules.response]),
  };
}

function redaction(config: ResolvedConfig): {
  redactTarget: (target: string) => string;
  redactUrl: (url: string) => string;
} {
  const redactor = createRedactor(config.log.redact);
  return {
    redactTarget: (target) => redactTarget(target, redactor),
    redactUrl: (url) => redactUrl(url, redactor),
  };
}

/** Plugins come flattened as pre, unordered, post; the config's own hooks run between the last two. Responses take the way back. */
function hookChains(config: ResolvedConfig): HookChains {
  const post = config.plugins.findIndex((plugin) => plugin.order === "post");
  const owners: readonly { readonly owner: string; readonly hooks: Hooks }[] = config.plugins
    .map((plugin) => ({ owner: plugin.name, hooks: plugin as Hooks }))
    .toSpliced(post === -1 ? config.plugins.length : post, 0, {
      owner: "config",
      hooks: config.hooks,
    });
  const back = owners.toReversed();
  return {
    request: chain(owners, "onRequest"),
    upgrade: chain(owners, "onUpgrade"),
    upstreamResponse: chain(back, "onUpstreamResponse"),
    response: chain(back, "onResponse"),
    error: chain(back, "onError"),
    complete: chain(back, "onComplete"),
  };
}

function chain<
  K extends
    | "onRequest"
    | "onUpgrade"
    | "onUpstreamResponse"
    | "onResponse"
    | "onError"
    | "onComplete",
>(
  owners: readonly { readonly owner: string; readonly hooks: Hooks }[],
  name: K,
): readonly NamedHook<NonNullable<Hooks[K]>>[] {
  return owners.flatMap(({ owner, hooks }) => {
    const run = hooks[name];
    return run === undefined ? [] : [{ owner, run: run.bind(hooks) as NonNullable<Hooks[K]> }];
  });
}
