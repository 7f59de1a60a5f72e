import { describe, expect, it } from "vitest";

import { ANOMALY_RULES } from "../../../../runtime/primitives/waf/anomaly-rules.ts";
import { createWafEngine } from "../../../../runtime/primitives/waf/engine.ts";
import type { Inspection } from "../../../../runtime/primitives/waf/inspection.ts";
import { RULES } from "../../../../runtime/primitives/waf/rules/rules.ts";

const ENGINE = createWafEngine({
  rules: [
    ...ANOMALY_RULES,
    ...RULES,
    {
      id: "own-count",
      message: "Values",
      variables: ["&ARGS_POST"],
      operator: { gt: 150 },
    },
  ],
  paranoia: 1,
  exclude: [{ path: "/cms/*", rules: ["sqli-*"] }],
  bounds: { maxValues: 100_000, maxDepth: 64, maxValueLength: 65_536 },
});

function begin(path?: string): Inspection {
  return ENGINE.inspect({
    method: "POST",
    protocol: "HTTP/1.1",
    rawPath: "/cms/x",
    rawSearch: "",
    fields: [],
    ...(path === undefined ? {} : { path }),
  });
}

const ids = ({ matches }: Inspection): string[] => matches.map(({ rule }) => rule.id);
const JSON_TYPE = "application/json";

