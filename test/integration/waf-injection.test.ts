/**
 * Injections that work, against applications with the holes for them. Each is tried without the WAF first: what does
 * nothing there proves nothing behind it.
 */
import { describe, expect, it } from "vitest";

import {
  SECRET,
  SQL_DOORS,
  startShellApp,
  startSqlApp,
  type ShellQuotes,
  type SqlDoor,
} from "../helpers/injectable-apps.ts";
import { startProxy } from "../helpers/start-proxy.ts";

interface Asked {
  readonly status: number;
  readonly text: string;
}

const AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

async function behindWaf(appUrl: string): Promise<string> {
  const proxy = await startProxy({
    config: { waf: { mode: "block" }, upstreams: { app: { targets: [appUrl] } } },
  });
  return proxy.url;
}

async function askSql(base: string, door: SqlDoor, value: string): Promise<Asked> {
  const request: {
    readonly target: string;
    readonly type?: string;
    readonly content?: string;
    readonly fields?: Readonly<Record<string, string>>;
  } = SQL_DOORS[door](value);
  const headers: Record<string, string> = { "user-agent": AGENT, ...request.fields };
  if (request.type !== undefined) headers["content-type"] = request.type;
  const response = await fetch(base + request.target, {
    method: request.content === undefined ? "GET" : "POST",
    headers,
    ...(request.content === undefined ? {} : { body: request.content }),
  });
  return { status: response.status, text: await response.text() };
}

/** After a value's quote, for doors where a text stands in parentheses: the parenthesis is closed, and a comment ends it. */
const TEXT_DOORS: readonly SqlDoor[] = ["query", "path", "form", "json"];

const UNIONS: readonly [door: SqlDoor, value: string][] = [
  ["number", "0 union select name, secret from account"],
  ["number", "-1 UNION ALL SELECT 1, group_concat(secret) FROM account--"],
  ["number", "0/**/union/**/select/**/1,secret/**/from/**/account"],
  ["number", "0\nunion\nselect\n1,secret\nfrom\naccount"],
  ["number", "0 union select 1,(select secret from account)"],
  ["number", "0 union values(1,(select secret from account))"],
  ["number", "0 union select 1,hex(secret) from account"],
  ["number", "0 union select 1,[secret]from[account]"],
  ["number", "0 union select 1,`secret`from`account`"],
  ["number", '0 union select 1,"secret"from"account"'],
  ["number", "(0)union select(1),(select secret from account)"],
  ["number", "1 and 0 union select null,secret||'' from account limit 1"],
  ["number", "0 except select 1,2 union select 1,secret from account"],
  ["number", "0 union select*from(select 1,secret from account)"],
  ["number", "0 union select 1,max(secret)from account where 1"],
  ["number", "0 union select 1,printf('%s',secret) from account"],
  ["number", "0 union select 1,json_group_array(secret) from account"],
  ["number", "0 union select 1,x.secret from account as x join item as y on 1"],
  ...TEXT_DOORS.flatMap((door): [SqlDoor, string][] => [
    [door, "') union select 1,secret from account--"],
    [door, "x') UNION SELECT 1,secret FROM account -- -"],
    [door, "')/**/UniOn/**/SeLecT/**/1,secret/**/FrOm/**/account--"],
    [door, "')union select 1,secret from account where ('1'='1"],
    [door, "x' and 0) union all select 1,secret from account;--"],
    [door, "'||'') union select(1),(secret)from(account)--"],
  ]),
  ["cookie", "x' union select 1,secret from account--"],
  ["cookie", "x'/**/union/**/select/**/1,secret/**/from/**/account--"],
  ["field", "x' union select 1,secret from account--"],
  ["field", "x'union select id,secret from account,item where''='"],
];

