import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

import { runCommand, startCommand, type RunningCommand } from "../helpers/command.ts";

/** Where the command is, and a folder in which projects can import the SDK. */
export interface Installation {
  /** The program and its first arguments. */
  readonly command: readonly [file: string, ...args: string[]];
  /** A new folder with a working `proxy.config.ts`, as `init` writes it. */
  newProject(): Promise<string>;
}

const LISTENING = /"url":"(http:\/\/127\.0\.0\.1:\d+)"[^\n]*"msg":"listening"/;

/** The same list for the workspace and for the packed packages. */
export function describeCommand(installation: () => Installation): void {
  const run = (cwd: string, ...args: string[]): ReturnType<typeof runCommand> => {
    const [file, ...first] = installation().command;
    return runCommand(file, [...first, ...args], { cwd });
  };
  const start = (cwd: string, ...args: string[]): RunningCommand => {
    const [file, ...first] = installation().command;
    return startCommand(file, [...first, ...args], { cwd });
  };

  it("prints its version and help", async () => {
    const project = await installation().newProject();
    expect(await run(project, "--version")).toEqual({ code: 0, out: "0.1.0\n", err: "" });
    const help = await run(project, "--help");
    expect(help.code).toBe(0);
    for (const name of ["dev", "start", "check", "explain", "purge", "init"])
      expect(help.out).toContain(name);
  });

  it("ends with 2 on bad usage", async () => {
    const project = await installation().newProject();
    expect((await run(project)).code).toBe(2);
    const unknown = await run(project, "strat");
    expect(unknown).toMatchObject({ code: 2, out: "" });
    expect(unknown.err).toContain("start");
    expect((await run(project, "start", "--port", "x")).code).toBe(2);
    expect((await run(project, "explain", "GET")).code).toBe(2);
    expect((await run(project, "explain", "GET", "ftp://a.test/")).code).toBe(2);
    expect((await run(project, "explain", "GET", "/", "-H", "nonsense")).code).toBe(2);
  });

  it("says where it looked for a config and suggests init", async () => {
    const project = await installation().newProject();
    mkdirSync(join(project, "empty"));
    for (const command of ["start", "dev", "check"]) {
      const result = await run(join(project, "empty"), command);
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(result.err).toContain(join(project, "empty", "proxy.config.ts"));
      expect(result.err).toContain("gatewright init");
    }
  });

  it("checks a config, and names each mistake with its place", async () => {
    const project = await installation().newProject();
    const good = await run(project, "check");
    expect(good.err).toBe("");
    expect(good).toMatchObject({ code: 0 });
    expect(good.out).toMatch(/^ok proxy\.config\.ts: \d+ routes, \d+ upstream/);

    writeFileSync(
      join(project, "bad.config.ts"),
      `import { defineConfig } from "@gatewright/sdk";
export default defineConfig({
  upstreams: { api: { targets: ["http://127.0.0.1:9000"] } },
  routes: [
    { match: { path: "/a/*" }, upstream: "api" },
    { match: { path: "/a/b" }, upstream: "api" },
  ],
  onRequest: (_request, ctx) => ctx.forward("apii"),
});
`,
    );
    const bad = await run(project, "check", "--config", "bad.config.ts");
    expect(bad).toMatchObject({ code: 2, out: "" });
    expect(bad.err).toContain("bad.config.ts:6:");
    expect(bad.err).toContain("No request reaches");
    expect(bad.err).toContain("bad.config.ts:8:");
    expect(bad.err).toContain("apii");

    const json = await run(project, "check", "--json", "-c", "bad.config.ts");
    expect(json.code).toBe(2);
    const report = JSON.parse(json.out) as {
      ok: boolean;
      issues: { path: string; message: string }[];
    };
    expect(report.ok).toBe(false);
    expect(report.issues.map((issue) => issue.path)).toContain("routes[1]");

    writeFileSync(join(project, "broken.config.ts"), "export default {\n  listen: 1 +\n};\n");
    const broken = await run(project, "start", "--config", "broken.config.ts");
    expect(broken.code).toBe(2);
    expect(broken.err).toContain("broken.config.ts:3:");
    // Who reads lines gets the same line as for a reload that failed.
    const line = JSON.parse(broken.out) as { issues: { place: { line: number } }[] };
    expect(line).toMatchObject({ level: "error", ok: false, stage: "compile" });
    expect(line.issues[0]?.place.line).toBe(3);
    const asJson = await run(project, "start", "--json", "--config", "broken.config.ts");
    expect(asJson).toMatchObject({ code: 2, err: "" });
    expect(JSON.parse(asJson.out)).toMatchObject({ ok: false, issues: line.issues });
  });

  it("leaves no keys behind where it only checks", async () => {
    const project = await installation().newProject();
    writeFileSync(
      join(project, "tls.config.ts"),
      `import { defineConfig } from "@gatewright/sdk";
export default defineConfig({
  listen: { port: 8443, tls: "dev" },
  upstreams: { demo: { fetch: () => new Response("hello") } },
});
`,
    );
    expect(await run(project, "check", "-c", "tls.config.ts")).toMatchObject({ code: 0 });
    expect(existsSync(join(project, ".gatewright"))).toBe(false);
  });

  it("explains what would happen to a request", async () => {
    const project = await installation().newProject();
    const tree = await run(project, "explain", "GET", "/hello?a=1", "-H", "accept: text/html");
    expect(tree.err).toBe("");
    expect(tree.code).toBe(0);
    expect(tree.out).toMatch(/├─ \S+ +\S/);
    expect(tree.out).toContain("upstream hello");
    const json = await run(project, "explain", "GET", "http://a.test/admin", "--json");
    expect(json.code).toBe(0);
    const { steps } = JSON.parse(json.out) as {
      steps: { phase: string; outcome: string; text: string }[];
    };
    expect(steps.some((step) => step.outcome === "decided" && step.text.includes("block"))).toBe(
      true,
    );
    expect(JSON.stringify(steps)).toContain("nothing to see");
  });

  it("writes a project that works, and overwrites nothing", async () => {
    const project = await installation().newProject();
    const made = await run(project, "init", "My Proxy");
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(made.out).toContain("npm install");
    const dir = join(project, "My Proxy");
    expect(readdirSync(dir).toSorted()).toEqual(
      [
        ".gitignore",
        "README.md",
        "package.json",
        "plugins",
        "proxy.config.ts",
        "proxy.test.ts",
        "tsconfig.json",
      ].toSorted(),
    );
    expect(JSON.parse(readFileSync(join(dir, "package.json"), "utf8"))).toMatchObject({
      name: "my-proxy",
    });
    const before = readFileSync(join(dir, "proxy.config.ts"), "utf8");
    const again = await run(project, "init", "My Proxy");
    expect(again).toMatchObject({ code: 2, out: "" });
    expect(again.err).toContain("proxy.config.ts");
    expect(readFileSync(join(dir, "proxy.config.ts"), "utf8")).toBe(before);
    expect(existsSync(join(dir, "node_modules"))).toBe(false);
  });

  it("starts, serves, reloads on save and drains on SIGTERM with 0", async () => {
    const project = await installation().newProject();
    const proxy = start(project, "start", "--port", "0");
    const url = (await proxy.until(LISTENING))[1]!;
    const response = await fetch(`${url}/world?token=SECRET123`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("Hello from /world\n");
    await proxy.until(
      /"msg":"request"[^\n]*"path":"\/world\?token=\[redacted\]"[^\n]*"status":200/,
    );
    expect(proxy.output.out).toContain(`open ${url}/`);

    const file = join(project, "proxy.config.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace("Hello from", "Changed at"));
    await expect
      .poll(async () => (await fetch(`${url}/x`)).text(), { timeout: 10_000 })
      .toBe("Changed at /x\n");
    appendFileSync(file, "\nconst broken = ;\n");
    await proxy.until(/proxy\.config\.ts:\d+:\d+/);
    expect(await (await fetch(`${url}/x`)).text()).toBe("Changed at /x\n");

    expect(await proxy.stop("SIGTERM")).toBe(0);
    expect(proxy.output.err).toBe("");
    // Every line is JSON, so the URL is found there too when the output is a pipe.
    for (const line of proxy.output.out.trimEnd().split("\n")) JSON.parse(line);
    expect(proxy.output.out).not.toContain("SECRET123");
  });

  it("runs dev with a broken config: a page until it is mended", async () => {
    const project = await installation().newProject();
    const file = join(project, "proxy.config.ts");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, "export default {\n  listen: 1 +\n};\n");
    const proxy = start(project, "dev", "--port", "0");
    const url = (await proxy.until(LISTENING))[1]!;
    const broken = await fetch(url, { headers: { accept: "text/html" } });
    expect(broken.status).toBe(503);
    expect(await broken.text()).toContain("proxy.config.ts");
    writeFileSync(file, good);
    await expect.poll(async () => (await fetch(`${url}/x`)).status, { timeout: 10_000 }).toBe(200);
    expect(await proxy.stop("SIGINT")).toBe(0);
  });

  it("says that it runs one worker when asked for more", async () => {
    const project = await installation().newProject();
    const proxy = start(project, "start", "--port", "0", "--workers", "4", "--no-watch");
    await proxy.until(LISTENING);
    expect(proxy.output.out.match(/runs one worker/g)).toHaveLength(1);
    expect(await proxy.stop()).toBe(0);
  });
}
