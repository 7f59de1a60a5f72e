import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { createStackMapper } from "../../runtime/config/stack-mapper.ts";
import { answerListRequest } from "../../runtime/generation/list-requests.ts";
import { createProvision, type Provisioned } from "../../runtime/generation/provision.ts";
import type { SharedState } from "../../runtime/generation/shared-state.ts";
import { SpentTicketTable } from "../../runtime/primitives/challenge/spent-tickets.ts";
import { GcraTable, gcraTableBytes } from "../../runtime/primitives/rate-limit/gcra-table.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { askRaw } from "../helpers/through-proxy.ts";

const WORKERS = 4;

/** Proxies that share what workers of one proxy share: memory for counts, spent tickets, changes of lists. */
async function workers(config: GatewrightConfig<string>) {
  const buffers = new Map<string, SharedArrayBuffer>();
  const provisioned: Provisioned[] = [];
  const shared: SharedState = {
    limitSeed: Uint32Array.of(3, 4),
    counters(rule, maxKeys) {
      const buffer = buffers.get(rule) ?? new SharedArrayBuffer(gcraTableBytes(maxKeys));
      buffers.set(rule, buffer);
      return new GcraTable({ maxKeys, buffer });
    },
    spentTickets: new SpentTicketTable(),
    announceListChange(name, kind, change) {
      for (const { ipLists } of provisioned) answerListRequest(ipLists, { kind, name, ...change });
    },
    announcePurge(selection) {
      for (const { cache } of provisioned) cache?.purge(selection);
    },
  };
  const all = await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const stackMapper = createStackMapper();
      const provision = createProvision({
        accessLog: undefined,
        describeError: (error) => stackMapper.errorFields(error),
        shared,
      });
      return startProxy({
        config: { upstreams: { app: { fetch: () => new Response("ok") } }, ...config },
        single: {
          stackMapper,
          async provision(options) {
            const made = await provision(options);
            provisioned.push(made);
            return made;
          },
        },
      });
    }),
  );
  return async (worker: number, target: string, ...lines: string[]) => {
    const { port } = all[worker % WORKERS] as { port: number };
    const head = ["Host: a.test", "Connection: close", ...lines].join("\r\n");
    return askRaw(port, `GET ${target} HTTP/1.1\r\n${head}\r\n\r\n`);
  };
}

describe("workers that share their state (PUB-50)", () => {
  it("let 20 of 100 requests pass, wherever each arrives", async () => {
    const ask = await workers({ rateLimits: { ip: { limit: 20, window: "24h" } } });
    const statuses: number[] = [];
    for (let at = 0; at < 100; at++) statuses.push((await ask(at, "/")).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(20);
    // No flipping: from the first refusal on, all of them refuse.
    expect(statuses.lastIndexOf(200)).toBe(19);
  });

  it("refuse whom a hook of one of them has put on a list", async () => {
    const ask = await workers({
      trustedProxies: ["127.0.0.0/8"],
      blocklists: { trap: { ranges: [] } },
      onRequest(request, ctx) {
        if (request.path === "/trap") ctx.list("trap").add(ctx.client.address, "1h");
        if (request.path === "/free") ctx.list("trap").remove("203.0.113.1");
      },
    });
    const everywhere = async (): Promise<number[]> =>
      Promise.all(
        Array.from({ length: WORKERS }, async (_, at) => {
          return (await ask(at, "/", "X-Forwarded-For: 203.0.113.1")).status;
        }),
      );
    expect(await everywhere()).toEqual([200, 200, 200, 200]);
    await ask(0, "/trap", "X-Forwarded-For: 203.0.113.1");
    expect(await everywhere()).toEqual([403, 403, 403, 403]);
    await ask(3, "/free");
    expect(await everywhere()).toEqual([200, 200, 200, 200]);
  });

  it("forget together what a hook purges, and what an unsafe request has changed (RFC 9111 §4.4)", async () => {
    let version = 1;
    const ask = await workers({
      upstreams: {
        app: {
          fetch: (request) => {
            if (request.method === "DELETE") version += 1;
            return new Response(`v${version}`, {
              headers: { "cache-control": "max-age=60", "cache-tag": "t" },
            });
          },
        },
      },
      routes: [{ upstream: "app", cache: true }],
      onRequest(request, ctx) {
        if (request.path === "/purge") return ctx.json(ctx.cache.purge({ tag: "t" }));
        if (request.headers.has("x-delete")) request.method = "DELETE";
      },
    });
    const everywhere = async (target: string): Promise<string[]> => {
      const answers = Array.from({ length: WORKERS }, (_, at) => ask(at, target));
      return (await Promise.all(answers)).map(({ content }) => content.toString());
    };
    const all = (text: string): string[] => Array.from({ length: WORKERS }, () => text);
    expect(await everywhere("/")).toEqual(all("v1"));
    version = 2;
    expect(await everywhere("/")).toEqual(all("v1"));
    await ask(2, "/purge");
    expect(await everywhere("/")).toEqual(all("v2"));
    await ask(1, "/", "X-Delete: 1");
    expect(await everywhere("/")).toEqual(all("v3"));
  });

  it("take a solved challenge once", async () => {
    const ask = await workers({
      challenge: { when: () => true, noScript: 1, secrets: ["s".repeat(32)] },
    });
    const browser = ["Accept: text/html", "User-Agent: Mozilla/5.0 (test)"];
    const location = (fields: readonly string[]): string =>
      fields[fields.findIndex((name) => name.toLowerCase() === "location") + 1] ?? "";
    const redirect = await ask(0, "/", ...browser);
    expect(redirect.status).toBe(302);
    const page = await ask(1, location(redirect.fields), ...browser);
    const cookies = page.fields
      .filter((_value, at) => page.fields[at - 1]?.toLowerCase() === "set-cookie")
      .map((line) => line.split(";", 1)[0])
      .join("; ");
    const verify = location(redirect.fields).replace("challenge?", "verify?");
    const answers: number[] = [];
    for (let at = 0; at < 12; at++) {
      answers.push((await ask(at, verify, ...browser, `Cookie: ${cookies}`)).status);
    }
    expect(answers.filter((status) => status === 303)).toHaveLength(1);
  });
});