/** Two that differ in nothing but what they ask; the application's answers tell which holds. */
const CONDITIONS: readonly [door: SqlDoor, holds: string, fails: string][] = [
  ["number", "1 and 1=1", "1 and 1=2"],
  ["number", "1 or 2>1", "9 or 2<1"],
  [
    "number",
    "1 and (select substr(secret,1,1) from account)='c'",
    "1 and (select substr(secret,1,1) from account)='d'",
  ],
  [
    "number",
    "1 and (select unicode(secret) from account)>60",
    "1 and (select unicode(secret) from account)>160",
  ],
  [
    "number",
    "1 and exists(select 1 from account where secret like 'c%')",
    "1 and exists(select 1 from account where secret like 'd%')",
  ],
  [
    "number",
    "1 and (select secret from account) glob 'c*'",
    "1 and (select secret from account) glob 'd*'",
  ],
  [
    "number",
    "1 and (select length(secret) from account) between 1 and 30",
    "1 and (select length(secret) from account) between 31 and 60",
  ],
  ["number", "1-(select secret<'c' from account)", "1-(select secret<'d' from account)"],
  [
    "number",
    "(select case when secret like 'c%' then 1 else 9 end from account)",
    "(select case when secret like 'd%' then 1 else 9 end from account)",
  ],
  [
    "number",
    "(select iif(secret like 'c%',1,9) from account)",
    "(select iif(secret like 'd%',1,9) from account)",
  ],
  [
    "number",
    "1 and instr((select secret from account),'horse')",
    "1 and instr((select secret from account),'mule')",
  ],
  [
    "number",
    "1 and (select count(*) from sqlite_master where name='account')",
    "1 and (select count(*) from sqlite_master where name='nothing')",
  ],
  ["query", "lamp') and ('1'='1", "lamp') and ('1'='2"],
  ["query", "x' or 'a'='a", "x' or 'a'='b"],
  ["query", "x' or 1 or '", "x' or 0 or '"],
  [
    "query",
    "lamp' and substr((select secret from account),1,1)='c",
    "lamp' and substr((select secret from account),1,1)='d",
  ],
  [
    "form",
    "lamp' and (select hex(substr(secret,1,1)) from account)='63",
    "lamp' and (select hex(substr(secret,1,1)) from account)='64",
  ],
  ["json", "x'or(1=1)or'", "x'or(1=2)or'"],
  [
    "json",
    "lamp'/**/and/**/1/**/like/**/1/**/and/**/'a'='a",
    "lamp'/**/and/**/1/**/like/**/2/**/and/**/'a'='a",
  ],
  ["cookie", "north' and 3>2 and 'x'='x", "north' and 3>4 and 'x'='x"],
  ["field", "north' and '1'<'2", "north' and '1'>'2"],
];

/** As conditions, but what tells is an error or the time. */
const SIDE_CHANNELS: readonly [door: SqlDoor, holds: string, fails: string][] = [
  [
    "number",
    "1 and case when (select secret from account) like 'c%' then abs(-9223372036854775808) else 1 end",
    "1 and case when (select secret from account) like 'd%' then abs(-9223372036854775808) else 1 end",
  ],
  [
    "number",
    "1 and case when (select secret from account) like 'c%' then length(hex(randomblob(20000000))) else 1 end",
    "1 and case when (select secret from account) like 'd%' then length(hex(randomblob(20000000))) else 1 end",
  ],
  [
    "query",
    "lamp' and json(iif((select secret from account) like 'c%','{','{}')) and 'a'='a",
    "lamp' and json(iif((select secret from account) like 'd%','{','{}')) and 'a'='a",
  ],
  [
    "query",
    "lamp' and iif((select secret from account)>'c',randomblob(30000000),1) and 'a'<>'b",
    "lamp' and iif((select secret from account)>'d',randomblob(30000000),1) and 'a'<>'b",
  ],
];

const STACKED: readonly [door: SqlDoor, value: string][] = [
  ["number", "1;update account set secret='owned'"],
  ["number", "1;UPDATE/**/account/**/SET/**/secret='owned'--"],
  ["number", "1;replace into account values('x','y');update account set secret='owned'"],
  ["query", "x');update account set secret='owned';--"],
  ["json", "x');delete from account;insert into account values('a','owned');--"],
  ["form", "x') ; with t as (select 1) update account set secret='owned' --"],
];

