/** What went wrong is JSON too where `--json` was given: a script reads one output, whatever happens. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runCommand } from "../../../runtime/cli.ts";
import type { Terminal } from "../../../runtime/cli/terminal.ts";

let dir = "";

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "gatewright-json-"));
  writeFileSync(join(dir, "bad.config.ts"), "export default { listen: { prot: 1 } };\n");
  writeFileSync(
    join(dir, "unfit.config.ts"),
    'export default {\n  plugins: [{ name: "p", api: 1, setup() { throw new Error("no database"); } }],\n  onRequest() {},\n};\n',
  );
  writeFileSync(join(dir, "good.config.ts"), "export default { onRequest() {} };\n");
  writeFileSync(join(dir, "package.json"), "{}\n");
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    out: (text) => void (out += `${text}\n`),
    err: (text) => void (err += `${text}\n`),
    outColor: false,
    errColor: false,
  };
  const code = await runCommand(args, terminal, dir);
  return { code, out, err };
}

describe("--json", () => {
  it.each([["check", "--no-types"], ["explain", "GET", "/"], ["purge", "--all"], ["list"]])(
    "gives the issues of a broken config with their places (%s)",
    async (...args) => {
      const { code, out, err } = await run(...args, "--json", "-c", "bad.config.ts");
      expect(code).toBe(2);
      expect(err).toBe("");
      const { ok, issues } = JSON.parse(out) as {
        ok: boolean;
        issues: { place: { line: number } }[];
      };
      expect(ok).toBe(false);
      expect(issues[0]?.place.line).toBe(1);
    },
  );

  it("gives the issues of a config that cannot be put to work with their places", async () => {
    const { code, out, err } = await run("explain", "GET", "/", "--json", "-c", "unfit.config.ts");
    expect(code).toBe(2);
    expect(err).toBe("");
    const { stage, issues } = JSON.parse(out) as {
      stage: string;
      issues: { path: string; message: string; place: { line: number } }[];
    };
    expect(stage).toBe("prepare");
    expect(issues).toMatchObject([{ path: "plugins", place: { line: 2 } }]);
    expect(issues[0]?.message).toContain("no database");
    const text = await run("explain", "GET", "/", "-c", "unfit.config.ts");
    expect(text).toMatchObject({ code: 2, out: "" });
    expect(text.err).toMatch(/^unfit\.config\.ts could not be prepared/);
    expect(text.err).not.toContain("PrepareError");
  });

  it.each([
    [1, /no proxy answers/, ["purge", "--all", "--admin", "http://127.0.0.1:1"]],
    [1, /no proxy answers/, ["list", "--admin", "http://127.0.0.1:1"]],
    [2, /exactly one of/, ["purge"]],
    [1, /^no proxy answers at \S+ \(ECONNREFUSED\)/, ["list", "--admin", "http://127.0.0.1:4"]],
    [2, /--has nonsense is no IP address/, ["list", "x", "--has", "nonsense"]],
    [2, /not an http or https URL. Write it as/, ["list", "--admin", "nonsense"]],
    [2, /Say which list/, ["list", "--has", "192.0.2.1"]],
    [2, /would be overwritten/, ["init", "."]],
    [2, /nothing\.ts/, ["explain", "GET", "/", "-c", "nothing.ts"]],
    [2, /nothing\.ts/, ["start", "-c", "nothing.ts"]],
    [2, /nothing\.ts/, ["dev", "-c", "nothing.ts"]],
    [2, /unknown command 'strat'[^]*start/, ["strat"]],
    [2, /unknown option '--nonsense'/, ["check", "--nonsense"]],
    [2, /whole number from 0 to 65535/, ["start", "--port", "x"]],
    [2, /missing required argument 'URL'/, ["explain", "GET"]],
    [
      2,
      /neither an absolute http or https URL nor a path/,
      ["explain", "GET", "ftp://a.test", "-c", "good.config.ts"],
    ],
  ] as const)(
    "gives other failures as one object with exit code %i: %s",
    async (expected, error, args) => {
      const { code, out, err } = await run(...args, "--json");
      expect(code).toBe(expected);
      expect(err).toBe("");
      expect(JSON.parse(out)).toEqual({ ok: false, error: expect.stringMatching(error) as string });
    },
  );

  it("says on bad usage where to read what the command takes", async () => {
    const { code, out, err } = await run("explain", "GET");
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toBe(
      "gatewright: missing required argument 'URL'\nWhat it takes: gatewright explain --help\n",
    );
  });

  it("changes nothing without it: complaints are text on the other output", async () => {
    const { code, out, err } = await run("purge");
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^gatewright: Say what to purge/);
  });
});
