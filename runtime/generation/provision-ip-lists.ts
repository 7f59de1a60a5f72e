import { createHash } from "node:crypto";

import type { TimerClock } from "../clock.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import type { ResolvedIpList } from "../config/normalize-ip-lists.ts";
import type { Log } from "../log.ts";
import { admitsPeer, type IpListPlan } from "../pipeline/ip-lists.ts";
import { createClientAddress } from "../primitives/client-address.ts";
import { IpList, type WatchFile } from "../primitives/ip-list/ip-list.ts";
import { fetchText } from "../upstream/fetch-text.ts";
import type { Network } from "../upstream/network.ts";
import { PrepareError } from "./prepare-error.ts";
import type { ResourceRegistry } from "./resources.ts";
import type { SharedState } from "./shared-state.ts";

export interface ProvisionedIpLists {
  readonly plan: IpListPlan | undefined;
  readonly keys: readonly string[];
}

export interface IpListDependencies {
  readonly config: ResolvedConfig;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  readonly clock: TimerClock;
  readonly network: Network | undefined;
  readonly random: () => number;
  readonly watchFiles: WatchFile | undefined;
  /** Absent: this process serves alone. */
  readonly announce?: SharedState["announceListChange"] | undefined;
}

/** Lists outlive a reload that leaves their source alone, with what was added at run time. Nothing is left behind where one fails. */
export async function acquireIpLists(options: IpListDependencies): Promise<ProvisionedIpLists> {
  const { allowlists, blocklists } = options.config;
  const keys: string[] = [];
  try {
    const [allow, made] = await Promise.all([
      allOrNone(allowlists.map((list) => acquire(list, "allowlists", options, keys))),
      allOrNone(blocklists.map((list) => acquire(list, "blocklists", options, keys))),
    ]);
    const block = blocklists.map(({ mode, points }, at) => ({
      list: made[at] as IpList,
      mode,
      points,
    }));
    const all = [...allow, ...block.map(({ list }) => list)];
    const byName = new Map(all.map((list) => [list.name, list]));
    const { announce } = options;
    const plan = all.length === 0 ? undefined : { allow, block, byName, announce };
    return { plan, keys };
  } catch (error) {
    await Promise.all(keys.map((key) => options.resources.release(key)));
    throw error;
  }
}

/** Fails only when all have come to an end, so that nobody acquires after the others were given back. */
async function allOrNone<T>(all: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(all);
  return Promise.all(all);
}

async function acquire(
  terms: ResolvedIpList,
  kind: "allowlists" | "blocklists",
  { config, resources, log, clock, watchFiles, network, random }: IpListDependencies,
  keys: string[],
): Promise<IpList> {
  const { name, ranges, source, column, intervalMs, timeoutMs, maxBytes, maxShrink } = terms;
  const own = { name, ranges, source, column, intervalMs, timeoutMs, maxBytes, maxShrink };
  // Hashed: a bouncer's key is in it.
  const digest = createHash("sha256").update(JSON.stringify([kind, own, config.dataDir]));
  const key = `ip-list ${digest.digest("hex")}`;
  try {
    let isNew = false;
    const list = await resources.acquire(
      key,
      async () => {
        isNew = true;
        const { dataDir } = config;
        const made = new IpList({
          terms: own,
          dataDir,
          log,
          clock,
          fetchText:
            network === undefined
              ? fetchText
              : (url, fields, limits) => fetchText(url, fields, limits, network.fetch),
          watchFile: watchFiles,
          random,
        });
        await made.start();
        return made;
      },
      async (made) => (await made).close(),
    );
    keys.push(key);
    // Without a watch an explicit reload is how a changed file is found.
    if (!isNew && watchFiles === undefined) await list.refresh();
    return list;
  } catch (error) {
    const message = error instanceof Error ? error.message : "The list cannot be read.";
    throw new PrepareError([{ path: `${kind}.${name}`, message }], { cause: error });
  }
}

/** Where a list drops: whoever is no trusted proxy is the client, and need not get as far as a handshake. */
export function peerAdmission(
  config: ResolvedConfig,
  plan: IpListPlan | undefined,
): ((address: string) => boolean) | undefined {
  if (plan === undefined || !plan.block.some(({ mode }) => mode === "drop")) return undefined;
  const clientOf = createClientAddress(config.trustedProxies);
  return (address) => admitsPeer(plan, address) || clientOf([], address, 0).trusted;
}
