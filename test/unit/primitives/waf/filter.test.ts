import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { assumeGroups } from "../../../../runtime/primitives/waf/detect/characters.ts";
import { LOGIC_WORDS, SQL_WORDS } from "../../../../runtime/primitives/waf/detect/sql.ts";
import { createWafEngine } from "../../../../runtime/primitives/waf/engine.ts";
import type { Rule } from "../../../../runtime/primitives/waf/rule.ts";
import { RULES } from "../../../../runtime/primitives/waf/rules/rules.ts";
import { honestTexts } from "../../../helpers/honest-texts.ts";
import { scaled } from "../../../helpers/scale.ts";
import { inspect } from "../../../helpers/waf-engine.ts";
import { wafPatterns, type WafPattern } from "../../../helpers/waf-patterns.ts";
import {
  coreRuleSetRequests,
  gotestwafRequests,
  type SuiteRequest,
} from "../../../helpers/waf-suites.ts";

/**
 * Filters only spare work: what a rule finds must not depend on them. So everything is looked at twice, with all filters and
 * with none: no `needs` but a length, and every value taken for one that holds a word of every group.
 */
const SHARED = {
  exclude: [],
  bounds: { maxValues: 100_000, maxDepth: 64, maxValueLength: 65_536 },
} as const;
const PARANOIA = 4;
const FILTERS = ~(SQL_WORDS | LOGIC_WORDS);

const filtered = createWafEngine({ ...SHARED, rules: RULES, paranoia: PARANOIA });
const unfiltered = createWafEngine({
  ...SHARED,
  rules: RULES.map((rule) => withoutNeeds(rule)),
  paranoia: PARANOIA,
});

// The least length stays: it is part of what a rule says. So do the words of SQL, which make a query of a text without marks.
function withoutNeeds(rule: Rule): Rule {
  if (rule.id === "sqli-structure") {
    const { urlGroups: _, ...needs } = rule.needs ?? {};
    return { ...rule, needs };
  }
  return { ...rule, needs: { minLength: rule.needs?.minLength ?? 0 } };
}

type Engine = typeof filtered;

/** Rules that match a value in any of the places that a client writes to. */
function found(engine: Engine, value: string): readonly string[] {
  const head = { method: "GET", protocol: "HTTP/1.1", rawPath: "/", rawSearch: "" };
  const ids = new Set<string>();
  const encoded = encodeURIComponent(value.toWellFormed());
  for (const inspection of [
    engine.inspect({ ...head, rawPath: `/${value}`, fields: [] }),
    engine.inspect({ ...head, rawSearch: `?${encoded}=1&a=${encoded}&${value}`, fields: [] }),
    engine.inspect({ ...head, fields: ["User-Agent", value, "X-File-Name", value] }),
    engine.inspect({ ...head, fields: ["Accept", value, "Cookie", `a=${value}; b=${encoded}`] }),
  ]) {
    for (const { rule, place } of inspection.matches) ids.add(`${rule.id} at ${place}`);
  }
  const content = engine.inspect({ ...head, fields: [] });
  content.inspectContent(Buffer.from(JSON.stringify({ a: value })), "application/json");
  for (const { rule, place } of content.matches) ids.add(`${rule.id} at ${place}`);
  return [...ids];
}

function foundWithout(value: string): readonly string[] {
  assumeGroups(FILTERS);
  try {
    return found(unfiltered, value);
  } finally {
    assumeGroups(0);
  }
}

function expectSame(value: string): void {
  expect({ value, found: found(filtered, value) }).toEqual({ value, found: foundWithout(value) });
}

/** What attacks and honest texts are made of. */
const PIECES = [
  ...Array.from("'\"`(<>[{|&;/\\.:=#@$%-+*?!~, \n\t\r\0aA01_\u00e9\uff07\u2025"),
  ..." or 1=1|' and 'a'='a| union select null from t|; drop table t--|/**/|--|::text|1.e(|sleep(5)|having|' or doc(".split(
    "|",
  ),
  ..."<script>|onload=|javascript:|alert(1)|document.cookie|&lt;b&gt;|expression(|-moz-binding:url|&lpar;".split(
    "|",
  ),
  ..."../|..%2f|%2e%2e/|%252e|%c0%ae|%u002e|\\u002e|0x2e|/etc/passwd|C:\\windows\\|.htaccess|.git/|x.gz|db.7z".split(
    "|",
  ),
  ...";cat |$(id)|`id`|&& ls|\\ncmd |c'a't |/bin/sh|>&1|<(|{a,b}|alias x=|%systemroot%|net user|if 1==1".split(
    "|",
  ),
  ..."php://input|php_uname(|$_GET|convert.iconv.|string.rot13;|jndi:|dollar|24{|=cmd|x|'/c |__proto__|java.lang.|{{7*7}}|${".split(
    "|",
  ),
  ..."http://|localhost/|127.0.0.1|[::1]|0x7f000001|2130706433|gopher:///|data:text/html,|file:///|.nip.io|169.254.169.254|@".split(
    "|",
  ),
  ..."[$ne]|this.a==|return |while(1)|db.x.find(|||1|objectclass=*|)(uid=*|*)(|text()|child::|position()=|/a[1]|count(/".split(
    "|",
  ),
  ..."<!ENTITY a SYSTEM|<?xml|\r\nSet-Cookie: a|%0d%0aLocation: /|() { :;}|GET / HTTP/1.1|.cookie;path=|sqlmap|nikto|phpunit".split(
    "|",
  ),
  "O'Brien and sons",
  "please wrap it",
  "3f2a9c7e51d04b8f",
  "JyBPUiAxPTEtLSBhbmQ=",
];

