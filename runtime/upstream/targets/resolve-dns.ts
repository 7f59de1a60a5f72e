/**
 * Targets by DNS itself (RFC 1035, RFC 3596; SRV: RFC 2782), with the time that each answer holds, past the system's
 * resolver and its hosts file.
 */
import { Resolver } from "node:dns/promises";
import type { RecordWithTtl, SrvRecord } from "node:dns";

import type { Target } from "../target.ts";
import { LastGood } from "./last-good.ts";
import { isName, withAddress, type FoundAddress } from "./resolved-target.ts";
import type { ResolveTargets } from "./target-watch.ts";

export interface DnsResolveOptions {
  readonly targets: readonly Target[];
  /** `address`: A and AAAA of the target's name. `srv`: its SRV records, then A and AAAA of what they name. */
  readonly records: "address" | "srv";
  /** `host:port`; empty: the system's. */
  readonly servers: readonly string[];
  /** Longest time that an answer is used, whatever its TTL. SRV records come without one. */
  readonly intervalMs: number;
}

const QUERY_TIMEOUT_MS = 2000;
const QUERY_TRIES = 2;
/** Of one SRV answer. */
const MAX_SERVICES = 256;

export function createDnsResolve(options: DnsResolveOptions): ResolveTargets {
  const { targets, records, servers, intervalMs } = options;
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  const lastGood = new LastGood();
  return async () => {
    let ttlMs = intervalMs;
    const note = (ttl: number): void => {
      ttlMs = Math.min(ttlMs, ttl);
    };
    const collected = await lastGood.collect(targets, async (target) => {
      if (!isName(target)) return [target];
      return records === "srv"
        ? await services(resolver, target, note)
        : await addresses(resolver, target, note);
    });
    return { ...collected, ttlMs };
  };
}

type NoteTtl = (ttlMs: number) => void;

async function addresses(resolver: Resolver, target: Target, note: NoteTtl): Promise<Target[]> {
  const name = target.hostname;
  const [four, six] = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ]);
  if (four.status === "rejected" && six.status === "rejected")
    throw failureOf(four.reason, six.reason);
  // A server that fails for one family must not take away half of the targets.
  for (const one of [four, six]) {
    if (one.status === "rejected" && !isAbsence(one.reason)) throw one.reason;
  }
  const found = [...foundIn(four, 4, note), ...foundIn(six, 6, note)];
  return withAddress(target, found);
}

function* foundIn(
  answer: PromiseSettledResult<RecordWithTtl[]>,
  family: 4 | 6,
  note: NoteTtl,
): Generator<FoundAddress> {
  if (answer.status === "rejected") return;
  for (const { address, ttl } of answer.value) {
    note(ttl * 1000);
    yield { address, family };
  }
}

/** RFC 2782: the lowest priority is used first; weights share the load within one. */
async function services(resolver: Resolver, target: Target, note: NoteTtl): Promise<Target[]> {
  const records = (await resolver.resolveSrv(target.hostname))
    .filter(({ name }) => name !== "" && name !== ".")
    .slice(0, MAX_SERVICES);
  const levels = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  const settled = await Promise.allSettled(
    records.map(async (record) =>
      addresses(resolver, serviceTarget(target, record, levels.indexOf(record.priority)), note),
    ),
  );
  const found = settled.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const [failed] = settled.filter((one) => one.status === "rejected");
  if (found.length === 0 && failed !== undefined) throw failed.reason;
  return found;
}

function serviceTarget(target: Target, record: SrvRecord, level: number): Target {
  const { name, port, weight } = record;
  const isDefaultPort = port === (target.scheme === "https" ? 443 : 80);
  return {
    ...target,
    hostname: name,
    port,
    authority: isDefaultPort ? name : `${name}:${port}`,
    // RFC 2782: 0 is for where there is nothing to choose from; beside others it gets hardly anything.
    weight: weight === 0 ? 0.01 : weight,
    priority: (target.priority ?? 0) + level,
  };
}

/** The name has no record of this type: an answer, not a failure. */
function isAbsence(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ENODATA" || code === "ENOTFOUND";
}

/** NXDOMAIN for one says it for both; otherwise the one that is no mere absence says more. */
function failureOf(four: unknown, six: unknown): unknown {
  return isAbsence(four) ? six : four;
}