describe("an inspection", () => {
  it("in slices finds what one at once finds", () => {
    const list = [
      ...Array.from({ length: 200 }, (_, at) => `value ${at}`),
      "<script>alert(1)</script>",
    ];
    const bytes = Buffer.from(JSON.stringify(list));
    const whole = begin();
    whole.inspectContent(bytes, JSON_TYPE);
    const sliced = begin();
    sliced.startContent(bytes, JSON_TYPE);
    expect(ids(sliced)).toEqual([]);
    let slices = 1;
    while (!sliced.work(0)) slices += 1;
    expect(slices).toBeGreaterThan(3);
    expect(ids(sliced)).toEqual(ids(whole));
    expect(ids(sliced)).toEqual(expect.arrayContaining(["xss-markup", "own-count"]));
    expect(sliced.work(0)).toBe(true);
  });

  it("that is given up says so, and looks at nothing more", () => {
    const inspection = begin();
    inspection.startContent(Buffer.from('["<script>alert(1)</script>"]'), JSON_TYPE);
    inspection.giveUp("too-long", "");
    expect(inspection.work(1000)).toBe(true);
    expect(ids(inspection)).toEqual(["anomaly-too-long"]);
  });

  it("takes exclusions by the normalised path, where there is one", () => {
    const attack = Buffer.from("q=%27+OR+1%3D1--");
    const form = "application/x-www-form-urlencoded";
    for (const [path, count] of [
      [undefined, 0],
      ["/cms/x", 0],
      ["/shop", 1],
    ] as const) {
      const inspection = begin(path);
      inspection.inspectContent(attack, form);
      expect(ids(inspection).filter((id) => id === "sqli-structure")).toHaveLength(count);
    }
  });

  it("of an answer sees a sign that lies across two pieces", () => {
    const sign = "-----BEGIN RSA PRIVATE KEY-----";
    for (const at of [0, 64_900, 65_520, 65_540, 130_500, 131_000]) {
      const text = " ".repeat(at) + sign + " ".repeat(1000);
      const inspection = ENGINE.inspectResponse("/", { status: 200, fields: [], text });
      expect(ids(inspection)).toEqual(["leak-private-key"]);
    }
  });

  it.each<[type: string, bytes: Uint8Array, isText: boolean]>([
    ["image/png", Buffer.from("\x89PNG\r\n\x1a\n<script>alert(1)</script>", "latin1"), false],
    ["image/png", Buffer.from('\ufeff \n{"q":"<script>alert(1)</script>"}'), true],
    ["application/octet-stream", Buffer.from("[\0\x01<script>alert(1)</script>"), false],
    ["image/svg+xml", Buffer.from("<svg><script>alert(1)</script></svg>"), true],
  ])("takes content of type %s for text where it is one (PUB-35)", (type, bytes, isText) => {
    const inspection = begin();
    inspection.inspectContent(bytes, type);
    expect(ids(inspection).length > 0).toBe(isText);
  });

  it("takes long texts line by line, and refuses a line that is too long", () => {
    const lines = "a fine day, and another one\n".repeat(5000);
    for (const type of ["text/csv", "text/plain", "application/x-ndjson"]) {
      const honest = begin("/");
      honest.inspectContent(Buffer.from(lines), type);
      expect(ids(honest)).toEqual([]);
      const attack = begin("/");
      attack.inspectContent(Buffer.from(`${lines}<script>alert(1)</script>\n${lines}`), type);
      expect(ids(attack)).toContain("xss-markup");
      const long = begin("/");
      long.inspectContent(Buffer.from(lines.replaceAll("\n", " ") + lines), type);
      expect(ids(long)).toContain("anomaly-value-too-long");
    }
  });

  it("reads JSON lines as JSON", () => {
    const inspection = begin("/");
    const text = '{"index":{}}\n{"q":"\\u003cscript\\u003ealert(1)"}\n\n[1]\n';
    inspection.inspectContent(Buffer.from(text), "application/x-ndjson");
    expect(inspection.matches.map(({ place }) => place)).toContain("ARGS_POST:q");
  });

  it.each([
    [
      "a batch of requests",
      "multipart/mixed",
      "Content-Type: application/http\r\n\r\nGET /a HTTP/1.1",
    ],
    ["SOAP with attachments", "multipart/related", "Content-Type: application/xop+xml\r\n\r\n<a/>"],
    ["no fields", "multipart/mixed", "\r\nhello"],
  ])("takes %s apart, and looks at each part by its type", (_name, essence, part) => {
    const type = `${essence}; boundary=b`;
    const binary =
      "Content-Type: application/octet-stream\r\nContent-ID: <1>\r\n\r\n\0\x01<script>alert(1)</script>";
    const whole = (...more: string[]): Buffer =>
      Buffer.from([part, binary, ...more].map((one) => `--b\r\n${one}\r\n`).join("") + "--b--\r\n");
    const honest = begin("/");
    honest.inspectContent(whole(), type);
    expect(ids(honest)).toEqual([]);
    const script = "<script>alert(1)</script>";
    for (const attack of [
      `Content-Type: text/plain\r\n\r\n${script}`,
      `Content-Type: application/json\r\n\r\n{"q":"${script}"}`,
      `\r\n${script}`,
      `Content-Transfer-Encoding: base64\r\n\r\n${Buffer.from(script).toString("base64")}`,
      `Content-Type: image/png\r\nContent-Disposition: form-data; name="q"\r\n\r\n${script}`,
      `Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n${script}\r\n--c--`,
    ]) {
      const inspection = begin("/");
      inspection.inspectContent(whole(attack), type);
      expect(ids(inspection)).toContain("xss-markup");
    }
    const broken = begin("/");
    broken.inspectContent(whole("Content-Transfer-Encoding: quoted-printable\r\n\r\nx"), type);
    expect(ids(broken)).toContain("anomaly-multipart-invalid");
  });

  it("reads JSON in a parameter by its strings and keys, so that its own signs are none of an attack", () => {
    const form = (text: string): Inspection => {
      const inspection = begin();
      inspection.inspectContent(
        Buffer.from(`data=${encodeURIComponent(text)}`),
        "application/x-www-form-urlencoded",
      );
      return inspection;
    };
    const honest = JSON.stringify([{ text: 'because "name" is null\n\tat com.example.Cart' }]);
    expect(rulesOf(form(honest))).toEqual([]);
    const attack = JSON.stringify([{ a: { b: "x;cat /etc/passwd" } }]);
    expect(rulesOf(form(attack))).toContain("rce-unix");
    expect(form(attack).matches.map(({ place }) => place)).toContain("ARGS_POST:data");
    expect(rulesOf(form('{"name":{"$ne":null},"x":"1"}'))).toContain("nosql-operator");
    // Not JSON to the end: as one text.
    expect(rulesOf(form(`${attack};cat /etc/passwd}`))).toContain("rce-unix");
  });

  it("takes a long text in pieces that end where lines do, and finds what stands between two of them", () => {
    const form = (text: string): readonly string[] => {
      const inspection = begin();
      inspection.inspectContent(
        Buffer.from(`text=${encodeURIComponent(text)}`),
        "application/x-www-form-urlencoded",
      );
      return rulesOf(inspection);
    };
    const page = "It's a line of a page; it goes on -- and on.\n".repeat(3000);
    expect(page.length).toBeGreaterThan(2 * 65_536);
    expect(form(page)).toEqual([]);
    // The first piece ends within the attack.
    const before = page.slice(0, page.lastIndexOf("\n", 65_500));
    const filler = "x".repeat(65_536 - before.length - 12);
    expect(form(`${before}${filler}\n<script\n>alert(1)</script>\n${page}`)).toContain(
      "xss-markup",
    );
    expect(form("a ".repeat(40_000))).toEqual(["anomaly-value-too-long"]);
  });

  it("finds in JSON of a cookie what is there, however often others came before, and counts it as one value", () => {
    const engine = createWafEngine({
      rules: [
        ...RULES,
        { id: "own", message: "Two", variables: ["&REQUEST_COOKIES:c"], operator: { gt: 1 } },
      ],
      paranoia: 1,
      exclude: [],
      bounds: { maxValues: 1000, maxDepth: 64, maxValueLength: 65_536 },
    });
    const plain = createWafEngine({
      rules: RULES,
      paranoia: 1,
      exclude: [],
      bounds: { maxValues: 1000, maxDepth: 64, maxValueLength: 65_536 },
    });
    const asked = (cookie: unknown, from = plain): readonly string[] => {
      const field = `c=${encodeURIComponent(JSON.stringify(cookie))}`;
      const head = { method: "GET", protocol: "HTTP/1.1", rawPath: "/", rawSearch: "" };
      return rulesOf(from.inspect({ ...head, fields: ["Cookie", `${field}; n=${Math.random()}`] }));
    };
    for (let time = 0; time < 4; time++) {
      expect(asked({ a: true, b: ["one", "two"] })).toEqual([]);
      expect(asked({ a: true, b: ["one", "x;cat /etc/passwd"] })).toContain("rce-unix");
      expect(asked({ a: true, b: ["one", "two"] }, engine)).toEqual([]);
    }
  });

  it("shows rules of users the whole text of such a parameter", () => {
    const engine = createWafEngine({
      rules: [
        ...RULES,
        { id: "own", message: "A sort", variables: ["ARGS:q"], operator: { contains: '"sort":' } },
      ],
      paranoia: 1,
      exclude: [],
      bounds: { maxValues: 1000, maxDepth: 64, maxValueLength: 65_536 },
    });
    const inspection = engine.inspect({
      method: "GET",
      protocol: "HTTP/1.1",
      rawPath: "/",
      rawSearch: `?q=${encodeURIComponent('{"sort":"name"}')}`,
      fields: [],
    });
    expect(rulesOf(inspection)).toEqual(["own"]);
  });
});

function rulesOf(inspection: Inspection): readonly string[] {
  return inspection.matches.map(({ rule }) => rule.id);
}