describe("SQL injection into an application with holes", () => {
  it("gets what honest values ask for, with and without the WAF", async () => {
    const app = await startSqlApp();
    for (const base of [app.url, await behindWaf(app.url)]) {
      for (const door of TEXT_DOORS) {
        expect((await askSql(base, door, "lamp")).text).toBe('[{"id":1,"name":"lamp"}]');
      }
      expect((await askSql(base, "number", "3")).text).toBe('[{"id":3,"name":"chair"}]');
      expect((await askSql(base, "cookie", "north")).text).toContain("lamp");
      expect((await askSql(base, "field", "north")).text).toContain("table");
    }
  });

  it("reads the secret with a union, and nothing through the WAF", async () => {
    const app = await startSqlApp();
    for (const [door, value] of UNIONS) {
      const { text } = await askSql(app.url, door, value);
      const isThere =
        text.includes(SECRET) || text.includes(Buffer.from(SECRET).toString("hex").toUpperCase());
      expect(isThere, `${door}: ${value}: ${text}`).toBe(true);
    }
    expect(await passed(app, UNIONS)).toEqual([]);
  });

  it("asks with conditions, and gets no answer through the WAF", async () => {
    const app = await startSqlApp();
    for (const [door, holds, fails] of CONDITIONS) {
      const answer = await askSql(app.url, door, holds);
      expect(answer.status, holds + answer.text).toBe(200);
      expect((await askSql(app.url, door, fails)).text, holds).not.toBe(answer.text);
    }
    expect(await passed(app, pairs(CONDITIONS))).toEqual([]);
  });

  it("asks with errors and with time, and gets no answer through the WAF", async () => {
    const app = await startSqlApp();
    for (const [door, holds, fails] of SIDE_CHANNELS) {
      const statuses: number[] = [];
      const times: number[] = [];
      for (const value of [holds, fails]) {
        statuses.push((await askSql(app.url, door, value)).status);
        times.push(app.lastCpuMs);
      }
      const [slow = 0, quick = 0] = times;
      expect(statuses[0] !== statuses[1] || slow > quick * 5, `${holds} ${times.join(" ")}`).toBe(
        true,
      );
    }
    expect(await passed(app, pairs(SIDE_CHANNELS))).toEqual([]);
  });

  it("changes the secret with statements of its own, and not through the WAF", async () => {
    for (const [door, value] of STACKED) {
      const app = await startSqlApp();
      await askSql(app.url, door, value);
      expect(app.secret, value).toBe("owned");
    }
    expect(await passed(await startSqlApp(), STACKED)).toEqual([]);
  });
});

function pairs(tests: readonly [SqlDoor, string, string][]): [SqlDoor, string][] {
  return tests.flatMap(([door, holds, fails]): [SqlDoor, string][] => [
    [door, holds],
    [door, fails],
  ]);
}

/** Those that reach the application behind the WAF. */
async function passed(
  app: Awaited<ReturnType<typeof startSqlApp>>,
  tests: readonly (readonly [door: SqlDoor, value: string])[],
): Promise<string[]> {
  const base = await behindWaf(app.url);
  app.statements.length = 0;
  const through: string[] = [];
  for (const [door, value] of tests) {
    const { status } = await askSql(base, door, value);
    if (status !== 403) through.push(`${status} ${door}: ${value}`);
  }
  // Paths that two servers read differently are refused before the WAF's turn.
  expect(app.statements).toEqual([]);
  return through.filter((line) => !line.startsWith("400 path"));
}

