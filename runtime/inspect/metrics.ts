/**
 * `/metrics` in Prometheus' text format. Names follow its conventions: base units, `_total` for counters. Labels are names
 * of the config, states and classes, all bounded; no address, no path and nothing that a client sends is one.
 */
import { collectDefaultMetrics, Registry } from "prom-client";

import type { WafStatus } from "../generation/waf-status.ts";
import type { CacheFigures } from "../primitives/cache/route-figures.ts";
import type { TallyFigures } from "../primitives/traffic-tally.ts";
import { ofLimits, ofLists } from "./gate-metrics.ts";
import { counter, gauge, histogram, register, type Family, type Labels } from "./metric-family.ts";
import type { ListenerStatus, ProxyStatus, UpstreamStatus } from "./status.ts";

/** What only metrics tell, beside the status. */
export interface Counts {
  /** Absent before the first generation. */
  readonly served?: TallyFigures | undefined;
  /** Malformed requests that never reached a route, by code. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly failedHandshakes: number;
}

export interface MetricsSource {
  readonly status: ProxyStatus;
  readonly counts: Counts;
  /** Loads of the config, by outcome. */
  readonly reloads: Readonly<Record<string, number>>;
}

export interface MetricsText {
  readonly type: string;
  readonly text: string;
}

/** Of the process: memory, CPU, garbage collection, the event loop's delay. Begins to measure when first asked. */
let ofProcess: Registry | undefined;

export async function renderMetrics(source: MetricsSource): Promise<MetricsText> {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  const registry = new Registry();
  register(registry, [
    ...ofProxy(source),
    ...ofTraffic(source.counts),
    ...ofListeners(source.status.listeners),
    ...ofUpstreams(source.status.upstreams),
    ...(source.status.cache === undefined ? [] : ofCache(source.status.cache)),
    ...(source.status.waf === undefined ? [] : ofWaf(source.status.waf)),
    ...ofLimits(source.status.limits ?? []),
    ...ofLists(source.status.lists ?? []),
  ]);
  const parts = await Promise.all([registry.metrics(), ofProcess.metrics()]);
  return { type: Registry.PROMETHEUS_CONTENT_TYPE, text: parts.join("\n") };
}

function ofProxy({ status, reloads }: MetricsSource): Family[] {
  const { generation, lastReload, traffic, version, mode } = status;
  const failed = lastReload?.problem !== undefined;
  return [
    gauge("gatewright_build_info", "1, with what runs.", [
      [{ version, mode, node: process.version }, 1],
    ]),
    gauge("gatewright_ready", "1 while a config is live and shutdown has not begun.", [
      [{}, status.state === "live" ? 1 : 0],
    ]),
    gauge(
      "gatewright_config_generation",
      "Number of the generation that serves.",
      generation === undefined ? [] : [[{}, generation.number]],
    ),
    gauge(
      "gatewright_config_live_timestamp_seconds",
      "When the generation that serves went live.",
      generation === undefined ? [] : [[{}, Date.parse(generation.since) / 1000]],
    ),
    counter("gatewright_config_loads_total", "Loads of the config.", byLabel("outcome", reloads)),
    gauge("gatewright_config_last_load_successful", "0 while the file on disk has an error.", [
      [{}, failed ? 0 : 1],
    ]),
    gauge("gatewright_generations_retiring", "Replaced generations that still have requests.", [
      [{}, status.retiring.length],
    ]),
    gauge("gatewright_requests_in_flight", "Requests that are being answered.", [
      [{}, traffic.requests],
    ]),
    gauge("gatewright_tunnels", "Open WebSockets and other upgrades.", [[{}, traffic.tunnels]]),
    gauge(
      "gatewright_content_held_bytes",
      "Contents of requests and responses that wait in memory or on disk.",
      heldValues(status),
    ),
  ];
}

