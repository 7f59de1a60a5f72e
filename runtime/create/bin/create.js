#!/usr/bin/env node
// `npm create gatewright DIR` is `gatewright init DIR`, before there is a project that has the command. In a process of its
// own, so that the command finds its own files and says itself what it needs of Node.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const home = dirname(createRequire(import.meta.url).resolve("gatewright/package.json"));
const args = [join(home, "bin/gatewright.js"), "init", ...process.argv.slice(2)];
const { status, error } = spawnSync(process.execPath, args, { stdio: "inherit" });
if (error !== undefined) {
  process.stderr.write(`gatewright could not be started: ${error.message}\n`);
}
process.exitCode = status ?? 1;
