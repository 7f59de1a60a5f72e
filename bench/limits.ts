import { parseIp } from "../runtime/http/ip-address.ts";
import { toListText } from "../runtime/primitives/ip-list/list-text.ts";
import { parseList } from "../runtime/primitives/ip-list/parse-list.ts";
import { inSlices, RangeBuilder } from "../runtime/primitives/ip-list/range-table.ts";
import { GcraTable } from "../runtime/primitives/rate-limit/gcra-table.ts";
import { KeyHash } from "../runtime/primitives/rate-limit/key-hash.ts";

const ROUNDS = 2_000_000;
const RANGES = 1_000_000;
const AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** What one take of the limiter, key included, and one look into a list of a million ranges cost. */
export async function benchLimits(): Promise<void> {
  const words = new Uint32Array(4);
  const addresses = Array.from({ length: 4096 }, (_, at) => dotted(Math.imul(at, 0x85_eb_ca_6b)));
  const hash = new KeyHash(Uint32Array.of(1, 2));
  const table = new GcraTable({ maxKeys: 100_000 });
  const terms = { intervalMs: 100, burst: 100, maxWaitMs: 0 };
  const take = (at: number, agent: string | undefined): void => {
    hash.begin();
    hash.word(parseIp(addresses[at & 4095] as string, words));
    hash.word(words[0] as number);
    if (agent !== undefined) hash.text(agent);
    hash.end();
    table.take(hash.high, hash.low, 1, terms, at / 100);
  };
  measure("take, by address", (at) => take(at, undefined));
  measure("take, by address and User-Agent", (at) => take(at, AGENT));

  const text = toListText(
    Array.from({ length: RANGES }, (_, at) => dotted(Math.imul(at, 0x9e_37_79_b1))).join("\n"),
  );
  const before = process.memoryUsage().arrayBuffers;
  let longest = 0;
  let last = performance.now();
  let most = 0;
  let lastCpu = cpuMs();
  let isOver = false;
  const tick = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    most = Math.max(most, cpuMs() - lastCpu);
    lastCpu = cpuMs();
    if (!isOver) setImmediate(tick);
  };
  tick();
  const began = performance.now();
  const builder = new RangeBuilder();
  await inSlices(parseList(text, undefined, builder));
  const list = await inSlices(builder.finish());
  isOver = true;
  const ms = performance.now() - began;
  const kept = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
  console.log(
    `${list.size} ranges: ${ms.toFixed(0)} ms, longest pause ${longest.toFixed(1)} ms (${most.toFixed(1)} ms of CPU), ${(list.size * 8) / 2 ** 20} MiB kept, ${kept.toFixed(0)} MiB with what is not collected yet`,
  );
  let found = 0;
  measure("lookup among a million ranges, address parsed", (at) => {
    if (list.has(parseIp(addresses[at & 4095] as string, words), words)) found += 1;
  });
  console.log(`(${found} found)`);
}

/** Of this thread: what another program takes meanwhile is no pause of ours. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function measure(name: string, run: (at: number) => void): void {
  for (let at = 0; at < ROUNDS / 4; at++) run(at);
  const began = performance.now();
  for (let at = 0; at < ROUNDS; at++) run(at);
  console.log(`${name}: ${(((performance.now() - began) * 1e6) / ROUNDS).toFixed(0)} ns`);
}

function dotted(value: number): string {
  const address = value >>> 0;
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
