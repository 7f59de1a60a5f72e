import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { validate } from "../../runtime/config/validate.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { fieldValue } from "../../runtime/http/raw-fields.ts";

type Config = GatewrightConfig<string>;

const PAGE = ["Accept: text/html", "User-Agent: Mozilla/5.0 (test)"];
const once = { limit: 1, window: "1h" } as const;

async function seen({ get }: ThroughProxy, ...paths: string[]): Promise<number[]> {
  const all: number[] = [];
  for (const path of paths) all.push((await get(path)).status);
  return all;
}

describe("the mode of rate limits", () => {
  it("flag lets everything pass, adds points, names the rule in the record and tells the client nothing", async () => {
    const through = await throughProxy({
      config: { rateLimits: { ip: { ...once, mode: "flag", points: 2 } } },
    });
    expect(await seen(through, "/", "/")).toEqual([200, 200]);
    const record = await through.proxy.accessed(({ score }) => score > 0);
    expect(record).toMatchObject({ score: 2, scoredBy: ["limit:ip"], status: 200 });
    expect(fieldValue((await through.get("/")).fields, "ratelimit")).toBeUndefined();
  });

  it("flag neither delays nor counts out requests that are under way", async () => {
    const through = await throughProxy({
      config: {
        rateLimitMode: "flag",
        rateLimits: {
          slow: { limit: 1, window: "10m", action: "delay", maxDelay: "1h" },
          busy: { concurrent: 1 },
        },
      },
    });
    const statuses = await Promise.all([1, 2, 3].map(() => through.get("/")));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200]);
    await through.proxy.accessed(({ scoredBy }) => scoredBy?.includes("limit:slow") === true);
  });

  it("of a route replaces that of all requests, up to each rule's own", async () => {
    const rules: Config = {
      rateLimitMode: "flag",
      rateLimits: { ip: once, trial: { ...once, mode: "flag" } },
      routes: [
        { match: { path: "/strict" }, upstream: "api", rateLimitMode: "block" },
        { match: { path: "/health" }, upstream: "api", rateLimitMode: "off" },
        { upstream: "api" },
      ],
    };
    const through = await throughProxy({ config: rules });
    // Nothing of /health is counted, everything of the others is.
    expect(await seen(through, "/health", "/health", "/", "/", "/strict", "/health")).toEqual([
      200, 200, 200, 200, 429, 200,
    ]);
    const refused = await through.proxy.accessed(({ status }) => status === 429);
    expect(refused).toMatchObject({ reason: "limit ip", scoredBy: ["limit:trial"] });
  });

  it("off counts nothing, for ctx.limit too; flag lets it pass with points", async () => {
    const through = await throughProxy({
      config: {
        rateLimits: {
          gone: { ...once, scope: "named", mode: "off" },
          trial: { ...once, scope: "named", mode: "flag", points: 7 },
        },
        onRequest(request, ctx) {
          const { allowed } = ctx.limit(request.path.slice(1));
          return allowed ? undefined : ctx.respond(429);
        },
      },
    });
    expect(await seen(through, "/gone", "/gone", "/trial", "/trial")).toEqual([200, 200, 200, 200]);
    await through.proxy.accessed(({ score, path }) => score === 7 && path === "/trial");
  });

  it("keeps the counts when a reload changes it", async () => {
    const through = await throughProxy({ config: { rateLimits: { ip: once } } });
    const { proxy, upstream } = through;
    expect(await seen(through, "/")).toEqual([200]);
    const config = (mode: "flag" | "block"): Config => ({
      upstreams: { api: { targets: [upstream.url] } },
      rateLimits: { ip: { ...once, mode } },
    });
    await proxy.update(config("flag"));
    expect(await seen(through, "/")).toEqual([200]);
    await proxy.update(config("block"));
    expect(await seen(through, "/")).toEqual([429]);
  });
});

describe("what challenges", () => {
  it("a rate limit that is used up challenges pages and refuses programs, with the score behind it", async () => {
    const through = await throughProxy({
      config: {
        challenge: {},
        rateLimits: { ip: { ...once, action: "challenge", points: 6 } },
      },
    });
    expect((await through.get("/a?b=1", ...PAGE)).status).toBe(200);
    const second = await through.get("/a?b=1", ...PAGE);
    expect(second.status).toBe(302);
    expect(fieldValue(second.fields, "location")).toMatch(
      /^\/\.well-known\/gatewright\/challenge\?/,
    );
    const program = await through.get("/a", "Accept: application/json");
    expect(program.status).toBe(403);
    expect(program.content.toString()).toContain("PROXY_CHALLENGE_REQUIRED");
    const record = await through.proxy.accessed(({ status }) => status === 302);
    expect(record).toMatchObject({
      reason: "challenge, limit ip",
      score: 6,
      scoredBy: ["limit:ip"],
    });
  });

  it("the page of the challenge is there for a client that a limit challenges", async () => {
    const through = await throughProxy({
      config: { challenge: {}, rateLimits: { ip: { ...once, action: "challenge" } } },
    });
    await through.get("/", ...PAGE);
    const location = fieldValue((await through.get("/", ...PAGE)).fields, "location") as string;
    const page = await through.get(location, ...PAGE);
    expect(page.status).toBe(403);
    expect(page.content.toString()).toContain("<form");
  });

  it("a list challenges who is on it, also where the route asks nobody by itself; allowlists win", async () => {
    const config: Config = {
      trustedProxies: ["127.0.0.0/8"],
      challenge: {},
      allowlists: { office: { ranges: ["203.0.113.7"] } },
      blocklists: { odd: { ranges: ["203.0.113.0/24"], mode: "challenge", points: 3 } },
      routes: [
        { match: { path: "/quiet" }, upstream: "api", challenge: false },
        { upstream: "api" },
      ],
    };
    const through = await throughProxy({ config });
    const from = async (address: string, path = "/"): Promise<number> =>
      (await through.get(path, `X-Forwarded-For: ${address}`, ...PAGE)).status;
    expect(await from("203.0.113.1")).toBe(302);
    expect(await from("203.0.113.1", "/quiet")).toBe(302);
    expect(await from("203.0.113.7")).toBe(200);
    expect(await from("198.51.100.1")).toBe(200);
    const record = await through.proxy.accessed(({ status }) => status === 302);
    expect(record).toMatchObject({ reason: "challenge, list odd", scoredBy: ["list:odd"] });
  });

  it("needs a challenge, and a config without one says so", () => {
    const result = validate({
      upstreams: { a: { targets: ["http://127.0.0.1:1"] } },
      rateLimits: { ip: { limit: 1, window: "1s", action: "challenge" } },
      blocklists: { odd: { ranges: [], mode: "challenge" } },
    });
    expect(result.kind === "valid" ? [] : result.issues.map(({ message }) => message)).toEqual([
      "The rule challenges clients, and there is no challenge.",
      "The list challenges clients, and there is no challenge.",
    ]);
  });
});
