import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

import type { GatewrightConfig, WafConfig, WafMatch } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

type Config = GatewrightConfig<string>;

const SQLI = "' OR 1=1--";
const JSON_TYPE = "application/json";
const FORM = "application/x-www-form-urlencoded";

function behindWaf(waf: WafConfig = {}, config: Config = {}): Promise<ThroughProxy> {
  return throughProxy({ config: { waf, ...config } });
}

interface Content {
  readonly type?: string | undefined;
  readonly lines?: readonly string[];
}

async function post(
  through: ThroughProxy,
  content: string | Uint8Array,
  { type, lines = [] }: Content = {},
): Promise<number> {
  const bytes = Buffer.from(content as string);
  const head = [
    "POST /things HTTP/1.1",
    "Host: a.test",
    "User-Agent: Mozilla/5.0 (test)",
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...lines,
    `Content-Length: ${bytes.byteLength}`,
  ];
  const text = `${head.join("\r\n")}\r\n\r\n${bytes.toString("latin1")}`;
  return (await through.ask(text)).status;
}

const rulesOf = (matches: readonly WafMatch[] | undefined): string[] =>
  (matches ?? []).map(({ rule }) => rule);

const part = (name: string, value: string, more = ""): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

const MULTIPART = "multipart/form-data; boundary=b";

