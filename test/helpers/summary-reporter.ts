import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** One plain closing line for machines and people: `Tests: 123 passed, 0 failed, 2 skipped`; before it, what passed only at the second try. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    const flaky: string[] = [];
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const { state } = test.result();
        if (test.diagnostic()?.flaky === true) flaky.push(`${module.moduleId} > ${test.fullName}`);
        if (state === "passed") passed += 1;
        else if (state === "failed") failed += 1;
        else skipped += 1;
      }
      // A file that breaks before its first test would otherwise count as nothing at all.
      if (tests === 0 && module.state() === "failed") failed += 1;
    }
    failed += unhandledErrors.length;
    for (const name of flaky) process.stdout.write(`\nFLAKY, a bug to be found: ${name}`);
    process.stdout.write(`\nTests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}