/** Each with what shows that it ran. */
const COMMANDS: Readonly<Record<ShellQuotes, readonly [value: string, shows: RegExp][]>> = {
  none: [
    ["x;id", /uid=/],
    ["x; id", /uid=/],
    ["x;id;", /uid=/],
    ["x|id", /uid=/],
    ["x | id", /uid=/],
    ["x&&id", /uid=/],
    ["x&id", /uid=/],
    ["x|false||id", /uid=/],
    ["x\nid", /uid=/],
    ["x\r\nid #", /uid=/],
    ["`id`", /uid=/],
    ["$(id)", /uid=/],
    ["$( id )", /uid=/],
    ["x;i''d", /uid=/],
    ['x;i""d', /uid=/],
    ["x;'id'", /uid=/],
    ["x;i\\d", /uid=/],
    ["x;i$@d", /uid=/],
    ["x;i${z}d", /uid=/],
    ["x;i`true`d", /uid=/],
    ["x;$(printf id)", /uid=/],
    ["x;$(echo i)d", /uid=/],
    ["x;`echo i`d", /uid=/],
    ["x;a=i;b=d;$a$b", /uid=/],
    ["x;a=id&&$a", /uid=/],
    ["x;eval i\\d", /uid=/],
    ["x;eval 'i''d'", /uid=/],
    ["x;sh -c id", /uid=/],
    ["x;env id", /uid=/],
    ["x;command id", /uid=/],
    ["x;exec id", /uid=/],
    ["x;/usr/bin/id", /uid=/],
    ["x;/usr/bin/i[d]", /uid=/],
    ["x;{ id; }", /uid=/],
    ["x;(id)", /uid=/],
    ["x;!(id)||id", /uid=/],
    ["x;if true;then id;fi", /uid=/],
    ["x;for i in 1;do id;done", /uid=/],
    ["x;while id;do break;done", /uid=/],
    ["x;case 1 in 1) id;;esac", /uid=/],
    ["x;f(){ id; };f", /uid=/],
    ["x;trap id 0", /uid=/],
    ["x;echo aWQ=|base64 -d|sh", /uid=/],
    ["x;printf '\\151\\144'|sh", /uid=/],
    ["x;echo di|rev|sh", /uid=/],
    ["x;echo id|sh", /uid=/],
    ["x;echo jd|tr j i|sh", /uid=/],
    ["x;echo owned", /^owned$/m],
    ["x;/b?n/e?ho owned", /^owned$/m],
    ["x;/b*/ech[o] owned", /^owned$/m],
    ["x;printf owned", /owned$/m],
    ["x;echo$IFS$((40+2))", /^\s*42$/m],
    ["x;echo${IFS}$((40+2))", /^\s*42$/m],
    ["$((40+2))", /42/],
    ["x;expr 40 + 2", /^42$/m],
    ["x;cat /etc/passwd", /root:/],
    ["x;cat</etc/passwd", /root:/],
    ["x;cat${IFS}/etc/passwd", /root:/],
    ["x;cat$IFS/etc/passwd", /root:/],
    ["x;c\\at /e\\tc/pas\\swd", /root:/],
    ["x;c'a't /etc/pass'w'd", /root:/],
    ["x;cat /et?/pass??", /root:/],
    ["x;cat /e*/passwd", /root:/],
    ["x;cd /etc;cat passwd", /root:/],
    ["x;cat ${HOME%%[a-z]*}etc/passwd", /root:/],
    ["x;tac /etc/passwd", /root:/],
    ["x;head -1 /etc/passwd", /root:/],
    ["x;sed -n 1p /etc/passwd", /root:/],
    ["x;awk NR==1 /etc/passwd", /root:/],
    ["x;grep root /etc/passwd", /root:/],
    ["x;cut -d: -f1-3 /etc/passwd", /root:/],
    ["x;sort /etc/passwd", /root:/],
    ["x;dd if=/etc/passwd", /root:/],
    ["x;nl /etc/passwd", /root:/],
    ["x;paste /etc/passwd", /root:/],
    ["x;while read l;do echo $l;done</etc/passwd", /root:/],
    ["x;ls /", /^usr$/m],
    ["x;ls", /package\.json/],
    ["x;echo *", /package\.json/],
    ["x;find /etc/passwd", /^\/etc\/passwd$/m],
    ["x;uname -a", /Linux|Darwin/],
    ["x;uname", /Linux|Darwin/],
    ["x;whoami", /^\w+$/m],
    ["x;pwd", /^\//m],
    ["x;env", /^PATH=/m],
    ["x;set", /^PATH=/m],
    ["x;date +%s", /^\d{9,}$/m],
    ["x;type sh", /^sh is/m],
    ["x;node -p 40+2", /^42$/m],
    ["x;echo $PATH", /^\/.*bin/m],
    ["x$(sleep 0.2)", /checking/],
    ["x;sleep 0.2", /checking/],
    ["x|sleep 0.2", /^$/],
    ["x>/dev/null;id", /uid=/],
    ["x 2>&1;id", /uid=/],
    ["x;id>&2", /uid=/],
    ["x;id|cat", /uid=/],
    ["x;id #", /uid=/],
    ["x\t;\tid", /uid=/],
  ],
  double: [
    ['";id;"', /uid=/],
    ['"; id; "', /uid=/],
    ['" && id && echo "', /uid=/],
    ['"|id|cat "', /uid=|cat:/],
    ['";id #', /uid=/],
    ["$(id)", /uid=/],
    ["`id`", /uid=/],
    ["${z:-$(id)}", /uid=/],
    ["${z:=`id`}", /uid=/],
    ['"$(id)"', /uid=/],
    ['"\nid\n"', /uid=/],
    ["$((40+2))", /42/],
  ],
  single: [
    ["';id;'", /uid=/],
    ["'; id; '", /uid=/],
    ["';id #", /uid=/],
    ["'$(id)'", /uid=/],
    ["'`id`'", /uid=/],
    ["'&&id&&echo '", /uid=/],
    ["'|id;'", /uid=/],
    ["'\nid\n'", /uid=/],
    ["'\"$(id)\"'", /uid=/],
  ],
};

describe("commands injected into an application with holes", () => {
  const ask = async (
    base: string,
    quotes: string,
    host: string,
    isForm: boolean,
  ): Promise<Asked> => {
    const headers = { "user-agent": AGENT };
    const response = isForm
      ? await fetch(`${base}/check/${quotes}`, {
          method: "POST",
          headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
          body: `host=${encodeURIComponent(host)}`,
        })
      : await fetch(`${base}/check/${quotes}?host=${encodeURIComponent(host)}`, { headers });
    return { status: response.status, text: await response.text() };
  };

  it("checks honest hosts, with and without the WAF", async () => {
    const app = await startShellApp();
    for (const base of [app.url, await behindWaf(app.url)]) {
      for (const host of ["example.com", "192.0.2.1", "2001:db8::1", "my-host_1.example.co.uk"]) {
        expect((await ask(base, "none", host, true)).text).toBe(`checking ${host}\n`);
      }
    }
  });

  it.each(Object.entries(COMMANDS))(
    "runs commands where a value stands in quotes: %s; none through the WAF",
    { timeout: 60_000 },
    async (quotes, tests) => {
      const app = await startShellApp();
      const failed: string[] = [];
      for (const [value, shows] of tests) {
        const { text } = await ask(app.url, quotes, value, false);
        if (!shows.test(text)) failed.push(`${JSON.stringify(value)}: ${text}`);
      }
      expect(failed).toEqual([]);
      const base = await behindWaf(app.url);
      app.lines.length = 0;
      const through: string[] = [];
      for (const [value] of tests) {
        for (const isForm of [false, true]) {
          const { status } = await ask(base, quotes, value, isForm);
          if (status !== 403) through.push(`${status} ${isForm ? "form" : "query"}: ${value}`);
        }
      }
      expect(through).toEqual([]);
      expect(app.lines).toEqual([]);
    },
  );

  it("waits where it is told to, and not through the WAF", async () => {
    const app = await startShellApp();
    const began = performance.now();
    await ask(app.url, "none", "x;sleep 0.2", false);
    expect(performance.now() - began).toBeGreaterThan(190);
    expect((await ask(await behindWaf(app.url), "none", "x;sleep 0.2", false)).status).toBe(403);
    expect(app.lines).toHaveLength(1);
  });
});
