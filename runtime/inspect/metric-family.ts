import type { Metric, Registry } from "prom-client";

import type { Distribution } from "../primitives/traffic-tally.ts";

export type Labels = Readonly<Record<string, string | number>>;

interface Value {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

/**
 * One metric whose values are counted elsewhere. prom-client's own classes count for themselves, with a lookup by labels
 * for each event; what the registry asks of them is a name and `get()`.
 */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly Value[];
}

export function counter(
  name: string,
  help: string,
  values: readonly (readonly [Labels, number])[],
): Family {
  return { name, help, type: "counter", values: values.map(toValue) };
}

export function gauge(
  name: string,
  help: string,
  values: readonly (readonly [Labels, number])[],
): Family {
  return { name, help, type: "gauge", values: values.map(toValue) };
}

export function histogram(
  name: string,
  help: string,
  values: readonly (readonly [Labels, Distribution])[],
): Family {
  return {
    name,
    help,
    type: "histogram",
    values: values.flatMap(([labels, distribution]) => toBuckets(name, labels, distribution)),
  };
}

/** A family without values is left out: a metric of something that does not exist says nothing. */
export function register(registry: Registry, families: readonly Family[]): void {
  for (const family of families) {
    if (family.values.length === 0) continue;
    const metric = { ...family, get: () => Promise.resolve(family) };
    registry.registerMetric(metric as unknown as Metric);
  }
}

function toValue([labels, value]: readonly [Labels, number]): Value {
  return { labels, value };
}

/** Cumulative, as the format has it. */
function toBuckets(name: string, labels: Labels, distribution: Distribution): Value[] {
  const { bounds, buckets, count, sum } = distribution;
  const values: Value[] = [];
  let below = 0;
  for (const [at, bound] of bounds.entries()) {
    below += buckets[at] ?? 0;
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below });
  }
  values.push(
    { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  );
  return values;
}
