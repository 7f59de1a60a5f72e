import type { Context, PluginEnv } from "@gatewright/sdk";
import { describe, expect, it, vi } from "vitest";

import { startProxy } from "../helpers/start-proxy.ts";

const shared = globalThis as { ticks?: string[]; gates?: Record<string, () => void> };

const text = async (url: string): Promise<string> => (await fetch(url)).text();

describe("a reload", () => {
  it("leaves exactly one ticker alive", async () => {
    shared.ticks = [];
    const config = (version: number): string => `
      setInterval(() => globalThis.ticks.push("${version}"), 5);
      export default { onRequest: (request, ctx) => ctx.respond(200, "${version}") };
    `;
    const proxy = await startProxy({ files: { "proxy.config.ts": config(1) } });
    for (let version = 2; version <= 10; version++) {
      await proxy.write("proxy.config.ts", config(version));
      await proxy.commit(version);
    }
    await vi.waitUntil(async () => (await proxy.running.status()).retiring.length === 0);
    shared.ticks = [];
    await vi.waitUntil(() => (shared.ticks ?? []).length >= 20);
    expect(new Set(shared.ticks)).toEqual(new Set(["10"]));
  });

  it("lets a request in flight finish on the generation that it began on", async () => {
    shared.gates = {};
    const config = (version: number): string => `
      export default {
        async onRequest(request, ctx) {
          if (request.path === "/slow") await new Promise((resolve) => (globalThis.gates.open = resolve));
          return ctx.respond(200, "${version}");
        },
        onResponse(response) { response.headers.set("x-version", "${version}"); },
      };
    `;
    const proxy = await startProxy({ files: { "proxy.config.ts": config(1) } });
    const slow = fetch(`${proxy.url}/slow`);
    await vi.waitUntil(() => shared.gates?.["open"] !== undefined);
    for (let version = 2; version <= 4; version++) {
      await proxy.write("proxy.config.ts", config(version));
      await proxy.commit(version);
    }
    expect(await text(proxy.url)).toBe("4");
    expect((await proxy.running.status()).retiring).toMatchObject([{ number: 1, leases: 1 }]);
    shared.gates["open"]?.();
    const response = await slow;
    expect(await response.text()).toBe("1");
    expect(response.headers.get("x-version")).toBe("1");
    await vi.waitUntil(async () => (await proxy.running.status()).retiring.length === 0);
  });

  it("picks up a module that the config imports", async () => {
    const proxy = await startProxy({
      files: {
        "proxy.config.ts": `
          import { greeting } from "./lib/greeting.ts";
          export default { onRequest: (request, ctx) => ctx.respond(200, greeting) };
        `,
        "lib/greeting.ts": `export const greeting: string = "hello";`,
      },
    });
    expect(await text(proxy.url)).toBe("hello");
    await proxy.write("lib/greeting.ts", `export const greeting: string = "good day";`);
    await proxy.commit(2);
    expect(await text(proxy.url)).toBe("good day");
  });

  it("asked for explicitly, reads what the code reads anew though the code stays the same", async () => {
    const proxy = await startProxy({
      files: {
        "proxy.config.ts": `import { readFileSync } from "node:fs";
          const text = readFileSync(new URL("text.txt", import.meta.url), "utf8");
          export default { onRequest: (request, ctx) => ctx.respond(200, text) };`,
        "text.txt": "old",
      },
      watch: false,
    });
    expect(await (await fetch(proxy.url)).text()).toBe("old");
    await proxy.write("text.txt", "new");
    expect(await proxy.running.reload()).toMatchObject({ outcome: "live" });
    expect(await (await fetch(proxy.url)).text()).toBe("new");
  });

  it("keeps what plugins keep and runs the disposer of the old generation", async () => {
    const made: string[] = [];
    const config = (version: string) => ({
      plugins: [
        {
          name: "db",
          api: 1 as const,
          async setup(env: PluginEnv) {
            await env.keep(
              "client",
              () => void made.push("opened"),
              () => void made.push("closed"),
            );
            return () => void made.push(`disposed ${version}`);
          },
        },
      ],
      onRequest: (_request: unknown, ctx: Context) => ctx.respond(200, version),
    });
    const proxy = await startProxy({ config: config("1") });
    await proxy.update(config("2"));
    expect(await text(proxy.url)).toBe("2");
    await vi.waitUntil(() => made.length === 2);
    expect(made).toEqual(["opened", "disposed 1"]);
    await proxy.close();
    expect(made).toEqual(["opened", "disposed 1", "disposed 2", "closed"]);
  });
});
