import type { Context, GatewrightConfig, WafConfig, WafMatch, WafRule } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldValue } from "../../runtime/http/raw-fields.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

type Config = GatewrightConfig<string>;

const ATTACK = "/?q=%27%20OR%201=1--";
const BROWSER = ["User-Agent: Mozilla/5.0 (test)", "Accept: text/html,*/*;q=0.8"];

function behindWaf(waf: WafConfig = {}, config: Config = {}): Promise<ThroughProxy> {
  return throughProxy({ config: { waf, ...config } });
}

/** What the upstream saw. */
const seen = ({ upstream }: ThroughProxy): string[] =>
  upstream.requests.map(({ method, target }) => `${method} ${target}`);

/** Three points, whatever the rules that come with it become. */
const PROBE: WafRule = {
  id: "own-probe",
  message: "A probe",
  severity: "warning",
  variables: ["ARGS_NAMES"],
  operator: { streq: "probe" },
};

const rulesOf = (matches: readonly WafMatch[] | undefined): string[] =>
  (matches ?? []).map(({ rule }) => rule);

describe("the WAF, on the head of a request", () => {
  it("refuses an attack with 403 and an id that the log resolves to rule, place and masked text", async () => {
    const through = await behindWaf();
    const answer = await through.get("/?password=%27+OR+hunter%3Dhunter--", ...BROWSER);
    expect(answer.status).toBe(403);
    const problem = answer.content.toString();
    expect(problem).not.toContain("sqli");
    const record = await through.proxy.accessed();
    expect(problem).toContain(record.id);
    expect(record).toMatchObject({ status: 403, error: "PROXY_WAF_BLOCKED", upstream: undefined });
    expect(record.reason).toMatch(/^waf sqli-/);
    expect(record.score).toBeGreaterThanOrEqual(5);
    const [match] = record.waf as readonly WafMatch[];
    expect(match).toMatchObject({ rule: "sqli-structure", points: 5, phase: "head" });
    expect(match?.place).toBe("ARGS_GET:password");
    expect(match?.text).not.toContain("hunter");
    expect(seen(through)).toEqual([]);
  });

  it.each([
    ["plain", "'+OR+1=1--"],
    ["encoded twice", "%2527%2520OR%25201=1--"],
    ["in %u escapes", "%u0027%20OR%201=1--"],
    ["in overlong UTF-8", "%c0%a7%20OR%201=1--"],
    ["in script escapes", "%5Cu0027%20OR%201=1--"],
    ["in full-width characters", "%ef%bc%87%20OR%201=1--"],
    ["in base64", Buffer.from("' UNION SELECT password FROM users--").toString("base64url")],
    ["as the second of two", "shoes&q=%27%20OR%201=1--"],
  ])("finds an attack %s (PUB-34, PUB-35)", async (_name, query) => {
    const { get, upstream } = await behindWaf();
    expect((await get(`/?q=${query}`, ...BROWSER)).status).toBe(403);
    expect((await get("/", ...BROWSER, `Cookie: id=${query.split("&")[0]}`)).status).toBe(
      query.includes("&") ? 200 : 403,
    );
    expect(upstream.requests).toHaveLength(query.includes("&") ? 1 : 0);
  });

  it("calls a path that is refused anyway an attack, where it is one", async () => {
    const { get, proxy, upstream } = await behindWaf();
    expect((await get("/..%2f..%2fetc/passwd", ...BROWSER)).status).toBe(403);
    expect((await proxy.accessed()).waf?.length).toBeGreaterThan(0);
    expect((await get("/a%2fb", ...BROWSER)).status).toBe(400);
    expect((await get("/%zz", ...BROWSER)).status).toBe(400);
    expect(upstream.requests).toEqual([]);
    const flagging = await behindWaf({ mode: "flag" });
    expect((await flagging.get("/..%2f..%2fetc/passwd", ...BROWSER)).status).toBe(400);
    expect((await flagging.proxy.accessed()).waf?.length).toBeGreaterThan(0);
  });

  it("lets honest requests through and says nothing of them", async () => {
    const through = await behindWaf();
    expect((await through.get("/?q=O%27Brien+and+sons", ...BROWSER)).status).toBe(200);
    expect((await through.proxy.accessed()).waf).toBeUndefined();
  });

  it("in mode flag lets attacks pass, with their points in the score and the matches for hooks", async () => {
    const told: unknown[] = [];
    const through = await behindWaf(
      { mode: "flag", rules: [PROBE] },
      {
        onRequest(_request, ctx) {
          const { mode, points, matches } = ctx.waf;
          told.push({ mode, points, rules: rulesOf(matches), total: ctx.score.total });
          told.push(ctx.score.entries.map(({ rule }) => rule));
        },
      },
    );
    expect((await through.get("/?probe=x", ...BROWSER)).status).toBe(200);
    const rules = ["own-probe"];
    expect(told).toEqual([{ mode: "flag", points: 3, rules, total: 3 }, ["waf:own-probe"]]);
    const record = await through.proxy.accessed();
    expect(record).toMatchObject({ status: 200, score: 3, error: undefined, reason: undefined });
    expect(rulesOf(record.waf)).toEqual(rules);
  });

  it("leads a suspect to the challenge by its score (design: ctx.score.total >= 3)", async () => {
    const { get, upstream } = await behindWaf(
      { mode: "flag" },
      { challenge: { when: (_request, ctx) => ctx.score.total >= 3 } },
    );
    const answer = await get(ATTACK, ...BROWSER);
    expect(answer.status).toBe(302);
    expect(fieldValue(answer.fields, "location")).toContain("/.well-known/gatewright/challenge");
    expect((await get("/", ...BROWSER)).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
  });

  it("is off without the option, and ctx.waf says so", async () => {
    const { get, proxy } = await throughProxy({
      config: { onRequest: (_request, ctx) => ctx.respond(200, ctx.waf.mode) },
    });
    expect((await get(ATTACK)).status).toBe(500);
    expect((await proxy.accessed()).error).toBe("PROXY_CAPABILITY_OFF");
    expect(proxy.takeErrors()).toHaveLength(1);
  });

  it("takes a route's keys over the global ones, one by one", async () => {
    const { get } = await behindWaf(
      { threshold: 4, rules: [PROBE] },
      {
        onRequest: (_request, ctx) => ctx.respond(200, ctx.waf.mode),
        routes: [
          { match: { path: "/flag" }, waf: { mode: "flag" }, upstream: "api" },
          { match: { path: "/low" }, waf: { threshold: 3 }, upstream: "api" },
          { match: { path: "/off" }, waf: { mode: "off" }, upstream: "api" },
          { match: { path: "/none" }, waf: false, upstream: "api" },
          { upstream: "api" },
        ],
      },
    );
    const answers: string[] = [];
    for (const path of ["/flag", "/low", "/off", "/none", "/"]) {
      const { status, content } = await get(`${path}?probe=x`, ...BROWSER);
      answers.push(`${path} ${status === 200 ? content.toString() : status}`);
    }
    expect(answers).toEqual(["/flag flag", "/low 403", "/off off", "/none off", "/ block"]);
  });

  it("guards one route alone, if only that has it", async () => {
    const { get } = await throughProxy({
      config: {
        routes: [{ match: { path: "/shop" }, waf: {}, upstream: "api" }, { upstream: "api" }],
      },
    });
    expect((await get("/shop?q=%27%20OR%201=1--", ...BROWSER)).status).toBe(403);
    expect((await get(ATTACK, ...BROWSER)).status).toBe(200);
  });

  it("leaves out what is excluded, by path and parameter", async () => {
    const { get } = await behindWaf({
      exclude: [
        { path: "/cms/*", rules: ["sqli-*"] },
        { parameter: "sql", tags: ["attack-sqli"] },
      ],
    });
    const status = async (target: string): Promise<number> =>
      (await get(target, ...BROWSER)).status;
    expect(await status("/cms/page?q=%27%20OR%201=1--")).toBe(200);
    expect(await status("/cms/page?q=%3Cscript%3Ealert(1)%3C/script%3E")).toBe(403);
    expect(await status("/?sql=%27%20OR%201=1--")).toBe(200);
    expect(await status(ATTACK)).toBe(403);
    // What the path says in another form is the same path, and nothing else is.
    expect(await status("//cms//page?q=%27%20OR%201=1--")).toBe(200);
    expect(await status("/cm%73/page?q=%27%20OR%201=1--")).toBe(200);
    expect([400, 403]).toContain(await status("/cms/../?q=%27%20OR%201=1--"));
    expect(await status("/cmsx?q=%27%20OR%201=1--")).toBe(403);
  });

  it("runs rules of the config's author beside its own", async () => {
    const coupon: WafRule = {
      id: "shop-coupon",
      message: "A coupon that was never printed",
      severity: "error",
      variables: ["ARGS:coupon"],
      operator: { rx: /^X{3}/ },
    };
    const { get, proxy } = await behindWaf({ rules: [coupon], threshold: 4 });
    expect((await get("/?coupon=XXX1", ...BROWSER)).status).toBe(403);
    expect((await proxy.accessed()).waf).toMatchObject([{ rule: "shop-coupon", points: 4 }]);
    expect((await get("/?coupon=YYY", ...BROWSER)).status).toBe(200);
  });

  it("fails closed where such a rule throws", async () => {
    const broken: WafRule = {
      id: "own-broken",
      message: "Broken",
      variables: ["ARGS:a"],
      operator: {
        detect() {
          throw new Error("oops");
        },
      },
    };
    const { get, proxy, upstream } = await behindWaf({ rules: [broken] });
    expect((await get("/?a=1", ...BROWSER)).status).toBe(500);
    expect((await proxy.accessed()).error).toBe("PROXY_HOOK_FAILED");
    expect(upstream.requests).toEqual([]);
    expect(proxy.takeErrors()).toHaveLength(1);
  });

  it("is not undone by an onError that asks for a fallback", async () => {
    const { get, upstream } = await behindWaf({}, { onError: (_error, ctx) => ctx.forward("api") });
    expect((await get(ATTACK, ...BROWSER)).status).toBe(403);
    expect(upstream.requests).toEqual([]);
  });

  it("swaps its rules with a reload", async () => {
    const { get, proxy, upstream } = await behindWaf({ exclude: [{ parameter: "q" }] });
    expect((await get(ATTACK, ...BROWSER)).status).toBe(200);
    await proxy.update({ upstreams: { api: { targets: [upstream.url] } }, waf: {} });
    expect((await get(ATTACK, ...BROWSER)).status).toBe(403);
    await proxy.update({ upstreams: { api: { targets: [upstream.url] } } });
    expect((await get(ATTACK, ...BROWSER)).status).toBe(200);
  });

  it("looks at the head of an upgrade", async () => {
    const { get, upstream } = await behindWaf();
    const upgrade = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
    ];
    expect((await get(ATTACK, ...upgrade)).status).toBe(403);
    expect(upstream.requests).toEqual([]);
  });
});

