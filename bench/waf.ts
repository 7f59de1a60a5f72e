/**
 * `npm run bench -- waf`: what the WAF costs at paranoia 1. First the engine alone: CPU for the head of a browser's GET and
 * for 2 KiB of JSON, both when every request is the same and when no value comes twice, and for values of several kinds.
 * Then whole requests through Gatewright and through Apache with ModSecurity and the OWASP Core Rule Set, with the rules
 * and without.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ANOMALY_RULES } from "../runtime/primitives/waf/anomaly-rules.ts";
import { createWafEngine, type WafEngine } from "../runtime/primitives/waf/engine.ts";
import type { RequestHead } from "../runtime/primitives/waf/inspection.ts";
import { RULES } from "../runtime/primitives/waf/rules/rules.ts";
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
import { apachePeer, gatewright } from "./peers.ts";
import { apacheProxy, gatewrightWaf } from "./peers/configs.ts";

const CONNECTIONS = 16;
const WARM_UP_REQUESTS = 20_000;
const DIFFERENT = 4096;

const PEERS = [
  gatewright("Gatewright with its WAF", (_dir, port, origin) => gatewrightWaf(port, origin, true)),
  gatewright("Gatewright", (_dir, port, origin) => gatewrightWaf(port, origin, false)),
  apachePeer("Apache + ModSecurity + CRS", (dir, port, origin) =>
    apacheProxy(dir, port, origin, true),
  ),
  apachePeer("Apache", (dir, port, origin) => apacheProxy(dir, port, origin, false)),
];

export async function benchWaf(): Promise<void> {
  benchEngine();
  needs("wrk", "nginx");
  for (const [name, script] of [
    ["A browser's GET", wrkScript("GET", requestFields(0))],
    [
      "POST of 2 KiB of JSON",
      wrkScript("POST", [...requestFields(0), "Content-Type", "application/json"], json(0)),
    ],
  ] as const) {
    const file = join(tmpdir(), `gatewright-bench-waf-${process.pid}.lua`);
    writeFileSync(file, script);
    await withPeers(PEERS, (contestants) => {
      const load = (port: number, seconds: number): Work => wrk(file, port, seconds);
      const figures = runRounds(contestants, load, WARM_UP_REQUESTS);
      console.log(
        `\n${name}, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
      );
      printTable(
        ["proxy", "CPU µs a request (median)", "to Gatewright with its WAF", "errors"],
        figures.map((one) => [
          one.name,
          median(one.samples).toFixed(1),
          toText(ratio(one, figures[0]), 2),
          String(one.errors),
        ]),
      );
      const [ours, plain, theirs, apache] = figures.map((one) => median(one.samples));
      const cost = (with_ = Number.NaN, without = Number.NaN): string =>
        (with_ - without).toFixed(1);
      console.log(
        `The rules alone: ${cost(ours, plain)} µs, ModSecurity's ${cost(theirs, apache)} µs`,
      );
    });
  }
}

function benchEngine(): void {
  const engine = createWafEngine({
    rules: [...ANOMALY_RULES, ...RULES],
    paranoia: 1,
    exclude: [],
    bounds: { maxValues: 100_000, maxDepth: 64, maxValueLength: 65_536 },
  });
  const heads = Array.from({ length: DIFFERENT }, (_, at) => requestHead(at, at));
  const sameClient = Array.from({ length: DIFFERENT }, (_, at) => requestHead(at, 0));
  const bodies = Array.from({ length: DIFFERENT }, (_, at) => Buffer.from(json(at)));
  const post: RequestHead = { ...requestHead(0, 0), method: "POST" };
  const rows: [string, string][] = [
    ["browser's GET, the same again", microseconds(() => inspectHead(engine, heads[0]))],
    [
      "browser's GET, path, query and a cookie new",
      microseconds((at) => inspectHead(engine, sameClient[at])),
    ],
    ["browser's GET, every value new", microseconds((at) => inspectHead(engine, heads[at]))],
    ["2 KiB of JSON, the same again", microseconds(() => inspectJson(engine, post, bodies[0]))],
    ["2 KiB of JSON, every value new", microseconds((at) => inspectJson(engine, post, bodies[at]))],
  ];
  console.log(
    `\nThe engine alone, ${bodies[0]?.byteLength} bytes of JSON; Node ${process.version}\n`,
  );
  printTable(["inspected", "CPU µs"], rows);
  const values = Object.entries(VALUES).map(([name, value]): [string, string] => {
    const lists = Array.from({ length: LISTS }, (_, at) => listOf(value, at * VALUES_AT_ONCE));
    return [
      name,
      microseconds((at) => inspectJson(engine, post, lists[at]), LISTS, VALUES_AT_ONCE),
    ];
  });
  console.log("\nOne value of JSON, each another one\n");
  printTable(["value", "CPU µs"], values);
}

const LISTS = 512;
const VALUES_AT_ONCE = 64;
/** What honest values are, by how much there is in them that rules have to look at. */
const VALUES: Readonly<Record<string, (at: number) => string>> = {
  "a number in a word": (at) => `AB-1${at}x`,
  "two words": (at) => `blue shirt ${at}`,
  "a date": (at) => `2026-11-25T10:${10 + (at % 50)}:00.${at}Z`,
  "an e-mail address": (at) => `anna.${at}@mail.test`,
  "a URL": (at) => `https://cdn.shop.test/img/3/${at}.jpg?w=200&h=300`,
  "a name with an apostrophe": (at) => `O'Brien and sons ${at}`,
  "a sentence with apostrophes": (at) =>
    `I don't know if it's there in ${at} days, we'll see and tell.`,
  "a sentence with & and ;": (at) => `Please wrap it & don't fold; it's for Anna-${at}`,
  "a sentence with brackets": (at) => `Blue shirt, size 3 (cotton ${at})`,
  "a sentence with a quotation": (at) => `He said "no more of it" and left ${at}`,
};

