import { describe, expect, it } from "vitest";

import { ANOMALY_RULES } from "../../../../runtime/primitives/waf/anomaly-rules.ts";
import { createWafEngine, type EngineOptions } from "../../../../runtime/primitives/waf/engine.ts";
import type { Inspection } from "../../../../runtime/primitives/waf/inspection.ts";
import type { WafRule } from "../../../../runtime/primitives/waf/rule.ts";
import { RULES } from "../../../../runtime/primitives/waf/rules/rules.ts";

const BOUNDS = { maxValues: 2000, maxDepth: 64, maxValueLength: 65_536 };

function engine(options: Partial<EngineOptions> = {}): ReturnType<typeof createWafEngine> {
  return createWafEngine({
    rules: [...ANOMALY_RULES, ...RULES],
    paranoia: 1,
    exclude: [],
    bounds: BOUNDS,
    ...options,
  });
}

const ENGINE = engine();

function inspect(target: string, fields: readonly string[] = [], with_ = ENGINE): Inspection {
  const question = target.indexOf("?");
  return with_.inspect({
    method: "GET",
    protocol: "HTTP/1.1",
    rawPath: question === -1 ? target : target.slice(0, question),
    rawSearch: question === -1 ? "" : target.slice(question),
    fields,
  });
}

function content(text: string | Uint8Array, type?: string, with_ = ENGINE): Inspection {
  const inspection = inspect("/", [], with_);
  inspection.inspectContent(typeof text === "string" ? Buffer.from(text) : text, type);
  return inspection;
}

function ids(inspection: Inspection): string[] {
  return inspection.matches.map((match) => match.rule.id);
}

const BROWSER = [
  ["Host", "shop.test"],
  ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
  ["Accept-Language", "en-US,en;q=0.7,de;q=0.3"],
  ["Accept-Encoding", "gzip, deflate, br, zstd"],
  ["Referer", "https://shop.test/search?q=o%27brien&page=2"],
  ["Cookie", "sid=3f2a9c7e51d04b8fa6; theme=dark; _ga=GA1.2.1234567890.1700000000"],
  ["Sec-Fetch-Mode", "navigate"],
  ["If-None-Match", 'W/"5f-abc"'],
].flat();

