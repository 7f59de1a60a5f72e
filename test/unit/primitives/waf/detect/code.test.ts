import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectCode } from "../../../../../runtime/primitives/waf/detect/code.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "Marshal.load(x)",
  "File \"a\"; os.system('ls')",
  "''.__class__.__mro__",
  "\\begin{document}\\input{/etc/passwd}",
  "['sh','-c','ls'].execute()",
  '"ls".execute().text',
  'x.const_get("Kernel")',
  "(()=>this.process.argv)()",
  "java.lang.Runtime",
  "Runtime.getRuntime().exec('id')",
  "class.module.classLoader.x=1",
  "require('child_process').exec('id')",
  "__proto__[x]",
  "constructor[prototype][x]",
  "__import__('os').system('id')",
  "!!python/object:x.y",
  "x=rO0ABXNyAA",
  "Process.spawn('id')",
  "=cmd|'/c calc'!A0",
  "%{#context['x']}",
  "\\input{/etc/passwd}",
];
const HONEST = [
  "Marshal loads the list",
  '  File "/a/b.py", line 4, in c\n    os.system("ls")',
  "self.__class__.__name__",
  "process.env is empty",
  "java.lang.E: x\n\tat java.base/java.lang.Thread.run(Thread.java:83)",
  "\\begin{document}\\input{chapters/two}",
  "tasks.execute(plan)",
  "java lang courses",
  "the process (see below)",
  "at java.io.FileInputStream.open(FileInputStream.java:195)",
  "constructor",
  "import React from 'react'",
  "=SUM(A1:A5)",
  "use require('x')",
  "Kernel sanders",
];

describe("detectCode", () => {
  it.each(ATTACKS)("sees code of another platform in %j", (value) => {
    const finding = detectCode(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectCode(value)).toBeUndefined();
  });

  it("answers for every string, twice the same", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...ATTACKS, ...HONEST),
      fc.constantFrom("'", '"', "<", "$(", "..", "/*", "{{", "\0", "%", "\n"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const value = pieces.join("");
        const finding = detectCode(value);
        expect(detectCode(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
