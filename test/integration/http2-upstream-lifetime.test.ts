import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, it } from "vitest";

import { scaled } from "../helpers/scale.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/http2/refused-heads.ts", import.meta.url));

it("an upstream that answers without :status never ends the process, whenever the pieces are collected", async () => {
  const rounds = scaled(800, 4000);
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--max-semi-space-size=1",
    PROGRAM,
    String(rounds),
  ]);
  expect(stdout).toContain(`refused ${rounds}`);
});
