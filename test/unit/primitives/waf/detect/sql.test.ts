import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectSql } from "../../../../../runtime/primitives/waf/detect/sql.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "1' or '1'='1",
  "-1 union select 1,2,3--",
  "1 or 1=1",
  "admin'--",
  "'; drop table users; --",
  "1) and (select count(*) from users) > 0",
  "' || pg_sleep(5) || '",
  "1 order by 10--",
  "x' and extractvalue(1,concat(0x7e,version()))#",
  "1;waitfor delay '0:0:5'--",
  "/*!50000select*/ 1",
  "' and 1=1 union all select null,null-- -",
  "'+(select 1)+'",
  "1 and sleep(5)",
  "' group by x having 1=1--",
  '"="',
  "1e1 union select a from b",
  "(select(0)from(select(sleep(15)))v)",
  "1' procedure analyse(extractvalue(1,1),1)--",
  "exec master..xp_cmdshell 'dir'",
];
const HONEST = [
  "O'Brien",
  "union select committee meets",
  "ticket #12 -- urgent",
  "rock 'n' roll",
  "Do you say 'tomato' or 'tomahto'?",
  "select a seat from the plan",
  "price > 100 and price < 200",
  "5' or 6' fence",
  "time.sleep(5)",
  "order by 5 pm",
  "it's 'fine', or so 'they' say",
  "drop table lamp",
  "x = 'a' + 'b';",
];

describe("detectSql", () => {
  it.each(ATTACKS)("sees SQL injection in %j", (value) => {
    const finding = detectSql(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectSql(value)).toBeUndefined();
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
        const finding = detectSql(value);
        expect(detectSql(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