/** What plain URLs are made of, and words of all languages that could stand in one. */
const NAMES = [
  ..."shop products img a 5 x1 B- _id on onload qx proto __proto__ e E constructor prototype lt num tab amp".split(
    " ",
  ),
  ..."select or and 1or union sleep handler bin etc passwd cat id nc cmd net sv gps set get-item reg".split(
    " ",
  ),
  ..."wget exec alias dev tcp jndi com org java class.module process.env fs.readFile os.system".split(
    " ",
  ),
  ..."localhost metadata 127.0.0.1 0x7f000001 nip.io index.php x.gz .env web.config access.log php_uname".split(
    " ",
  ),
  ..."objectclass location.href document.cookie window.name self.name x.src top.y cookie PHPSESSID sqlmap".split(
    " ",
  ),
];
const URL_PIECES = [...NAMES, ..."/ / / . - _ ? & = = .. // : @ %27 %2e + ~ ,".split(" ")];

/** Without what generators of matching texts do not know: assertions. Most of what is left matches all the same. */
function withoutAssertions({ source, flags }: WafPattern): RegExp {
  let plain = source.replaceAll(/\\[bB]/g, "");
  for (let before = ""; before !== plain;) {
    before = plain;
    plain = plain.replaceAll(
      /\(\?<?[=!](?:[^()[\]\\]|\\.|\[(?:[^\]\\]|\\.)*\]|\((?:[^()\\]|\\.)*\))*\)/g,
      "",
    );
  }
  return new RegExp(plain, flags.replaceAll(/[gyi]/g, ""));
}

describe("filters before rules", { timeout: scaled(60_000, 600_000) }, () => {
  beforeAll(() => assumeGroups(0));
  afterAll(() => assumeGroups(0));

  it("change nothing that is found in texts put together from pieces of attacks", () => {
    const value = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(value, (pieces) => expectSame(pieces.join(""))),
      { numRuns: scaled(500, 200_000) },
    );
  });

  it("change nothing that is found in URLs, plain or nearly so", () => {
    const name = fc.constantFrom(...NAMES);
    const path = fc
      .array(name, { minLength: 1, maxLength: 3 })
      .map((names) => `/${names.join("/")}`);
    const query = fc.array(fc.tuple(name, name), { minLength: 1, maxLength: 3 });
    const plain = fc
      .tuple(fc.constantFrom("http", "https"), name, path, query)
      .map(
        ([scheme, host, where, pairs]) =>
          `${scheme}://${host}.test${where}?${pairs.map((pair) => pair.join("=")).join("&")}`,
      );
    const rough = fc
      .array(fc.constantFrom(...URL_PIECES), { minLength: 1, maxLength: 9 })
      .map((pieces) => `https://${pieces.join("")}`);
    fc.assert(fc.property(fc.oneof(plain, rough), expectSame), { numRuns: scaled(600, 200_000) });
  });

  it("change nothing that is found in texts that a pattern is about", async () => {
    let generated = 0;
    for (const pattern of await wafPatterns()) {
      // What parsers look for is no attack.
      if (pattern.file.startsWith("parse/")) continue;
      let texts: fc.Arbitrary<string>;
      try {
        texts = fc.stringMatching(withoutAssertions(pattern), { size: "xsmall" });
      } catch {
        continue;
      }
      generated += 1;
      fc.assert(fc.property(texts, expectSame), { numRuns: scaled(1, 300) });
      const inUrls = fc
        .tuple(
          texts,
          fc.constantFrom(
            "https://",
            "https://a.test/",
            "https://a.test/?x=1&",
            "https://a.test/?a=",
          ),
        )
        .map(([text, before]) => before + text);
      fc.assert(fc.property(inUrls, expectSame), { numRuns: scaled(1, 300) });
    }
    expect(generated).toBeGreaterThan(250);
  });

  it("change nothing that is found in honest texts", () => {
    for (const { text } of honestTexts()) expectSame(text.slice(0, 2000));
  });

  it.each<[string, string | undefined, (folder: string) => readonly SuiteRequest[]]>([
    ["GATEWRIGHT_CRS_TESTS", process.env["GATEWRIGHT_CRS_TESTS"], coreRuleSetRequests],
    ["GATEWRIGHT_GOTESTWAF", process.env["GATEWRIGHT_GOTESTWAF"], gotestwafRequests],
  ])(
    "change nothing that is found in a suite (%s)",
    { timeout: 120_000 },
    (_, folder, requests) => {
      if (folder === undefined) return;
      for (const request of requests(folder)) {
        const with_ = matchesOf(filtered, request);
        assumeGroups(FILTERS);
        const without = matchesOf(unfiltered, request);
        assumeGroups(0);
        expect({ request, found: with_ }).toEqual({ request, found: without });
      }
    },
  );
});

function matchesOf(engine: Engine, request: SuiteRequest): string[] {
  return inspect(engine, request).matches.map(({ rule, place }) => `${rule.id} at ${place}`);
}
