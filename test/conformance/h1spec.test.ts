/**
 * uNetworking/h1spec, as it is, against our listener. It is not part of this repository: `GATEWRIGHT_H1SPEC` names a
 * folder with a checkout of https://github.com/uNetworking/h1spec. Without it the test is skipped.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { describe, expect, it } from "vitest";

import { echo, listen } from "../helpers/listening.ts";

const folder = process.env["GATEWRIGHT_H1SPEC"];
const shim = fileURLToPath(new URL("deno-shim.mjs", import.meta.url));

describe("uNetworking/h1spec", () => {
  it.skipIf(folder === undefined)(
    "passes whole (set GATEWRIGHT_H1SPEC to its folder)",
    async () => {
      const { port } = await listen(echo);
      const { status, output } = await run(join(folder ?? "", "http_test.ts"), port);
      expect(output).not.toContain("❌");
      expect(output).toMatch(/(\d+) out of \1 tests passed/);
      expect(status).toBe(0);
    },
  );
});

function run(script: string, port: number): Promise<{ status: number; output: string }> {
  const flags = ["--no-warnings", "--import", pathToFileURL(shim).href];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...flags, script, "127.0.0.1", `${port}`],
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : 1, output: stdout + stderr });
      },
    );
  });
}
