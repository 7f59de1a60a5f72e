/**
 * The WAF's rules at paranoia 1 by traffic of our own: attacks that were written down before anybody looked at what the
 * rules find, in the places and codings in which they would work, and honest requests of many kinds of clients.
 */
import { describe, expect, it } from "vitest";

import { isFullScale, scaled } from "../helpers/scale.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { isStoppedByEngine, matchesOf } from "../helpers/waf-engine.ts";
import { SuiteTable, type SuiteRequest } from "../helpers/waf-suites.ts";
import { blindRequests } from "../helpers/waf-blind.ts";
import { attackRequests, honestRequests } from "../helpers/waf-traffic.ts";
import { statusOverTheWire } from "../helpers/wire-status.ts";

/** Per cent; what was reached once is not given up again. */
const FLOOR = 98;
const FAMILY_FLOOR = 90;
const BLIND_STOPPED = 98;
const BLIND_PASSED = 95;

describe("traffic of our own", () => {
  it("is stopped where it is an attack", { timeout: 300_000 }, () => {
    const table = new SuiteTable();
    const missed: string[] = [];
    const every = scaled(3, 1);
    const requests = attackRequests(isFullScale).filter((_, at) => at % every === 0);
    expect(requests.length).toBeGreaterThan(scaled(5000, 30_000));
    for (const request of requests) {
      const isStopped = isStoppedByEngine(request);
      table.add(request, isStopped);
      if (!isStopped) missed.push(`${request.family} ${request.id}`);
    }
    if (isFullScale) table.print();
    expect(table.stopped, missed.join("\n")).toBeGreaterThanOrEqual(FLOOR);
    for (const [family, { attacks, stopped }] of Object.entries(table.rows)) {
      expect((100 * stopped) / attacks, family).toBeGreaterThanOrEqual(FAMILY_FLOOR);
    }
  });

  it("passes where it is honest, all of it (PUB-33)", { timeout: 60_000 }, () => {
    const requests = honestRequests();
    expect(requests.length).toBeGreaterThan(5000);
    const stopped = requests
      .filter(isStoppedByEngine)
      .map((request) => `${request.family} ${request.id}: ${matchesOf(request).join(", ")}`);
    expect(stopped).toEqual([]);
  });

  it("is told apart where somebody wrote it down who had not seen the rules", () => {
    const table = new SuiteTable();
    const wrong: string[] = [];
    for (const request of [...blindRequests("attacks"), ...blindRequests("honest")]) {
      const isStopped = isStoppedByEngine(request);
      table.add(request, isStopped);
      if (isStopped !== request.isAttack) {
        wrong.push(`${request.family} ${request.id}: ${matchesOf(request).join(", ")}`);
      }
    }
    if (isFullScale) table.print();
    expect(table.all.attacks).toBeGreaterThan(1100);
    expect(table.all.honest).toBeGreaterThan(850);
    expect(table.stopped, wrong.join("\n")).toBeGreaterThanOrEqual(BLIND_STOPPED);
    expect(table.passed, wrong.join("\n")).toBeGreaterThanOrEqual(BLIND_PASSED);
  });

  it("is told apart over the wire as well", { timeout: 300_000 }, async () => {
    const proxy = await startProxy({
      config: { upstreams: { app: { fetch: () => new Response("ok") } }, waf: {} },
    });
    const every = scaled(31, 1);
    const waiting = [...attackRequests(false), ...honestRequests()].filter(
      (_, at) => at % every === 0,
    );
    const differs: string[] = [];
    const run = async (): Promise<void> => {
      for (let request = waiting.pop(); request !== undefined; request = waiting.pop()) {
        const status = await statusOverTheWire(proxy.port, request);
        const isStopped = isStoppedByEngine(request);
        // Targets that two servers read differently are refused with 400, attack or not.
        if (status !== 400 && (status === 403) !== isStopped) differs.push(line(request, status));
      }
    };
    await Promise.all(Array.from({ length: 8 }, run));
    expect(differs).toEqual([]);
  });
});

function line({ family, id }: SuiteRequest, status: number): string {
  return `${status} ${family} ${id}`;
}
