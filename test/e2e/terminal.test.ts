/** What somebody at a terminal sees, from the real command in a real terminal (`script` of util-linux makes one). */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { writeProject } from "../helpers/new-project.ts";

const root = resolve(import.meta.dirname, "../..");
const BIN = join(root, "runtime/bin/gatewright.js");
const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

let dir: string;
let child: ChildProcess | undefined;
let seen = "";

beforeEach(() => {
  // Inside the workspace, so that the SDK resolves as for the examples.
  dir = mkdtempSync(join(root, "examples", ".e2e-"));
  writeProject(dir);
  seen = "";
});

afterEach(async () => {
  // The terminal's end would be a SIGHUP, which reloads: the proxy itself is told to end.
  const pid = /pid=(\d+)/.exec(stripVTControlCharacters(seen))?.[1];
  if (child?.exitCode === null) {
    const over = once(child, "close");
    if (pid === undefined) child.kill("SIGKILL");
    else process.kill(Number(pid), "SIGTERM");
    await over;
  }
  rmSync(dir, { recursive: true, force: true });
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const command = [process.execPath, BIN, ...args].map((one) => `'${one}'`).join(" ");
  const inherited: NodeJS.ProcessEnv = { ...process.env, TERM: "xterm-256color", ...env };
  for (const name of ["NODE_OPTIONS", "FORCE_COLOR", "CI"]) delete inherited[name];
  if (env["NO_COLOR"] === undefined) delete inherited["NO_COLOR"];
  child = spawn("script", ["-qfec", command, "/dev/null"], {
    cwd: dir,
    env: inherited,
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (seen += text));
}

/** Without colours, so that patterns stay readable. */
const plain = (): string => stripVTControlCharacters(seen).replaceAll("\r\n", "\n");

async function until(pattern: RegExp): Promise<RegExpExecArray> {
  await expect.poll(plain, { timeout: 30_000, interval: 20 }).toMatch(pattern);
  return pattern.exec(plain()) as RegExpExecArray;
}

const edit = (from: string, to: string): void => {
  const file = join(dir, "proxy.config.ts");
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
};

describe.runIf(hasScript)("at a terminal", { timeout: 90_000 }, () => {
  it("dev shows a compact line for each request, and what a reload made of it", async () => {
    run(["dev", "--port", "0"]);
    const [, url] = await until(/^listening (http:\/\/127\.0\.0\.1:\d+)$/m);
    await until(/edit proxy\.config\.ts: it is live when you save it/);
    const host = new URL(url as string).host;
    await (await fetch(`${url}/world?token=SECRET123`)).text();
    const [line = ""] = await until(/^.*GET .*\/world.*$/m);
    expect(line).toMatch(
      new RegExp(
        `^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} 200 GET ${host}/world\\?token=\\[redacted\\] [\\d.]+ms 18B → hello$`,
      ),
    );
    // One line: colours in, nothing that moves the cursor.
    const raw = seen.split("\n").find((one) => one.includes("/world")) ?? "";
    expect(raw).toContain("\u001B[32m200\u001B[0m");

    edit("Hello from", "Changed at");
    await until(/reloaded in \d+ ms: .*upstreams hello/);
    expect(await (await fetch(`${url}/x`)).text()).toBe("Changed at /x\n");

    edit("upstreams:", "upstreems:");
    await until(/proxy\.config\.ts:\d+:\d+/);
    const frame = seen.slice(seen.lastIndexOf("reloaded"));
    expect(stripVTControlCharacters(frame)).toMatch(/Did you mean "upstreams"\?/);
    expect(stripVTControlCharacters(frame)).toMatch(/^ *> *\d+ \| .*upstreems:/m);
    expect(frame).toContain("\u001B[31m");
    // The last good one goes on.
    expect(await (await fetch(`${url}/x`)).text()).toBe("Changed at /x\n");
  });

  it("nothing is coloured with NO_COLOR", async () => {
    run(["dev", "--port", "0"], { NO_COLOR: "1" });
    const [, url] = await until(/^listening (http:\/\/127\.0\.0\.1:\d+)$/m);
    await (await fetch(`${url}/plain`)).text();
    await until(/ 200 GET .*\/plain/);
    expect(seen).not.toContain("\u001B");
  });

  it("start --json prints JSON lines there too", async () => {
    renameSync(join(dir, "proxy.config.ts"), join(dir, "other.config.ts"));
    run(["start", "--json", "--port", "0", "--config", "other.config.ts"]);
    await until(/"msg":"listening"/);
    await until(/gatewright explain GET http:\S+ --config other\.config\.ts"/);
    for (const line of plain().trim().split("\n")) JSON.parse(line);
    const [, pid] = await until(/"pid":(\d+)/);
    const over = once(child as ChildProcess, "close");
    process.kill(Number(pid), "SIGTERM");
    expect((await over)[0]).toBe(0);
  });

  it("explain draws a coloured tree, and a plain one into a pipe", async () => {
    run(["explain", "GET", "/hello"]);
    await once(child as ChildProcess, "close");
    expect(plain()).toMatch(/^GET http:\/\/127\.0\.0\.1:8080\/hello\n├─ begin +path \/hello/);
    expect(seen).toContain("\u001B[36m");
    const piped = spawnSync(process.execPath, [BIN, "explain", "GET", "/hello"], {
      cwd: dir,
      encoding: "utf8",
      env: { ...process.env, FORCE_COLOR: undefined },
    });
    expect(piped.stdout).toContain("├─ begin");
    expect(piped.stdout).not.toContain("\u001B");
  });
});