describe("waf.onMatch", () => {
  it.each<[name: string, decide: (ctx: Context) => unknown, status: number]>([
    ["nothing: the mode decides", () => undefined, 403],
    ["an answer", (ctx) => ctx.respond(418, "no"), 418],
    ["a Response", () => new Response("no", { status: 451 }), 451],
    ["a refusal", (ctx) => ctx.block("mine", 409), 409],
    ["a promise", async (ctx) => Promise.resolve(ctx.respond(410)), 410],
  ])("may return %s", async (_name, decide, status) => {
    const { get, proxy, upstream } = await behindWaf({
      onMatch: (_matches, _request, ctx) => decide(ctx) as undefined,
    });
    expect((await get(ATTACK, ...BROWSER)).status).toBe(status);
    expect(upstream.requests).toEqual([]);
    expect(rulesOf((await proxy.accessed()).waf)).toContain("sqli-structure");
  });

  it("may drop the connection", async () => {
    const { get, proxy } = await behindWaf({ onMatch: (_matches, _request, ctx) => ctx.drop() });
    await expect(get(ATTACK, ...BROWSER)).rejects.toThrow();
    expect((await proxy.accessed()).outcome).toBe("dropped");
  });

  it("may send the request to an upstream of its own, whatever hooks choose later", async () => {
    const through = await behindWaf(
      { onMatch: (_matches, _request, ctx) => ctx.forward("honeypot") },
      {
        upstreams: { honeypot: { fetch: () => new Response("sweet") } },
        routes: [{ upstream: "api" }],
        onRequest: (_request, ctx) => ctx.forward("api"),
      },
    );
    const answer = await through.get(ATTACK, ...BROWSER);
    expect(`${answer.status} ${answer.content.toString()}`).toBe("200 sweet");
    expect(seen(through)).toEqual([]);
    expect((await through.get("/", ...BROWSER)).content.toString()).not.toBe("sweet");
  });

  it("is asked with matches and request, in mode flag too, and not where nothing matched", async () => {
    const asked: unknown[] = [];
    const { get } = await behindWaf({
      mode: "flag",
      rules: [PROBE],
      onMatch(matches, request) {
        asked.push([rulesOf(matches), request.path]);
      },
    });
    await get("/fine", ...BROWSER);
    await get("/?probe=x", ...BROWSER);
    expect(asked).toEqual([[["own-probe"], "/"]]);
  });

  it("fails closed: what it throws is a 500, and an unknown upstream too", async () => {
    const throwing = await behindWaf({
      mode: "flag",
      onMatch() {
        throw new Error("oops");
      },
    });
    expect((await throwing.get(ATTACK, ...BROWSER)).status).toBe(500);
    expect(throwing.proxy.takeErrors()).toHaveLength(1);
    const unknown = await behindWaf({
      mode: "flag",
      onMatch: () => ({ kind: "forward", upstream: "nowhere" }),
    });
    expect((await unknown.get(ATTACK, ...BROWSER)).status).toBe(500);
    expect(unknown.proxy.takeErrors()).toHaveLength(1);
    expect([...throwing.upstream.requests, ...unknown.upstream.requests]).toEqual([]);
  });

  it("may challenge: whoever has a clearance goes on", async () => {
    const { get, upstream } = await behindWaf(
      { onMatch: (_matches, _request, ctx) => ctx.challenge() },
      { challenge: {} },
    );
    expect((await get(ATTACK, ...BROWSER)).status).toBe(302);
    expect((await get("/", ...BROWSER)).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
  });
});