function heldValues({ held }: ProxyStatus): (readonly [Labels, number])[] {
  if (held === undefined) return [];
  return [
    [{ content: "request", place: "memory" }, held.requestMemory.bytes],
    [{ content: "request", place: "disk" }, held.requestDisk.bytes],
    [{ content: "response", place: "memory" }, held.responses.bytes],
  ];
}

function ofTraffic({ served, refusals, failedHandshakes }: Counts): Family[] {
  const early = [
    counter(
      "gatewright_malformed_requests_total",
      "Requests that were refused before they had a route.",
      byLabel("code", refusals),
    ),
    counter("gatewright_tls_handshakes_failed_total", "TLS handshakes that failed.", [
      [{}, failedHandshakes],
    ]),
  ];
  if (served === undefined) return early;
  const series = served.series.map((one) => {
    const { route, upstream, status, cache } = one;
    return { one, labels: { route, upstream, status, cache }, inShort: { route, upstream } };
  });
  return [
    ...early,
    histogram(
      "gatewright_request_duration_seconds",
      "From a request's head to the end of its response.",
      series.map(({ one, labels }) => [labels, one.seconds]),
    ),
    counter(
      "gatewright_requests_total",
      "Requests that are over.",
      series.map(({ one, labels }) => [labels, one.seconds.count]),
    ),
    counter(
      "gatewright_request_bytes_total",
      "Content received of clients.",
      series.map(({ one, labels }) => [labels, one.requestBytes]),
    ),
    counter(
      "gatewright_response_bytes_total",
      "Content sent to clients.",
      series.map(({ one, labels }) => [labels, one.responseBytes]),
    ),
    histogram(
      "gatewright_upstream_response_head_seconds",
      "From the dispatch to the response's head.",
      served.upstreamHeads.map(({ upstream, seconds }) => [{ upstream }, seconds]),
    ),
    counter(
      "gatewright_upstream_retries_total",
      "Attempts beyond the first.",
      served.retries.map(({ upstream, count }) => [{ upstream }, count]),
    ),
    histogram("gatewright_hook_duration_seconds", "Of a request in hooks, waiting included.", [
      [{}, served.hooks],
    ]),
    counter(
      "gatewright_request_outcomes_total",
      "How responses ended.",
      byLabel("outcome", served.outcomes),
    ),
    counter("gatewright_errors_total", "Failures by code.", byLabel("code", served.errors)),
    counter(
      "gatewright_requests_refused_total",
      "Refused or challenged, by what decided it.",
      byLabel("by", served.refused),
    ),
    counter("gatewright_requests_flagged_total", "Served although they had collected points.", [
      [{}, served.flagged],
    ]),
  ];
}

function ofListeners(listeners: readonly ListenerStatus[]): Family[] {
  return [
    gauge(
      "gatewright_connections",
      "Open connections of clients.",
      listeners.map(({ url, connections }) => [{ listener: url }, connections]),
    ),
    gauge(
      "gatewright_certificate_expiry_timestamp_seconds",
      "When a certificate expires; those of a listener that expire first.",
      listeners.flatMap(({ url, certificates }) =>
        certificates.map(({ names, from, expires }): readonly [Labels, number] => [
          { listener: url, name: names[0] ?? "", from },
          Date.parse(expires) / 1000,
        ]),
      ),
    ),
    gauge(
      "gatewright_certificates",
      "Certificates of a listener.",
      listeners.flatMap(({ url, certificateCount }): (readonly [Labels, number])[] =>
        certificateCount === 0 ? [] : [[{ listener: url }, certificateCount]],
      ),
    ),
    gauge(
      "gatewright_on_demand_names",
      "Names that clients have asked for, by what came of it.",
      listeners.flatMap(({ url, onDemand }) =>
        onDemand.flatMap(({ from, certificates, waiting, refused, failed }) =>
          Object.entries({ certificates, waiting, refused, failed }).map(
            ([state, count]): readonly [Labels, number] => [{ listener: url, from, state }, count],
          ),
        ),
      ),
    ),
  ];
}

