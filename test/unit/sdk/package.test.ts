/** What the SDK promises as a package: no dependency, nothing of Node at run time. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

/** Run by itself: notes what is imported, in a world that has nothing but what the Web platform and the language give. */
const SCRIPT = `
import { registerHooks } from "node:module";
const write = process.stdout.write.bind(process.stdout);
const imported = [];
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    imported.push(found.url);
    return found;
  },
});
for (const name of ["Buffer", "clearImmediate", "global", "process", "require", "setImmediate"]) delete globalThis[name];
const { defineConfig, definePlugin } = await import("@gatewright/sdk");
const { makeContext, makePluginEnv, makeRequest, makeResponse, runHook } = await import("@gatewright/sdk/testing");
const config = defineConfig({ upstreams: { api: { targets: ["http://127.0.0.1:9000"] } } });
const plugin = definePlugin(() => ({
  name: "any",
  async setup(env) { await env.keep("a", () => 1); },
  async onRequest(request, ctx) {
    ctx.score.add(1, await request.text());
    ctx.log.info({ path: request.path }, "seen");
    if (!ctx.limit("few").allowed) return ctx.block("enough");
    return ctx.json({ cookie: request.cookie("a") ?? null });
  },
  onResponse(response) {
    response.headers.append("set-cookie", "a=1");
    response.transform(async function* (chunks) { yield* chunks; yield "!"; });
  },
}))();
const env = makePluginEnv();
await plugin.setup(env);
const ctx = makeContext({ limits: { few: 1 } });
const request = makeRequest("/a?b=c", { method: "POST", headers: { cookie: "a=1" }, body: "text" });
const decision = await runHook(plugin, "onRequest", request, ctx);
const response = makeResponse("body");
await runHook(plugin, "onResponse", response, ctx);
await env.dispose();
write(JSON.stringify({ imported, kind: decision.kind, text: await response.sentText(), targets: config.upstreams.api.targets }));
`;

describe("@gatewright/sdk", () => {
  it("has no dependency of any kind", () => {
    const manifest = JSON.parse(readFileSync(resolve(root, "sdk/package.json"), "utf8")) as object;
    for (const kind of Object.keys(manifest)) expect(kind).not.toMatch(/dependencies$/i);
  });

  it("imports nothing but itself and uses nothing that only Node has, its testing part included", () => {
    const output = execFileSync(
      process.execPath,
      ["--conditions=@gatewright/source", "--input-type=module", "--eval", SCRIPT],
      { cwd: root, encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } },
    );
    const { imported, ...done } = JSON.parse(output) as { imported: string[] };
    expect(done).toEqual({ kind: "respond", text: "body!", targets: ["http://127.0.0.1:9000"] });
    expect(imported.length).toBeGreaterThan(5);
    const own = pathToFileURL(`${resolve(root, "sdk")}/`).href;
    expect(imported.filter((url) => !url.startsWith(own))).toEqual([]);
  });
});