describe("the WAF, on the content of a request", () => {
  it.each<[name: string, type: string | undefined, attack: string | Uint8Array, honest: string]>([
    ["JSON", JSON_TYPE, `{"q":"${SQLI}"}`, '{"q":"O\'Neil"}'],
    ["JSON of another type", "text/plain", `{"q":"${SQLI}"}`, '{"q":"O\'Neil"}'],
    ["JSON without a type", undefined, `{"q":"${SQLI}"}`, '{"q":"O\'Neil"}'],
    ["JSON that says it is a picture", "image/png", `{"q":"${SQLI}"}`, '{"q":"O\'Neil"}'],
    ["a form", FORM, `q=${encodeURIComponent(SQLI)}`, "q=O%27Neil"],
    ["XML", "application/xml", `<a><b>${SQLI}</b></a>`, "<a><b>O'Neil</b></a>"],
    [
      "GraphQL",
      "application/graphql",
      `{ user(name: "${SQLI}") { id } }`,
      `{ user(name: "O'Neil") { id } }`,
    ],
    ["multipart", MULTIPART, `${part("q", SQLI)}--b--\r\n`, `${part("q", "O'Neil")}--b--\r\n`],
    [
      "multipart with a boundary in quotes",
      'multipart/form-data; boundary="b"',
      `${part("q", SQLI)}--b--\r\n`,
      `${part("q", "O'Neil")}--b--\r\n`,
    ],
    ["a form in Latin-1", `${FORM}; charset=iso-8859-1`, `q=${SQLI}`, "q=O%27Neil"],
    ["text", "text/plain", SQLI, "O'Neil"],
  ])("refuses an attack in %s and passes its honest twin", async (_name, type, attack, honest) => {
    const through = await behindWaf();
    expect(await post(through, attack, { type })).toBe(403);
    expect(through.upstream.requests).toEqual([]);
    const record = await through.proxy.accessed();
    expect(record).toMatchObject({ error: "PROXY_WAF_BLOCKED", upstream: undefined });
    expect(record.waf?.[0]).toMatchObject({ rule: "sqli-structure", phase: "content" });
    expect(await post(through, honest, { type })).toBe(200);
    expect(through.upstream.requests[0]?.content.toString()).toBe(honest);
  });

  it.each([
    ["escaped", '{"q":"\\u0027\\u0020\\u004f\\u0052\\u00201=1--"}'],
    ["in a key", '{"\\u0027 OR 1=1--":1}'],
    ["in the first of two equal keys", `{"q":"${SQLI}","q":"shoes"}`],
    ["at depth 50", `${'{"a":['.repeat(25)}"${SQLI}"${"]}".repeat(25)}`],
    ["in JSON that is none", `{"n":NaN,"q":"${SQLI}"}`],
    ["nested 5,000 times", `${"[".repeat(5000)}${"]".repeat(5000)}`],
  ])("refuses JSON: %s (PUB-34, RFC 8259 §7)", async (_name, text) => {
    expect(await post(await behindWaf(), text, { type: JSON_TYPE })).toBe(403);
  });

  it.each([
    ["a quote, blanks and letters", SQLI, "\\u0027\\u0020\\u004f\\u0052\\u00201=1--"],
    ["a letter of a tag's name", "<script>alert(1)</script>", "<\\u0073cript>alert(1)</script>"],
    ["all of a path", "../../etc/passwd", escapedAll("../../etc/passwd")],
    ["an honest name", "O'Neil", escapedAll("O'Neil")],
    ["honest markup", "a < b > c", escapedAll("a < b > c")],
  ])(
    "has one verdict for JSON with and without escapes: %s (PUB-34)",
    async (_name, plain, escaped) => {
      const through = await behindWaf();
      const verdicts: number[] = [];
      for (const value of [plain, escaped]) {
        verdicts.push(await post(through, `{"q":"${value}"}`, { type: JSON_TYPE }));
        verdicts.push(await post(through, `{"${value}":1}`, { type: JSON_TYPE }));
      }
      const verdict =
        plain.includes("=") || plain.includes("script") || plain.includes("..") ? 403 : 200;
      expect(verdicts).toEqual(Array.from({ length: 4 }, () => verdict));
    },
  );

  it.each([
    ["two charsets", `${JSON_TYPE}; charset=utf-8; charset=utf-7`, '{"q":"shoes"}'],
    ["an EBCDIC charset", `${FORM}; charset=ibm037`, "q=shoes"],
    ["UTF-16 with a BOM", "text/plain", Buffer.from("\ufeffshoes", "utf16le")],
    ["a part's charset", MULTIPART, utf7Part()],
    ["no final boundary", MULTIPART, part("q", "shoes")],
    ["a preamble", MULTIPART, `hello\r\n${part("q", "shoes")}--b--\r\n`],
    ["two names", MULTIPART, `${part("q", "shoes", '; name="r"')}--b--\r\n`],
    ["an open quote in a file's name", MULTIPART, `${part("f", "x", '; filename="a')}--b--\r\n`],
    ["two boundaries", `${MULTIPART}; boundary=c`, `${part("q", "shoes")}--b--\r\n`],
  ])("refuses what hides content from it: %s (PUB-35)", async (_name, type, content) => {
    const through = await behindWaf({ threshold: 1000 });
    expect(await post(through, content, { type })).toBe(403);
    expect(through.upstream.requests).toEqual([]);
  });

  it("passes their honest twins (PUB-35)", async () => {
    const through = await behindWaf();
    const quoted = 'multipart/form-data; boundary="b"';
    const form = `${part("q", "shoes")}${part("f", "x", '; filename="a.png"')}--b--\r\n`;
    for (const type of [quoted, MULTIPART]) expect(await post(through, form, { type })).toBe(200);
    const charset = `${FORM}; charset=utf-8`;
    expect(await post(through, "q=%C3%A9t%C3%A9", { type: charset })).toBe(200);
    expect(await post(through, '{"q":"été"}', { type: `${JSON_TYPE}; charset=UTF-8` })).toBe(200);
    const latin = Buffer.from("q=\xe9t\xe9", "latin1");
    expect(await post(through, latin, { type: `${FORM}; charset=iso-8859-1` })).toBe(200);
    const named = `${part("f", "x", '; filename="it\\"s.png"')}--b--\r\n`;
    expect(await post(through, named, { type: MULTIPART })).toBe(200);
    const utf8 = part("q", "été").replace(
      "\r\n\r\n",
      "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
    );
    expect(await post(through, `${utf8}--b--\r\n`, { type: MULTIPART })).toBe(200);
  });

  it("refuses two types for one content, whatever the threshold (PUB-35)", async () => {
    const through = await behindWaf({ threshold: 1000 });
    const lines = ["Content-Type: text/plain"];
    expect([400, 403]).toContain(await post(through, "{}", { type: JSON_TYPE, lines }));
    expect(through.upstream.requests).toEqual([]);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    ["gzip, gzip", (bytes: Uint8Array) => gzipSync(gzipSync(bytes))],
  ])("looks into %s (PUB-36, RFC 9110 §8.4)", async (coding, encode) => {
    const through = await behindWaf();
    const lines = [`Content-Encoding: ${coding}`];
    const attack = encode(Buffer.from(`{"email":"${SQLI}"}`));
    expect(await post(through, attack, { type: JSON_TYPE, lines })).toBe(403);
    expect(through.upstream.requests).toEqual([]);
    const honest = encode(Buffer.from('{"email":"ada@a.test"}'));
    expect(await post(through, honest, { type: JSON_TYPE, lines })).toBe(200);
    expect(through.upstream.requests[0]?.content).toEqual(honest);
  });

  it.each([
    ["an unknown coding", "foo", Buffer.from("{}")],
    ["plain text that says it is gzip", "gzip", Buffer.from('{"a":1}')],
    ["a bomb", "gzip", gzipSync(Buffer.alloc(2_000_000))],
  ])("refuses %s, whatever the threshold (PUB-36)", async (_name, coding, content) => {
    const through = await behindWaf({ threshold: 1000 });
    const lines = [`Content-Encoding: ${coding}`];
    expect(await post(through, content, { type: JSON_TYPE, lines })).toBe(403);
    expect(through.upstream.requests).toEqual([]);
  });

  it("adds what head and content say", async () => {
    const through = await behindWaf({
      rules: [
        {
          id: "own-head",
          message: "Head",
          severity: "warning",
          variables: ["REQUEST_HEADERS:x-odd"],
          operator: { contains: "odd" },
        },
        {
          id: "own-content",
          message: "Content",
          severity: "warning",
          variables: ["ARGS_POST:q"],
          operator: { contains: "odd" },
        },
      ],
    });
    const lines = ["X-Odd: odd"];
    expect(await post(through, "q=even", { type: FORM, lines })).toBe(200);
    expect(await post(through, "q=odd", { type: FORM })).toBe(200);
    expect(await post(through, "q=odd", { type: FORM, lines })).toBe(403);
  });

  it("lets content pass unseen where it is streamed, the head excepted", async () => {
    const through = await behindWaf({}, { requestContent: { buffer: false } });
    expect(await post(through, `{"q":"${SQLI}"}`, { type: JSON_TYPE })).toBe(200);
    const lines = [`X-Query: ${SQLI}`];
    expect(await post(through, "{}", { type: JSON_TYPE, lines })).toBe(403);
  });

  it("does not look at what a hook puts in its place", async () => {
    const through = await behindWaf(
      {},
      { onRequest: (request) => request.setBody(`{"q":"${SQLI}"}`) },
    );
    expect(await post(through, "{}", { type: JSON_TYPE })).toBe(200);
  });
});