function ofUpstreams(upstreams: readonly UpstreamStatus[]): Family[] {
  const targets = upstreams.flatMap(({ name, targets }) =>
    targets.map((target) => ({ labels: { upstream: name, target: target.key }, target })),
  );
  return [
    gauge(
      "gatewright_upstream_connections",
      "Connections to an upstream; idle ones are a part of the open ones.",
      upstreams.flatMap(({ name, open, idle }): (readonly [Labels, number])[] => [
        [{ upstream: name, state: "open" }, open],
        [{ upstream: name, state: "idle" }, idle],
      ]),
    ),
    gauge(
      "gatewright_upstream_requests_active",
      "Requests that an upstream works on.",
      upstreams.map(({ name, active }) => [{ upstream: name }, active]),
    ),
    gauge(
      "gatewright_upstream_requests_queued",
      "Requests that wait for a connection.",
      upstreams.map(({ name, queued }) => [{ upstream: name }, queued]),
    ),
    counter(
      "gatewright_upstream_state_changes_total",
      "Targets that came into a state: ejected, down, open (circuit breaker), half-open, up.",
      upstreams.flatMap(({ name, stateChanges }) =>
        Object.entries(stateChanges).map(([state, count]): readonly [Labels, number] => [
          { upstream: name, state },
          count,
        ]),
      ),
    ),
    gauge(
      "gatewright_target_up",
      "1 if a target may be chosen.",
      targets.map(({ labels, target }) => [
        labels,
        target.state === "up" && !target.draining ? 1 : 0,
      ]),
    ),
    gauge(
      "gatewright_target_connections",
      "Open connections to a target.",
      targets.map(({ labels, target }) => [labels, target.open]),
    ),
    gauge(
      "gatewright_target_requests_active",
      "Requests that a target works on.",
      targets.map(({ labels, target }) => [labels, target.active]),
    ),
    gauge(
      "gatewright_target_latency_seconds",
      "Moving average of the time to the response's head.",
      targets.map(({ labels, target }) => [labels, target.latencyMs / 1000]),
    ),
  ];
}

function ofCache({ bytes, maxBytes, entries, routes }: CacheFigures): Family[] {
  return [
    gauge("gatewright_cache_size_bytes", "Bytes that the cache holds.", [[{}, bytes]]),
    gauge("gatewright_cache_max_size_bytes", "Bytes that it may hold.", [[{}, maxBytes]]),
    gauge("gatewright_cache_entries", "Stored responses.", [[{}, entries]]),
    gauge(
      "gatewright_cache_route_entries",
      "Stored responses of a route.",
      routes.map(({ route, entries: count }) => [{ route }, count]),
    ),
    counter(
      "gatewright_cache_requests_total",
      "Requests of routes that cache, by what the cache did.",
      routes.flatMap(({ route, requests }) =>
        Object.entries(requests).map(([cache, count]): readonly [Labels, number] => [
          { route, cache },
          count,
        ]),
      ),
    ),
  ];
}

function ofWaf({ inspected, flagged, refused, rules }: WafStatus): Family[] {
  return [
    counter("gatewright_waf_inspected_total", "Requests that the WAF has looked at.", [
      [{}, inspected],
    ]),
    counter("gatewright_waf_matched_total", "Requests with a match, by what became of them.", [
      [{ outcome: "flagged" }, flagged],
      [{ outcome: "refused" }, refused],
    ]),
    counter(
      "gatewright_waf_rule_matches_total",
      "Matches of a rule.",
      rules.map(({ rule, matches }) => [{ rule }, matches]),
    ),
  ];
}

function byLabel(
  label: string,
  counts: Readonly<Record<string, number>>,
): (readonly [Labels, number])[] {
  return Object.entries(counts).map(([value, count]) => [{ [label]: value }, count]);
}
