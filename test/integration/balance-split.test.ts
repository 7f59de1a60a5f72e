/** Splits between upstreams, through the whole proxy. */
import { describe, expect, it } from "vitest";

import { defineConfig, type GatewrightConfig, type SplitUpstream } from "@gatewright/sdk";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const app = (name: string) => ({ fetch: () => new Response(name) });

function config(split: SplitUpstream): GatewrightConfig<string> {
  return {
    trustedProxies: ["127.0.0.1/32"],
    upstreams: { stable: app("stable"), canary: app("canary"), app: split },
    routes: [{ match: { path: "/*" }, upstream: "app" }],
  };
}

async function clients(proxy: TestProxy, count: number): Promise<string[]> {
  const answers: string[] = [];
  for (let client = 0; client < count; client++) {
    const response = await fetch(proxy.url, {
      headers: { "x-forwarded-for": `198.51.${client >> 8}.${client & 255}` },
    });
    answers.push(await response.text());
  }
  return answers;
}

describe("a split", () => {
  it("divides clients by shares and leaves each where it is, also when the canary grows", async () => {
    const proxy = await startProxy({ config: config({ split: { stable: 80, canary: 20 } }) });
    const first = await clients(proxy, 200);
    const canaries = first.filter((answer) => answer === "canary").length;
    expect(canaries).toBeGreaterThan(20);
    expect(canaries).toBeLessThan(62);
    expect(await clients(proxy, 200)).toEqual(first);
    await proxy.update(config({ split: { stable: 40, canary: 60 } }));
    const later = await clients(proxy, 200);
    expect(later.filter((answer) => answer === "canary").length).toBeGreaterThan(canaries);
    for (const [client, answer] of first.entries()) {
      if (answer === "canary") expect(later[client]).toBe("canary");
    }
  });

  it("gives everything to the others when a share is 0", async () => {
    const proxy = await startProxy({ config: config({ split: { stable: 1, canary: 0 } }) });
    expect(new Set(await clients(proxy, 20))).toEqual(new Set(["stable"]));
  });

  it("goes by a cookie, a field or a function", async () => {
    const keys: NonNullable<SplitUpstream["by"]>[] = [
      { cookie: "session" },
      { header: "x-session" },
      (request) => request.headers.get("x-session") ?? undefined,
    ];
    for (const by of keys) {
      const proxy = await startProxy({ config: config({ split: { stable: 1, canary: 1 }, by }) });
      const answers = new Set<string>();
      for (let session = 0; session < 24; session++) {
        const headers = { cookie: `session=s${session}`, "x-session": `s${session}` };
        const first = await (await fetch(proxy.url, { headers })).text();
        expect(await (await fetch(proxy.url, { headers })).text()).toBe(first);
        answers.add(first);
      }
      expect(answers.size).toBe(2);
    }
  });

  it("is named by hooks and ctx.fetch, and the log names what it became", async () => {
    const proxy = await startProxy({
      config: defineConfig({
        upstreams: { one: app("one"), two: app("two"), app: { split: { one: 1, two: 0 } } },
        async onRequest(request, ctx) {
          if (request.path !== "/sub") return ctx.forward("app");
          return ctx.respond(200, `sub ${await (await ctx.fetch("app")).text()}`);
        },
      }),
    });
    expect(await (await fetch(proxy.url)).text()).toBe("one");
    expect(await (await fetch(`${proxy.url}/sub`)).text()).toBe("sub one");
    expect((await proxy.accessed(({ path }) => path === "/")).upstream).toBe("one");
  });
});
