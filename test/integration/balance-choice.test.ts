/** The ways to choose a target, through the whole proxy. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { GatewrightConfig, NetworkUpstream } from "@gatewright/sdk";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, toyResponse, type ToyUpstream } from "../helpers/toy-upstream.ts";

/** Each answers with its number. */
let origins: ToyUpstream[];

beforeEach(async () => {
  origins = await Promise.all(
    [0, 1, 2].map((number) =>
      startToyUpstream({ onRequest: () => toyResponse(200, String(number)) }),
    ),
  );
});

afterEach(() => Promise.all(origins.map((origin) => origin.close())));

function config(change: Partial<NetworkUpstream>): GatewrightConfig<string> {
  return { upstreams: { app: { targets: origins.map(({ url }) => url), ...change } } };
}

async function ask(proxy: TestProxy, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(proxy.url, { headers });
  return response.text();
}

async function askMany(
  proxy: TestProxy,
  count: number,
  headers: Record<string, string> = {},
): Promise<string[]> {
  const answers: string[] = [];
  for (let request = 0; request < count; request++) answers.push(await ask(proxy, headers));
  return answers;
}

describe("balance", () => {
  it.each(["round-robin", "least-connections"] as const)(
    "%s gives sequential requests to targets by weight",
    async (balance) => {
      const targets = origins.map(({ url }, at) => ({ url, weight: at + 1 }));
      const proxy = await startProxy({ config: config({ targets, balance }) });
      const answers = await askMany(proxy, 12);
      expect(answers.toSorted().join("")).toBe("001111222222");
    },
  );

  it("hash keeps requests with the same field together, whatever else they ask", async () => {
    const proxy = await startProxy({
      config: config({ balance: { type: "hash", by: { header: "x-tenant" } } }),
    });
    const used = new Set<string>();
    for (let tenant = 0; tenant < 12; tenant++) {
      const answers = new Set(await askMany(proxy, 3, { "x-tenant": `t${tenant}` }));
      expect(answers.size).toBe(1);
      used.add([...answers].join());
    }
    expect(used.size).toBeGreaterThan(1);
  });

  it("hash takes a function of the request", async () => {
    const proxy = await startProxy({
      config: config({
        balance: { type: "hash", by: (request) => request.headers.get("x-a") ?? undefined },
      }),
    });
    for (const key of ["k1", "k2", "k3"]) {
      expect(new Set(await askMany(proxy, 3, { "x-a": key })).size).toBe(1);
    }
    expect(origins.flatMap(({ violations }) => violations)).toEqual([]);
  });

  it("hash sends everything of a target that is gone to others, and back when it is there again", async () => {
    const balance = { type: "hash", by: { header: "x-tenant" } } as const;
    const proxy = await startProxy({ config: config({ balance }) });
    const before = await ask(proxy, { "x-tenant": "a" });
    const rest = origins.filter((_, at) => String(at) !== before).map(({ url }) => url);
    await proxy.update(config({ balance, targets: rest }));
    expect(await ask(proxy, { "x-tenant": "a" })).not.toBe(before);
    await proxy.update(config({ balance }));
    expect(await ask(proxy, { "x-tenant": "a" })).toBe(before);
  });
});

describe("pick", () => {
  it("chooses a target by what the request says; the request itself is not touched", async () => {
    const proxy = await startProxy({
      config: config({
        pick(targets, request) {
          request.headers.set("x-added", "no");
          return targets.find(({ key }) => key.endsWith(request.headers.get("x-want") ?? "-"));
        },
      }),
    });
    for (const at of [2, 0, 1, 1]) {
      const want = String(origins[at]?.port);
      expect(await ask(proxy, { "x-want": want })).toBe(String(at));
    }
    const requests = origins.flatMap((origin) => origin.requests);
    expect(requests.map((request) => request.field("x-added"))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(origins.flatMap(({ violations }) => violations)).toEqual([]);
  });

  it("is replaced by a reload without a connection lost", async () => {
    const proxy = await startProxy({ config: config({ pick: (targets) => targets[0] }) });
    expect(await askMany(proxy, 2)).toEqual(["0", "0"]);
    await proxy.update(config({ pick: (targets) => targets[1] }));
    expect(await askMany(proxy, 2)).toEqual(["1", "1"]);
    await proxy.update(config({ pick: (targets) => targets[0] }));
    expect(await ask(proxy)).toBe("0");
    expect(origins[0]?.connections).toHaveLength(1);
  });

  it("that throws leaves the choice to the algorithm, and the log says so once", async () => {
    const proxy = await startProxy({
      config: config({
        pick() {
          throw new Error("no idea");
        },
      }),
    });
    expect((await askMany(proxy, 3)).toSorted()).toEqual(["0", "1", "2"]);
    const lines = proxy.log.lines.filter(({ msg }) => String(msg).includes("could not choose"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: "warn", upstream: "app" });
  });
});

describe("priority", () => {
  it("leaves targets of a later one alone while those before are well", async () => {
    const targets = origins.map(({ url }, at) => ({ url, priority: at === 2 ? 1 : 0 }));
    const proxy = await startProxy({ config: config({ targets }) });
    expect((await askMany(proxy, 6)).toSorted().join("")).toBe("000111");
  });
});
