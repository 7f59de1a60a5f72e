/**
 * `npm run bench [-- http1 | tls | h2 | idle | transfer | balance | compress | waf | cache | all]` (default: http1): Gatewright and other proxies beside each other in
 * one run, one core for the proxy, another for load and origin. Medians over rounds and of ratios within a round;
 * absolute times mean nothing beyond the machine they were taken on.
 *
 * BENCH_ROUNDS (default 5), BENCH_SECONDS a round and peer (default 4), BENCH_ONLY (parts of peers' names, separated by
 * commas), BENCH_VERBOSE (show what the peers write to standard error).
 */
import { benchBalance } from "./balance.ts";
import { benchCache } from "./cache.ts";
import { benchCompress } from "./compress.ts";
import { benchH2 } from "./h2.ts";
import { benchHttp1 } from "./http1.ts";
import { benchIdle } from "./idle.ts";
import { benchLimits } from "./limits.ts";
import { benchTls } from "./tls.ts";
import { benchTransfer } from "./transfer.ts";
import { benchWaf } from "./waf.ts";

const SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  http1: benchHttp1,
  tls: benchTls,
  h2: benchH2,
  idle: benchIdle,
  transfer: benchTransfer,
  balance: benchBalance,
  limits: benchLimits,
  compress: benchCompress,
  cache: benchCache,
  waf: benchWaf,
};

const wanted = process.argv.slice(2);
const names = wanted.includes("all") ? Object.keys(SCENARIOS) : wanted;
for (const name of names.length === 0 ? ["http1"] : names) {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) {
    console.error(
      `There is no scenario ${name}. Known: ${Object.keys(SCENARIOS).join(", ")}, all.`,
    );
    process.exit(2);
  }
  await scenario();
}
