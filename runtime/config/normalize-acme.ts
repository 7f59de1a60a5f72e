import type { AcmeConfig, ListenConfig } from "@gatewright/sdk";

import { DEFAULT_ACME } from "./defaults.ts";
import type { OnDemandFunction, ResolvedAcme, ResolvedPem } from "./resolved-config.ts";
import { toHostPattern } from "./schema-patterns.ts";

/** Plain data; `onDemand` stays behind. */
export function toAcme(
  config: AcmeConfig | readonly AcmeConfig[] | undefined,
  hasPlainListener: boolean,
  toPem: (value: string) => ResolvedPem,
): readonly ResolvedAcme[] {
  return Object.freeze(
    [config ?? []].flat().map((one: AcmeConfig) =>
      Object.freeze({
        directory: new URL(one.directory ?? DEFAULT_ACME.directory).href,
        directoryCa: one.directoryCa === undefined ? undefined : toPem(one.directoryCa),
        email: one.email,
        externalAccount: one.externalAccount && Object.freeze({ ...one.externalAccount }),
        challenges: Object.freeze([
          ...new Set(
            one.challenges ??
              (hasPlainListener ? (["http-01", "tls-alpn-01"] as const) : ["tls-alpn-01" as const]),
          ),
        ]),
        hostSets: toHostSets(one.hosts ?? []),
        hasOnDemand: one.onDemand !== undefined,
        ordersPerHour: one.ordersPerHour ?? DEFAULT_ACME.ordersPerHour,
      }),
    ),
  );
}

/** `onDemand` of each entry, in the order of {@link toAcme}. */
export function toOnDemand(tls: ListenConfig["tls"]): readonly (OnDemandFunction | undefined)[] {
  if (typeof tls !== "object") return Object.freeze([]);
  return Object.freeze([tls.acme ?? []].flat().map((one: AcmeConfig) => one.onDemand?.bind(one)));
}

function toHostSets(hosts: NonNullable<AcmeConfig["hosts"]>): ResolvedAcme["hostSets"] {
  const sets = new Map<string, readonly string[]>();
  for (const entry of hosts) {
    const names = [entry].flat().map((name: string) => toHostPattern(name) ?? name);
    const unique = Object.freeze([...new Set(names)]);
    sets.set(unique.toSorted().join(" "), unique);
  }
  return Object.freeze([...sets.values()]);
}
