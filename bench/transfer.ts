/**
 * `npm run bench -- transfer`: one large download after another through each proxy (nginx with sendfile off, as it is by
 * default and must be in front of an upstream). CPU time of the whole process tree per MiB; the origin is nginx.
 */
import {
  median,
  needs,
  printTable,
  ratio,
  ROUNDS,
  runLoad,
  runRounds,
  SECONDS,
  toText,
  withPeers,
  type Work,
} from "./contest.ts";
import { LARGE_BYTES, PEERS } from "./peers.ts";

const MIB = 1024 * 1024;

export async function benchTransfer(): Promise<void> {
  needs("curl", "nginx");
  const peers = PEERS.filter(({ name }) => !name.includes("log") && !name.includes("fast-proxy"));
  await withPeers(peers, (contestants) => {
    const figures = runRounds(contestants, download);
    console.log(
      `Downloads of ${LARGE_BYTES / MIB} MiB, ${ROUNDS} rounds of at least ${SECONDS} s, one core; Node ${process.version}\n`,
    );
    printTable(
      ["proxy", "MiB a CPU second (median)", "Gatewright's throughput to it", "errors"],
      figures.map((one) => [
        one.name,
        (1e6 / median(one.samples)).toFixed(0),
        toText(1 / ratio(figures[0], one), 2),
        String(one.errors),
      ]),
    );
  });
}

/** Whole files until the time is over; the work is counted in MiB. */
function download(port: number, seconds: number): Work {
  const until = Date.now() + seconds * 1000;
  let done = 0;
  let errors = 0;
  do {
    const bytes = Number(
      runLoad("curl", [
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download}",
        `http://127.0.0.1:${port}/large`,
      ]),
    );
    if (bytes !== LARGE_BYTES) errors += 1;
    done += bytes / MIB;
  } while (Date.now() < until);
  return { done, errors };
}