describe("the bound of inspection", () => {
  const filler = "a fine day ".repeat(500);

  it("refuses text beyond it, whatever the threshold; an exclusion lets it pass, and its beginning is still inspected", async () => {
    const strict = await behindWaf({ maxInspect: "4kb", threshold: 1000 });
    expect(await post(strict, filler, { type: "text/plain" })).toBe(403);
    expect(strict.upstream.requests).toEqual([]);
    expect(rulesOf((await strict.proxy.accessed()).waf)).toEqual(["anomaly-content-too-large"]);
    const lax = await behindWaf({
      maxInspect: "4kb",
      exclude: [{ rules: ["anomaly-content-too-large"] }],
    });
    expect(await post(lax, filler, { type: "text/plain" })).toBe(200);
    expect(await post(lax, `${SQLI} ${filler}`, { type: "text/plain" })).toBe(403);
  });

  it("does not count the files of a multipart form, also of one in a spill file", async () => {
    const through = await behindWaf(
      { maxInspect: "4kb" },
      { requestContent: { memory: "16kb", max: "1mb" } },
    );
    for (const size of [8000, 200_000]) {
      // Bytes that look like delimiters and are none.
      const file = `x${"\r\n--cb\r\n--".repeat(size / 10)}`;
      const upload = (field: string, more = '; filename="cat.png"'): string =>
        `${part("f", file, more)}${part("q", field)}--b--\r\n`;
      expect(await post(through, upload("shoes"), { type: MULTIPART })).toBe(200);
      expect(through.upstream.requests.at(-1)?.content.toString()).toBe(upload("shoes"));
      const count = through.upstream.requests.length;
      expect(await post(through, upload(SQLI), { type: MULTIPART })).toBe(403);
      const script = upload("shoes", '; filename="shell.php"');
      expect(await post(through, script, { type: MULTIPART })).toBe(403);
      expect(await post(through, upload("shoes", ""), { type: MULTIPART })).toBe(403);
      expect(through.upstream.requests).toHaveLength(count);
    }
  });

  it("does not count pictures, and looks at the beginning of JSON in a spill file", async () => {
    const through = await behindWaf({ maxInspect: "4kb" }, { requestContent: { memory: "16kb" } });
    const picture = Buffer.alloc(100_000, "\x89PNG\r\n\x1a\n\0", "latin1");
    expect(await post(through, picture, { type: "image/png" })).toBe(200);
    expect(await post(through, `{"q":"${SQLI}","a":"${filler}"}`, { type: "image/png" })).toBe(403);
  });

  it("inspects large content to its end", async () => {
    const through = await behindWaf({ maxInspect: "2mb" }, { requestContent: { memory: "2mb" } });
    const list = Array.from({ length: 10_000 }, (_, at) => ({ id: at, text: "It's a fine day" }));
    expect(await post(through, JSON.stringify(list), { type: JSON_TYPE })).toBe(200);
    list.push({ id: 0, text: SQLI });
    expect(await post(through, JSON.stringify(list), { type: JSON_TYPE })).toBe(403);
  });
});

