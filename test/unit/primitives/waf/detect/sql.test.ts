import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectSql } from "../../../../../runtime/primitives/waf/detect/sql.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  '"or"2"="2',
  "2' && '3",
  "2 or 3 like 3",
  "4 or 'y'=concat('y')",
  "2&&ascii(substr(user(),2,1))>3",
  "4 div 2 and 3",
  "4 rlike '^[2-6]' or 2",
  "2 or b'1'=1",
  "' or $$x$$=$$x$$--",
  "3 union select {d 1},{t 2}",
  "4'={`y`2}or'3",
  "'-3||'7",
  "2 or 5 sounds like 5#",
  "'; create or replace function g(int) returns int as 'l' language 'c';--",
  "'; alter user joe with superuser;--",
  "2; set global log='x'",
  "a',2),(3,user(),4)#",
  "Joe', admin=2, about='",
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
  "1e0union select 1,2",
  "1' and 1::int=1 --",
  "1) and binary 2747=binary 2747",
  "' or _utf8'a'=_utf8'a",
  "1 or(1)=(1)",
  "1 or @@version",
  "1 or !0",
  "1 union values row(1,2)",
  "1 union -- x\nselect 1",
  "1;set @a=1",
  "1;pragma table_info(users)",
  "1;alter table a add b int",
  "1';do sleep(3);#",
  "1 order by 1 desc,2",
  "1' having 1 --",
  "1 and 1=dbms_pipe.receive_message('a',1)",
  "1--x\nor--y\n1=1",
  "1#x\nand#y\n7=7",
  "1 un/**/ion se/*x*/lect 1,2",
  "%u%n%i%o%n %s%e%l%e%c%t 1,2",
  "1+union+select+1,2",
  "&#39; or &#39;1&#39;=&#39;1",
  "3 rlike sleep(2)",
  "3' regexp sleep(2)#",
  "9;begin user_lock.sleep(1); end",
  "4);iif(1=2,1,1/0)",
  "(3=4)*1",
  "'or'1=1",
  "2′) or '1′='1–",
  " or false",
  " and k=k#",
  "order by sleep(2)",
  " like '%%'",
  "'; --",
  "'; desc t; --",
  "1;show tables",
  "';begin--",
  "2;vacuum;",
  "1 sel/**/ect 2",
  "select inet_server_addr();",
  "copy t from '/x'",
  "copy t to program 'x'",
  "create user k identified by p",
  "print @@version",
  "select * from a..b",
  "'||utl_http.request",
  "' (select top 1 x",
  "', 'b', null)-- ",
  "6 or (6)",
  ";replace/*a*/t (id) values (1)",
  "' grant dba to k",
  "1 and 1=1",
  "3' -- -",
  "` AS `k` from t",
  '9 as "k" from t',
  "2 UNION ALL SELECT CONCAT",
  "password::int",
];
const HONEST = [
  '"or" vs "and" in German',
  "1 or 2 like 5 of these",
  "5' || 6'",
  "SELECT max(x) is slow, why?",
  '(updated > 2020-02-03) AND (state = "done")',
  "kind IN ('a','b') AND owner = 'joe'",
  "((x=3 OR y=4) AND z=5)",
  'changed >= -2w AND team = "OPS" ORDER BY rank ASC',
  "sleep (7) hours and more?",
  "Sleep(7h) is what I need",
  "benchmark (500) boats",
  "step 3; exec fails.",
  "Near 'WHERE a=' in line 3",
  "run UPDATE t SET a = 'x' WHERE b = 'y' first",
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
  "The union voted; select members from the executive committee met the board.",
  "Fix 'select' in table",
  "# Title\n\nSelect one or more -- see below\nor ask.",
  "C+Java+Python",
  "it's 'fine', or so 'they' say",
  "drop table lamp",
  "x = 'a' + 'b';",
  "order by sleep (habits)",
  "functions like sleep(5)",
  "; show tables to guests",
  "; desc",
  "copy files from 'A' to 'B'",
  "print @@ in SQL",
  "‘a’ or ‘b’ = c",
  "src/**/on",
  '<li ng-click="select(item)">x</li>',
  "f('a', b, 1) -- a call",
  "5 or (6) of them",
  '"rock" as "pop", from',
  '5 as "five"',
  "fe80::be:1",
  "std::text::x",
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