describe("WAF engine", () => {
  it("finds nothing in a browser's request", () => {
    expect(ids(inspect("/products/42?sort=price&q=O%27Brien+and+sons", BROWSER))).toEqual([]);
  });

  it.each([
    ["plain", "/?q=%27%20OR%201=1--"],
    ["plus for spaces", "/?q='+OR+1=1--"],
    ["encoded twice", "/?q=%2527%2520OR%25201=1--"],
    ["%u escapes", "/?q=%u0027%20OR%201=1--"],
    ["overlong UTF-8", "/?q=%c0%a7%20OR%201=1--"],
    ["script escapes", "/?q=%5Cu0027%20OR%201=1--"],
    ["full-width", "/?q=%ef%bc%87%20OR%201=1--"],
    ["base64", `/?q=${Buffer.from("' UNION SELECT password FROM users--").toString("base64")}`],
    ["the second of two", "/?q=shoes&q=%27%20OR%201=1--"],
    ["a name", "/?%27%20OR%201=1--=x"],
  ])("finds SQL injection in a query: %s (PUB-34, PUB-35)", (_, target) => {
    expect(ids(inspect(target))).toContain("sqli-structure");
  });

  it("finds it in cookies and fields", () => {
    expect(ids(inspect("/", ["Cookie", "a=b; id=%27%20OR%201=1--"]))).toContain("sqli-structure");
    expect(ids(inspect("/", ["X-Id", "' OR 1=1--"]))).toContain("sqli-structure");
  });

  it.each([
    ["plain", '{"q":"\' OR 1=1--"}'],
    ["escaped", '{"q":"\\u0027\\u0020\\u004f\\u0052\\u00201=1--"}'],
    ["key", '{"\\u0027 OR 1=1--":1}'],
    ["nested", `${'{"a":['.repeat(20)}"' OR 1=1--"${"]}".repeat(20)}`],
    ["first of two equal keys", '{"q":"\' OR 1=1--","q":"shoes"}'],
    ["BOM", '\ufeff{"q":"\' OR 1=1--"}'],
    ["not JSON any more", '{"q":"\' OR 1=1--"} x'],
    ["NaN", '{"n":NaN,"q":"\' OR 1=1--"}'],
  ])("finds it in JSON: %s (PUB-34)", (_, text) => {
    for (const type of ["application/json", "application/problem+json", "text/plain", undefined]) {
      expect(content(text, type).score).toBeGreaterThanOrEqual(5);
    }
  });

  it("takes JSON that is nested too deeply for an attack (PUB-34)", () => {
    const text = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    expect(ids(content(text, "application/json"))).toContain("anomaly-json-depth");
    expect(ids(content(`${"[".repeat(50)}1${"]".repeat(50)}`, "application/json"))).toEqual([]);
  });

  it.each([
    "application/json; charset=utf-8; charset=utf-7",
    "application/x-www-form-urlencoded; charset=ibm037",
    "text/plain; charset=utf-16le",
  ])("takes %s for an attack (PUB-35)", (type) => {
    expect(content("a=b", type).score).toBeGreaterThanOrEqual(5);
    const honest = type.replace(/;.*/, "; charset=utf-8");
    expect(content(honest.includes("json") ? "{}" : "a=b", honest).score).toBe(0);
  });

  it("takes UTF-16 for an attack whatever its type says (PUB-35)", () => {
    expect(ids(content(Buffer.from("\ufeffa=b", "utf16le"), "text/plain"))).toEqual([
      "anomaly-charset",
    ]);
  });

  it("finds it in a form, in XML, in GraphQL and in text", () => {
    const attack = "' OR 1=1--";
    expect(
      ids(content(`a=1&q=${encodeURIComponent(attack)}`, "application/x-www-form-urlencoded")),
    ).toContain("sqli-structure");
    expect(ids(content(`<a><b c="x">${attack}</b></a>`, "application/xml"))).toContain(
      "sqli-structure",
    );
    expect(ids(content(`<a b="&#39; OR 1=1--"/>`, "text/xml"))).toContain("sqli-structure");
    expect(ids(content(`{ user(name: "${attack}") { id } }`, "application/graphql"))).toContain(
      "sqli-structure",
    );
    expect(ids(content(attack, "text/plain"))).toContain("sqli-structure");
  });

  it("reads a multipart form's fields and file names, not its files", () => {
    const form = (body: string): string => `--b\r\n${body}\r\n--b--\r\n`;
    const type = 'multipart/form-data; boundary="b"';
    const field = (name: string, value: string): string =>
      `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
    expect(ids(content(form(field("q", "shoes, 42")), type))).toEqual([]);
    expect(ids(content(form(field("q", "' OR 1=1--")), type))).toContain("sqli-structure");
    const file = (name: string): string =>
      `Content-Disposition: form-data; name="f"; filename="${name}"\r\nContent-Type: image/png\r\n\r\n' OR 1=1--`;
    expect(ids(content(form(file("cat.png")), type))).toEqual([]);
    expect(content(form(file("shell.php")), type).score).toBeGreaterThanOrEqual(5);
  });

  it("adds a rule's points once and says where and what, without data", () => {
    const inspection = inspect("/?a=%27+OR+1%3D1--&b=%27+OR+1%3D1--");
    expect(ids(inspection)).toEqual(["sqli-structure"]);
    expect(inspection.score).toBe(5);
    expect(inspection.matches[0]?.place).toBe("ARGS_GET:a");
    const secret = inspect("/?password=%27+OR+hunter%3Dhunter--").matches[0];
    expect(secret?.text).not.toContain("hunter");
  });

  it("leaves out what is excluded by path, parameter, rule and tag", () => {
    const target = "/cms/page?body=%27+OR+1%3D1--";
    const score = (exclude: EngineOptions["exclude"]): number =>
      inspect(target, [], engine({ exclude })).score;
    expect(score([{ path: "/cms/*" }])).toBe(0);
    expect(score([{ path: "/cm/*" }])).toBe(5);
    expect(score([{ parameter: "BODY", rules: ["sqli-*"] }])).toBe(0);
    expect(score([{ parameter: "title" }])).toBe(5);
    expect(score([{ tags: ["attack-sqli"] }])).toBe(0);
    expect(score([{ rules: ["xss-*"], tags: ["attack-xss"] }])).toBe(5);
  });

  it("runs rules of users: chains, counts, numbers, negation, paranoia", () => {
    const rules: WafRule[] = [
      {
        id: "own-chain",
        message: "Both parameters",
        variables: ["ARGS:a"],
        operator: { streq: "1" },
        chain: [{ variables: ["ARGS:b"], operator: { within: ["x", "y"] } }],
      },
      {
        id: "own-count",
        message: "Host",
        variables: ["&REQUEST_HEADERS:host"],
        operator: { gt: 1 },
      },
      {
        id: "own-not",
        message: "Method",
        severity: "notice",
        variables: ["REQUEST_METHOD"],
        operator: { within: ["GET", "POST"] },
        not: true,
      },
      {
        id: "own-length",
        message: "Long",
        paranoia: 2,
        variables: ["ARGS"],
        transformations: ["length"],
        operator: { gt: 3 },
      },
    ];
    const own = engine({ rules });
    expect(ids(inspect("/?a=1&b=Y", [], own))).toEqual(["own-chain"]);
    expect(ids(inspect("/?a=1&b=z", [], own))).toEqual([]);
    expect(ids(inspect("/", ["Host", "a", "host", "b"], own))).toEqual(["own-count"]);
    expect(ids(inspect("/?a=12345", [], own))).toEqual([]);
    expect(ids(inspect("/?a=12345", [], engine({ rules, paranoia: 2 })))).toEqual(["own-length"]);
    const patch = own.inspect({
      method: "PATCH",
      protocol: "HTTP/1.1",
      rawPath: "/",
      rawSearch: "",
      fields: [],
    });
    expect(patch.score).toBe(2);
  });

  it("takes too many values and too long ones for an attack, base64 excepted", () => {
    expect(ids(inspect(`/?${"a=b&".repeat(3000)}`))).toContain("anomaly-too-many-values");
    const long = "word ".repeat(20_000);
    expect(ids(content(JSON.stringify({ long }), "application/json"))).toEqual([
      "anomaly-value-too-long",
    ]);
    const image = `data:image/png;base64,${Buffer.alloc(200_000, "abc").toString("base64")}`;
    expect(ids(content(JSON.stringify({ image }), "application/json"))).toEqual([]);
  });

  it("finds the same the second time, whatever it has seen before", () => {
    const own = engine();
    const honest = ["User-Agent", "Mozilla/5.0", "Cookie", "a=b; c=d", "X-Id", "7"];
    const hostile = ["User-Agent", "Mozilla/5.0", "Cookie", "a=b; c=' OR 1=1--", "X-Id", "7"];
    for (let round = 0; round < 3; round++) {
      expect(ids(inspect("/a?q=1", honest, own))).toEqual([]);
      expect(ids(inspect("/a?q=1", hostile, own))).toEqual(["sqli-structure"]);
      expect(ids(inspect("/a?q=%27+OR+1%3D1--", honest, own))).toEqual(["sqli-structure"]);
      // A value that is honest in a query is none in a field of this name.
      expect(ids(inspect("/?a=%3Cb%3E", ["Referer", "<b>"], own))).toEqual([]);
      expect(ids(inspect("/?a=sqlmap", ["User-Agent", "sqlmap"], own))).toEqual(["scanner-agent"]);
    }
  });

  it("finds again what is excluded elsewhere", () => {
    const own = engine({ exclude: [{ path: "/cms/*" }] });
    for (let round = 0; round < 3; round++) {
      expect(ids(inspect("/cms/a", ["X-Id", "' OR 1=1--"], own))).toEqual([]);
      expect(ids(inspect("/a", ["X-Id", "' OR 1=1--"], own))).toEqual(["sqli-structure"]);
    }
  });

  it("counts values that it has seen before", () => {
    const own = engine({ bounds: { ...BOUNDS, maxValues: 40 } });
    const fields = Array.from({ length: 18 }, (_, at) => [`X-${at % 9}`, "v"]).flat();
    for (let round = 0; round < 3; round++) {
      expect(ids(inspect("/", fields, own))).toEqual(["anomaly-too-many-values"]);
      expect(ids(inspect("/", fields.slice(0, 20), own))).toEqual([]);
    }
  });
});