describe("ctx.waf.inspect", () => {
  const hook: Config = {
    async onRequest(request, ctx) {
      const before = ctx.waf.matches.length;
      const matches = await ctx.waf.inspect();
      await ctx.waf.inspect();
      const text = await request.text();
      if (request.headers.get("x-forward") === null) {
        return ctx.json({ before, rules: rulesOf(matches), length: text.length });
      }
    },
  };

  it("runs the rules on the content before the hook goes on, once", async () => {
    const through = await behindWaf({ mode: "flag" }, hook);
    const content = `{"q":"${SQLI}"}`;
    const head = `POST / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: a\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: ${content.length}\r\n`;
    const answer = await through.ask(`${head}\r\n${content}`);
    expect(JSON.parse(answer.content.toString())).toEqual({
      before: 0,
      rules: expect.arrayContaining(["sqli-structure"]) as string[],
      length: content.length,
    });
    const forwarded = await through.ask(`${head}X-Forward: 1\r\n\r\n${content}`);
    expect(forwarded.status).toBe(200);
    expect(through.upstream.requests[0]?.content.toString()).toBe(content);
    const records = [
      await through.proxy.accessed(),
      await through.proxy.accessed((one) => one.upstream !== undefined),
    ];
    const [first, second] = records.map(({ waf, score }) => ({ rules: rulesOf(waf), score }));
    expect(second).toEqual(first);
    expect(first?.rules).toHaveLength(new Set(first?.rules).size);
  });

  it("in mode block ends the hook where the threshold is reached", async () => {
    const through = await behindWaf({}, hook);
    expect(await post(through, `{"q":"${SQLI}"}`, { type: JSON_TYPE })).toBe(403);
    expect((await through.proxy.accessed()).error).toBe("PROXY_WAF_BLOCKED");
    expect(await post(through, '{"q":"shoes"}', { type: JSON_TYPE })).toBe(200);
  });

  it("is not passed by a hook that swallows its refusal", async () => {
    const through = await behindWaf(
      {},
      {
        async onRequest(_request, ctx) {
          await ctx.waf.inspect().catch(() => {});
        },
      },
    );
    expect(await post(through, `{"q":"${SQLI}"}`, { type: JSON_TYPE })).toBe(403);
    expect(through.upstream.requests).toEqual([]);
  });

  it("takes streamed content into memory", async () => {
    const through = await behindWaf(
      {},
      { ...hook, requestContent: { buffer: false, memory: 200 } },
    );
    const lines = ["X-Forward: 1"];
    expect(await post(through, `{"q":"${SQLI}"}`, { type: JSON_TYPE, lines })).toBe(403);
    expect(await post(through, '{"q":"shoes"}', { type: JSON_TYPE, lines })).toBe(200);
    expect(await post(through, "x".repeat(500), { type: "text/plain", lines })).toBe(413);
  });
});

describe("waf.onMatch, after the content", () => {
  it("is asked once more, with all matches, and may decide", async () => {
    const asked: string[][] = [];
    const through = await behindWaf(
      {
        mode: "flag",
        onMatch(matches, _request, ctx) {
          asked.push(matches.map(({ phase }) => phase));
          if (matches.some(({ phase }) => phase === "content")) return ctx.forward("honeypot");
        },
      },
      {
        routes: [{ upstream: "api" }],
        upstreams: { honeypot: { fetch: () => new Response("sweet", { status: 218 }) } },
      },
    );
    const lines = [`X-Query: ${SQLI}`];
    expect(
      await post(through, `{"q":"<script>alert(1)</script>"}`, { type: JSON_TYPE, lines }),
    ).toBe(218);
    expect(new Set(asked[0])).toEqual(new Set(["head"]));
    expect(asked[1]?.at(-1)).toBe("content");
    expect(asked).toHaveLength(2);
    expect(through.upstream.requests).toEqual([]);
  });
});

function utf7Part(): string {
  return `--b\r\nContent-Disposition: form-data; name="q"\r\nContent-Type: text/plain; charset=utf-7\r\n\r\nshoes\r\n--b--\r\n`;
}

function escapedAll(text: string): string {
  return Array.from(
    text,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  ).join("");
}
