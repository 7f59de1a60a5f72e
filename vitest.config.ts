import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

const isFull = process.env["GATEWRIGHT_TEST_SCALE"] === "full";
const conditions = ["@gatewright/source", "node", "import", "module", "default"];

export default defineConfig({
  // Workspace packages are tested as sources: no build comes before a test run.
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["@gatewright/source"] } },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/.e2e-*/**", "test/fixtures/**"],
    pool: "forks",
    // Processes that tests start inherit it: `node file.ts` then finds the sources of the workspace packages.
    env: { NODE_ENV: "test" },
    execArgv: ["--conditions=@gatewright/source", "--expose-gc"],
    // vitest would take one on two cores; most of a test's time is waiting.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A test that needs a second try is a bug, and the summary names it; it must not stop a merge of something else.
    retry: process.env["CI"] === undefined ? 0 : 1,
    // At full scale many wait for time to pass.
    testTimeout: isFull ? 180_000 : 15_000,
    // One second by default: a busy machine takes longer to see what does come.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 15_000,
    teardownTimeout: 5_000,
    reporters: [
      process.stdout.isTTY ? "default" : ["default", { summary: false }],
      "./test/helpers/summary-reporter.ts",
    ],
  },
});