function listOf(value: (at: number) => string, first: number): Buffer {
  const list = Array.from({ length: VALUES_AT_ONCE }, (_, at) => value(first + at));
  return Buffer.from(JSON.stringify(list));
}

function inspectHead(engine: WafEngine, head: RequestHead | undefined): void {
  const { score } = engine.inspect(head as RequestHead);
  if (score > 0) throw new Error("the WAF takes an honest request for an attack");
}

function inspectJson(engine: WafEngine, head: RequestHead, body: Buffer | undefined): void {
  const inspection = engine.inspect(head);
  inspection.inspectContent(body as Buffer, "application/json");
  if (inspection.score > 0) throw new Error("the WAF takes an honest request for an attack");
}

/** The best of several rounds: what else the machine does is no cost of the rules. `each`: what one run looks at. */
function microseconds(run: (at: number) => void, runs = DIFFERENT, each = 1): string {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) {
    const began = process.cpuUsage();
    for (let at = 0; at < runs; at++) run(at);
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, (user + system) / runs / each);
  }
  return best.toFixed(each === 1 ? 1 : 2);
}

/** What only this request has, and what the client sends each time. */
function requestHead(at: number, client: number): RequestHead {
  return {
    method: "GET",
    protocol: "HTTP/1.1",
    rawPath: whole(`/products/${42 + at}/view`),
    rawSearch: whole(`?sort=price&q=O%27Brien+and+sons+${at}&page=2`),
    fields: ["Host", "shop.test", ...requestFields(client, at)].map(whole),
  };
}

/** A text that was put together is taken apart again by whoever reads it first; one from a connection is not. */
function whole(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

function requestFields(at: number, session = at): string[] {
  return [
    ["User-Agent", `Mozilla/5.0 (X11; Linux x86_64; rv:140.${at}) Gecko/20100101 Firefox/140.0`],
    ["Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
    ["Accept-Language", "en-US,en;q=0.7,de;q=0.3"],
    ["Accept-Encoding", "gzip, deflate, br, zstd"],
    ["Referer", `https://shop.test/search?q=o%27brien&page=${at}`],
    [
      "Cookie",
      `sid=3f2a9c7e51d04b8fa6${session}; theme=dark; _ga=GA1.2.1234567890.17000${at}; consent=%7B%22a%22%3Atrue%2C%22n%22%3A${at}%7D`,
    ],
    ["Upgrade-Insecure-Requests", "1"],
    ["Sec-Fetch-Dest", "document"],
    ["Sec-Fetch-Mode", "navigate"],
    ["Sec-Fetch-Site", "same-origin"],
    ["Sec-Fetch-User", "?1"],
    ["If-None-Match", `W/"5f-abc${at}"`],
  ].flat();
}

/** An order: most values are different in each, keys are not. */
function json(at: number): string {
  const items = Array.from({ length: 9 }, (_, index) => ({
    id: index * 17 + at,
    sku: `AB-${index}${at}x`,
    title: `Blue shirt, size ${index} (cotton ${at})`,
    note: `Please wrap it & don't fold; it's for Anna-${at}`,
    price: 19.99,
    url: `https://cdn.shop.test/img/${index}/${at}.jpg?w=200&h=300`,
    tags: ["new", `sale-${index}0%`],
  }));
  const email = `anna.${at}@mail.test`;
  return JSON.stringify({ user: { name: "Anna Müller", email, agent: "web/2.1" }, items });
}

function wrkScript(method: string, fields: readonly string[], body?: string): string {
  const lines = [`wrk.method = "${method}"`];
  for (let at = 0; at < fields.length; at += 2) {
    lines.push(`wrk.headers[${lua(fields[at])}] = ${lua(fields[at + 1])}`);
  }
  if (body !== undefined) lines.push(`wrk.body = ${lua(body)}`);
  return lines.join("\n");
}

function lua(text = ""): string {
  return `[==[${text}]==]`;
}

function wrk(script: string, port: number, seconds: number): Work {
  const text = runLoad("wrk", [
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${Math.ceil(seconds)}s`,
    "-s",
    script,
    `http://127.0.0.1:${port}/products/42/view?sort=price&q=O%27Brien+and+sons&page=2`,
  ]);
  const errors = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return { done: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0), errors };
}
