/**
 * What a choice costs with 1,000 targets, for every way to choose, in time of the CPU. Each pick is followed by what the
 * pool does (`begun`), and an older request ends, so that a thousand are under way. Goal: under a microsecond.
 */
import type { BalanceTarget } from "../runtime/upstream/balance/balancer.ts";
import { createBalancer, type BalanceRule } from "../runtime/upstream/balance/create-balancer.ts";
import { WeightedSplit } from "../runtime/upstream/balance/weighted-split.ts";

const TARGETS = 1000;
const UNDER_WAY = 1000;
const PICKS = 200_000;
const ROUNDS = 10;
const WARM_UP = 2;

const cookie = {
  name: "gatewright-target",
  path: "/",
  domain: undefined,
  maxAgeSeconds: undefined,
  sameSite: "Lax",
  secure: "auto",
  httpOnly: true,
} as const;

const EQUAL = (): number => 1;
const UNEVEN = (at: number): number => 1 + ((at * 7919) % 20);

interface Case {
  readonly name: string;
  readonly rule: BalanceRule;
  readonly weight: (at: number) => number;
}

const CASES: readonly Case[] = [
  { name: "round-robin, equal", rule: { type: "round-robin" }, weight: EQUAL },
  { name: "round-robin, weights", rule: { type: "round-robin" }, weight: UNEVEN },
  { name: "least-connections, equal", rule: { type: "least-connections" }, weight: EQUAL },
  { name: "least-connections, weights", rule: { type: "least-connections" }, weight: UNEVEN },
  { name: "random-two-choices", rule: { type: "random-two-choices" }, weight: UNEVEN },
  {
    name: "hash of the client",
    rule: { type: "hash", by: "client", boundedLoad: undefined },
    weight: UNEVEN,
  },
  {
    name: "hash of the client, bound 1.25",
    rule: { type: "hash", by: "client", boundedLoad: 1.25 },
    weight: UNEVEN,
  },
  {
    name: "hash of a field",
    rule: { type: "hash", by: { header: "x-tenant" }, boundedLoad: 1.25 },
    weight: UNEVEN,
  },
  {
    name: "sticky, known client",
    rule: { type: "sticky", cookie, secrets: ["s".repeat(32)], otherwise: "round-robin" },
    weight: UNEVEN,
  },
  {
    name: "sticky, new client",
    rule: { type: "sticky", cookie, secrets: ["s".repeat(32)], otherwise: "least-connections" },
    weight: UNEVEN,
  },
];

type Live = { -readonly [K in keyof BalanceTarget]: BalanceTarget[K] };

function measure({ name, rule, weight }: Case): string[] {
  const targets: Live[] = Array.from({ length: TARGETS }, (_, at) => ({
    key: `http://10.0.${at >> 8}.${at & 255}:9000`,
    weight: weight(at),
    priority: 0,
    active: 0,
    latencyMs: 0,
  }));
  const balancer = createBalancer({ name: "bench", rule });
  const made = performance.now();
  balancer.update(targets);
  const makeMs = performance.now() - made;
  const one = targets[7] as Live;
  const without = targets.filter((target) => target !== one);
  let updateMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 6; round++) {
    const start = performance.now();
    balancer.update(round % 2 === 0 ? without : targets);
    updateMs = Math.min(updateMs, performance.now() - start);
  }
  const requests = Array.from({ length: 4096 }, (_, at) => {
    const fields = ["Accept", "*/*", "User-Agent", "bench", "X-Tenant", `tenant-${at}`];
    const request = {
      method: "GET",
      path: "/",
      fields,
      clientAddress: `10.${at & 255}.${at >> 8}.${(at * 31) & 255}`,
    };
    if (name === "sticky, known client") {
      const target = targets[at % TARGETS] as Live;
      const line = balancer.setCookie?.(request, target) ?? "";
      fields.push("Cookie", `theme=dark; session=0123456789abcdef; ${line.split(";")[0]}`);
    }
    return request;
  });
  const underWay: (Live | undefined)[] = Array.from({ length: UNDER_WAY });
  let start = process.cpuUsage();
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    if (round === 0) start = process.cpuUsage();
    for (let pick = 0; pick < PICKS; pick++) {
      const target = balancer.pick(requests[pick & 4095] as (typeof requests)[0]) as Live;
      target.active += 1;
      balancer.begun?.(target);
      const slot = (pick * 7919) % UNDER_WAY;
      const old = underWay[slot];
      underWay[slot] = target;
      if (old === undefined) continue;
      old.active -= 1;
      balancer.ended?.(old);
    }
  }
  const ns = nsSince(start) / (PICKS * ROUNDS);
  return [name, `${ns.toFixed(0)} ns`, `${makeMs.toFixed(1)} ms`, `${updateMs.toFixed(1)} ms`];
}

function measureSplit(): string[] {
  const split = new WeightedSplit({
    name: "bench",
    shares: [
      ["stable", 90],
      ["canary", 8],
      ["next", 2],
    ],
    by: "client",
  });
  const requests = Array.from({ length: 4096 }, (_, at) => ({
    method: "GET",
    path: "/",
    fields: [],
    clientAddress: `10.${at & 255}.${at >> 8}.1`,
  }));
  let start = process.cpuUsage();
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    if (round === 0) start = process.cpuUsage();
    for (let pick = 0; pick < PICKS; pick++) {
      split.choose(requests[pick & 4095] as (typeof requests)[0]);
    }
  }
  const ns = nsSince(start) / (PICKS * ROUNDS);
  return ["split of three upstreams", `${ns.toFixed(0)} ns`, "", ""];
}

function nsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}

export async function benchBalance(): Promise<void> {
  const head = [
    "way to choose",
    "pick, begin and end",
    "first update",
    "one target leaves or joins",
  ];
  const rows = [head, ...CASES.map(measure), measureSplit()];
  const widths = head.map((_, at) => Math.max(...rows.map((row) => (row[at] as string).length)));
  console.log(
    `${TARGETS} targets, ${UNDER_WAY} requests under way, mean of ${PICKS * ROUNDS} choices`,
  );
  for (const row of rows) {
    console.log(row.map((cell, at) => cell.padEnd(widths[at] as number)).join("  "));
  }
}
