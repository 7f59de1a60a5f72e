/** `gatewright start` replaces its own image by one with a smaller young generation; see runtime/bin/gatewright.js. */
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { createConfigProject } from "../helpers/config-project.ts";
import { startCommand, type CommandOptions } from "../helpers/run-command.ts";

const CONFIG = `
  export default {
    listen: { port: 0 },
    upstreams: { app: { fetch: () => new Response(JSON.stringify(process.execArgv)) } },
    routes: [{ upstream: "app" }],
  };
`;

/** Options of node that the proxy runs with, and whether they are those of the process that was started. */
async function optionsOfServer(options: CommandOptions): Promise<string[]> {
  await using project = await createConfigProject({ "proxy.config.ts": CONFIG });
  await using proxy = await startCommand(["start"], { dir: project.dir, ...options });
  const seen = (await (await fetch(proxy.url)).json()) as string[];
  if (process.platform === "linux") {
    const ofProcess = readFileSync(`/proc/${proxy.command.child.pid}/cmdline`, "utf8").split("\0");
    for (const option of seen) expect(ofProcess).toContain(option);
  }
  return seen;
}

describe.skipIf(process.platform === "win32")("the room for new objects", () => {
  it("is small in the process that was started", async () => {
    expect(await optionsOfServer({})).toContain("--max-semi-space-size=8");
  });

  it("keeps the other options of node", async () => {
    expect(await optionsOfServer({ nodeOptions: ["--no-deprecation"] })).toEqual([
      "--no-deprecation",
      "--max-semi-space-size=8",
    ]);
  });

  it("is the user's where that is given as an option", async () => {
    expect(await optionsOfServer({ nodeOptions: ["--max-semi-space-size=32"] })).toEqual([
      "--max-semi-space-size=32",
    ]);
  });

  it("is the user's where that is in NODE_OPTIONS", async () => {
    expect(await optionsOfServer({ env: { NODE_OPTIONS: "--max-semi-space-size=32" } })).toEqual(
      [],
    );
  });

  it("is node's own where a parent speaks with the process, whose channel would be closed", async () => {
    expect(await optionsOfServer({ channel: true })).toEqual([]);
  });
});
