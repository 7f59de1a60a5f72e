import { pbkdf2Sync } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import type { ChallengeConfig, GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import { systemClock } from "../../runtime/clock.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const HTML = { accept: "text/html,*/*;q=0.8", "user-agent": "Mozilla/5.0 (test)" };
const PATH = "/.well-known/gatewright/";

type Config = GatewrightConfig<string>;

interface Init {
  readonly method?: string;
  readonly body?: string | URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Not by `fetch`, which says in fields of its own that it is no navigation. */
async function get(url: string, target: string, init: Init = {}): Promise<Response> {
  const { host, port } = new URL(url);
  const outgoing = httpRequest({
    port,
    path: target.startsWith("http") ? new URL(target).pathname : target,
    method: init.method ?? "GET",
    headers: { ...HTML, host, ...init.headers },
    agent: false,
  });
  outgoing.end(init.body?.toString());
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  const headers = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at] as string, incoming.rawHeaders[at + 1] as string);
  }
  const chunks = (await incoming.toArray()) as Buffer[];
  return new Response(Buffer.concat(chunks), { status: incoming.statusCode as number, headers });
}

async function protectedApp(challenge: Partial<ChallengeConfig> = {}, config: Config = {}) {
  const reached: string[] = [];
  const time = { offset: 0 };
  const proxy = await startProxy({
    config: {
      trustedProxies: ["127.0.0.1"],
      challenge: { when: () => true, difficulty: 5, ...challenge },
      upstreams: {
        app: {
          fetch(request: Request) {
            const { pathname, search } = new URL(request.url);
            reached.push(`${request.method} ${pathname}${search}`);
            return new Response("reached");
          },
        },
      },
      ...config,
    },
    provision: {
      clock: { ...systemClock, now: () => Date.now() + time.offset },
    },
  });
  const ask = (target: string, init: Init = {}): Promise<Response> => get(proxy.url, target, init);
  return { proxy, ask, reached, time };
}

type Ask = Awaited<ReturnType<typeof protectedApp>>["ask"];

/** What a browser has before it: where the form goes and what is in it. */
async function takePage(ask: Ask, target: string, headers: Record<string, string> = {}) {
  const redirect = await ask(target, { headers });
  expect(redirect.status).toBe(302);
  const location = redirect.headers.get("location") as string;
  const page = await ask(location, { headers });
  const html = (await page.text()).replaceAll(/&#(\d+);/g, (_, code: string) =>
    String.fromCharCode(Number(code)),
  );
  const cookie = cookiesOf(page);
  const fields = Object.fromEntries(
    [...html.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  ) as Record<string, string>;
  const challenge = /data-challenge="(\{.*?\})"></.exec(html)?.[1];
  return { location, page, html, cookie, fields, challenge };
}

function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(";", 1)[0])
    .join("; ");
}

interface Challenge {
  parameters: { salt: string; nonce: string; cost: number; keyLength: number; keyPrefix: string };
}

/** As the widget does it: the counter behind the nonce, until the key begins as it should. */
function answerTo(text: string | undefined, edit: (value: Challenge) => void = () => {}): string {
  const challenge = JSON.parse(text ?? "null") as Challenge;
  edit(challenge);
  const { salt, nonce, cost, keyLength, keyPrefix } = challenge.parameters;
  const password = Buffer.concat([Buffer.from(nonce, "hex"), Buffer.alloc(4)]);
  for (let counter = 0; ; counter++) {
    password.writeUInt32BE(counter, password.length - 4);
    const key = pbkdf2Sync(password, Buffer.from(salt, "hex"), cost, keyLength, "sha256");
    const derivedKey = key.toString("hex");
    if (!derivedKey.startsWith(keyPrefix)) continue;
    return Buffer.from(JSON.stringify({ challenge, solution: { counter, derivedKey } })).toString(
      "base64",
    );
  }
}

function solvedForm(taken: Awaited<ReturnType<typeof takePage>>): URLSearchParams {
  return new URLSearchParams({ ...taken.fields, altcha: answerTo(taken.challenge) });
}

function send(ask: Ask, body: URLSearchParams, headers: Record<string, string>) {
  return ask(`${PATH}verify`, { method: "POST", body, headers });
}

async function cleared(ask: Ask, target = "/", headers: Record<string, string> = {}) {
  const taken = await takePage(ask, target, headers);
  const done = await send(ask, solvedForm(taken), { cookie: taken.cookie, ...headers });
  expect(done.status).toBe(303);
  return { taken, done, cookie: cookiesOf(done) };
}

describe("PUB-38: a challenge ends", () => {
  it("leads from the page back to the target with a cookie for the whole site, in at most three redirects", async () => {
    const { ask, reached } = await protectedApp();
    const { done, cookie, taken } = await cleared(ask, "/deep/page?x=1&y=%2F");
    expect(done.headers.get("location")).toBe("/deep/page?x=1&y=%2F");
    expect(done.headers.getSetCookie()[0]).toMatch(
      /^gatewright-clearance=\S+; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/,
    );
    expect(taken.page.status).toBe(403);
    expect(taken.page.headers.get("cache-control")).toBe("no-store");
    expect((await ask("/deep/page?x=1", { headers: { cookie } })).status).toBe(200);
    expect(reached).toEqual(["GET /deep/page?x=1"]);
  });

  it("marks cookies Secure where the client's connection is TLS", async () => {
    const { ask } = await protectedApp();
    const { done } = await cleared(ask, "/", { "x-forwarded-proto": "https" });
    for (const line of done.headers.getSetCookie()) expect(line).toMatch(/; Secure$/);
  });

  it("gives a client that keeps no cookies the page, and after a solution a way back, but no redirect", async () => {
    const { ask } = await protectedApp();
    const taken = await takePage(ask, "/back?a=1");
    const done = await send(ask, solvedForm(taken), {});
    expect(done.status).toBe(403);
    expect(done.headers.getSetCookie()).toEqual([]);
    expect(await done.text()).toContain('href="/back?a=1"');
  });

  it("challenges again when the clearance has ended, by the server's clock", async () => {
    const { ask, time } = await protectedApp({ clearance: "10m" });
    const { cookie } = await cleared(ask);
    time.offset = 9 * 60_000;
    expect((await ask("/", { headers: { cookie } })).status).toBe(200);
    time.offset = 11 * 60_000;
    expect((await ask("/", { headers: { cookie } })).status).toBe(302);
  });

  it("accepts what an older secret has signed, and nothing of one that is gone", async () => {
    const [a, b, c] = ["a".repeat(32), "b".repeat(32), "c".repeat(32)];
    const config = (secrets: string[]): Config => ({
      challenge: { when: () => true, difficulty: 5, secrets },
      upstreams: { app: { fetch: () => new Response("reached") } },
    });
    const { ask, proxy } = await protectedApp({}, config([a]));
    const taken = await takePage(ask, "/");
    await proxy.update(config([b, a]));
    const done = await send(ask, solvedForm(taken), { cookie: taken.cookie });
    expect(done.status).toBe(303);
    const headers = { cookie: cookiesOf(done) };
    await proxy.update(config([c, b]));
    expect((await ask("/", { headers })).status).toBe(200);
    await proxy.update(config([c]));
    expect((await ask("/", { headers })).status).toBe(302);
  });

  it.each([
    ["a program", { headers: { accept: "application/json" } }],
    ["a client that takes anything", { headers: { accept: "*/*" } }],
    ["an image", { headers: { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" } }],
    ["a script's request", { headers: { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" } }],
    ["a frame", { headers: { "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" } }],
    ["a prefetch", { headers: { "sec-purpose": "prefetch;prerender" } }],
    ["a POST", { method: "POST", body: "a=1", headers: { accept: "*/*" } }],
  ] as const)("refuses %s with a problem that says why", async (_, init) => {
    const { ask, reached } = await protectedApp();
    const response = await ask("/", init);
    expect(response.status).toBe(403);
    expect(response.headers.has("location")).toBe(false);
    expect(await response.text()).toContain("PROXY_CHALLENGE_REQUIRED");
    expect(reached).toEqual([]);
  });

  it("refuses HEAD and WebSocket handshakes without a redirect", async () => {
    const { ask } = await protectedApp();
    expect((await ask("/", { method: "HEAD" })).status).toBe(403);
  });

  it("does not turn a browser's POST into a GET: nothing is sent, and the page says so", async () => {
    const { ask, reached } = await protectedApp();
    const response = await ask("/form", { method: "POST", body: new URLSearchParams({ a: "1" }) });
    expect(response.status).toBe(403);
    expect(await response.text()).toMatch(/Nothing was sent.*target="_blank"/s);
    expect(reached).toEqual([]);
  });
});

describe("PUB-39: one solution, one pass", () => {
  it("is spent by the first of a hundred that are sent at the same time", async () => {
    const { ask } = await protectedApp();
    const taken = await takePage(ask, "/");
    const body = solvedForm(taken);
    const all = await Promise.all(
      Array.from({ length: 100 }, () => send(ask, body, { cookie: taken.cookie })),
    );
    expect(all.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 403)).toHaveLength(99);
    expect((await send(ask, body, { cookie: taken.cookie })).status).toBe(403);
  });

  it("is not for another address, another User-Agent or a later time", async () => {
    const { ask, time } = await protectedApp();
    const taken = await takePage(ask, "/", { "x-forwarded-for": "198.51.100.1" });
    const body = solvedForm(taken);
    const { cookie } = taken;
    const from = { cookie, "x-forwarded-for": "198.51.100.1" };
    expect((await send(ask, body, { ...from, "x-forwarded-for": "198.51.100.2" })).status).toBe(
      403,
    );
    expect((await send(ask, body, { ...from, "user-agent": "other" })).status).toBe(403);
    time.offset = 6 * 60_000;
    expect((await send(ask, body, from)).status).toBe(403);
    time.offset = 0;
    expect((await send(ask, body, from)).status).toBe(303);
  });

  it("gives a clearance that is not for another address or User-Agent", async () => {
    const { ask } = await protectedApp();
    const own = { "x-forwarded-for": "2001:db8::1" };
    const { cookie } = await cleared(ask, "/", own);
    const status = async (headers: Record<string, string>) =>
      (await ask("/", { headers: { cookie, ...own, ...headers } })).status;
    expect(await status({})).toBe(200);
    expect(await status({ "x-forwarded-for": "2001:db8::ffff" })).toBe(200);
    expect(await status({ "x-forwarded-for": "2001:db8:0:1::1" })).toBe(302);
    expect(await status({ "user-agent": "other" })).toBe(302);
  });

  it("is refused when it was made easier, or belongs to another ticket", async () => {
    const { ask } = await protectedApp();
    const [one, two] = [await takePage(ask, "/"), await takePage(ask, "/")];
    const easier = answerTo(one.challenge, ({ parameters }) => {
      parameters.cost = 1;
      parameters.keyPrefix = "0";
    });
    const cookie = one.cookie;
    const form = (altcha: string) => new URLSearchParams({ ...one.fields, altcha });
    expect((await send(ask, form(easier), { cookie })).status).toBe(403);
    expect((await send(ask, form(answerTo(two.challenge)), { cookie })).status).toBe(403);
    for (const rubbish of [
      "",
      "x",
      "e30=",
      Buffer.from("null").toString("base64"),
      "A".repeat(9000),
    ])
      expect((await send(ask, form(rubbish), { cookie })).status).toBe(403);
    expect((await send(ask, form(answerTo(one.challenge)), { cookie })).status).toBe(303);
  });

  it("lets two tabs of one browser solve theirs", async () => {
    const { ask } = await protectedApp();
    const [one, two] = await Promise.all([takePage(ask, "/one"), takePage(ask, "/two")]);
    const done = await Promise.all(
      [one, two].map((tab) => send(ask, solvedForm(tab), { cookie: one.cookie })),
    );
    expect(done.map(({ headers }) => headers.get("location"))).toEqual(["/one", "/two"]);
  });

  it("gets harder with the score", async () => {
    const asked: number[] = [];
    const { ask } = await protectedApp({
      when: (_request, ctx) => {
        ctx.score.add(7, "because");
        return ctx.score.total > 3;
      },
      difficulty: (score) => {
        asked.push(score);
        return 5;
      },
    });
    await takePage(ask, "/");
    expect(asked).toEqual([7]);
  });
});

describe("PUB-46: where a challenge leads", () => {
  it.each([
    "//evil.test/x",
    "/%0d%0aSet-Cookie:%20x=1",
    "/%0aSet-Cookie:%20x=1",
    "/%E5%98%8A%E5%98%8D",
    "/a?to=//evil.test",
  ])("stays on the own host for %s", async (target) => {
    const { proxy, ask } = await protectedApp();
    const response = await ask(target);
    expect(response.status).toBe(302);
    const location = response.headers.get("location") as string;
    expect(new URL(location, proxy.url).origin).toBe(proxy.url);
    expect(response.headers.get("set-cookie")).toBeNull();
    const page = await ask(location);
    expect(page.status).toBe(403);
  });
});

describe("the paths of the challenge", () => {
  it("are answered here, never forwarded and never stored", async () => {
    const { ask, reached } = await protectedApp();
    for (const [name, status] of [
      ["page.js", 200],
      ["altcha.js", 200],
      ["altcha-de.js", 200],
      ["nothing", 404],
      ["", 404],

      ["challenge", 403],
      ["verify", 403],
    ] as const) {
      const response = await ask(PATH + name);
      expect([name, response.status]).toEqual([name, status]);
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
    expect((await ask(`${PATH}verify`, { method: "PUT", body: "x" })).status).toBe(405);
    expect(reached).toEqual([]);
  });

  it("are nobody's where there is no challenge", async () => {
    const { ask, reached } = await protectedApp({}, { challenge: undefined } as unknown as Config);
    await ask(`${PATH}page.js`);
    expect(reached).toEqual([`GET ${PATH}page.js`]);
  });

  it("are subject to rate limits", async () => {
    const { ask } = await protectedApp({}, { rateLimits: { few: { limit: 2, window: "1h" } } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(`${PATH}page.css`)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it("let nobody without JavaScript through before the time, and each ticket once", async () => {
    const { ask, time } = await protectedApp({ noScript: "5s" });
    const taken = await takePage(ask, "/there");
    const target = taken.location.replace("challenge?", "verify?");
    expect(taken.html).toContain(`content="5;url=${target}"`);
    const headers = { cookie: taken.cookie };
    expect((await ask(target, { headers })).status).toBe(403);
    time.offset = 5000;
    const done = await ask(target, { headers });
    expect([done.status, done.headers.get("location")]).toEqual([303, "/there"]);
    expect((await ask(target, { headers })).status).toBe(403);
    const none = await protectedApp({ noScript: false });
    const other = await takePage(none.ask, "/");
    expect(other.html).not.toContain("http-equiv");
    none.time.offset = 60_000;
    const waited = await none.ask(other.location.replace("challenge?", "verify?"), {
      headers: { cookie: other.cookie },
    });
    expect(waited.status).toBe(403);
  });
});

describe("who is challenged", () => {
  it("is decided by hooks with ctx.challenge, which lets a clearance pass", async () => {
    const order: string[] = [];
    const { ask, proxy } = await protectedApp(
      {},
      {
        challenge: { difficulty: 5, policies: { strict: { bind: { userAgent: false } } } },
        plugins: [
          {
            name: "guard",
            api: 1,
            onRequest: (request, ctx) =>
              request.path === "/bad" ? ctx.challenge("strikt") : ctx.challenge("strict"),
          },
        ],
        onRequest: (request) => void order.push(request.path),
      },
    );
    const { cookie } = await cleared(ask);
    expect(order).toEqual([]);
    expect((await ask("/x", { headers: { cookie, "user-agent": "other" } })).status).toBe(200);
    expect(order).toEqual(["/x"]);
    expect((await ask("/bad")).status).toBe(500);
    expect(proxy.takeErrors()).toHaveLength(1);
  });

  it("may differ by route, or be nobody", async () => {
    const { ask } = await protectedApp(
      {},
      {
        challenge: { when: () => true },
        routes: [
          { match: { path: "/open/*" }, upstream: "app", challenge: false },
          {
            match: { path: "/some/*" },
            upstream: "app",
            challenge: { when: (r) => r.query.has("x") },
          },
          { match: { path: "/*" }, upstream: "app" },
        ],
      },
    );
    const status = async (target: string) => (await ask(target)).status;
    expect([
      await status("/open/a"),
      await status("/some/a"),
      await status("/some/a?x"),
      await status("/a"),
    ]).toEqual([200, 200, 302, 302]);
  });

  it("is a failure where the condition throws or returns a promise", async () => {
    const { ask, proxy } = await protectedApp({
      when(request) {
        if (request.path === "/throws") throw new Error("no");
        return Promise.resolve(false) as unknown as boolean;
      },
    });
    expect((await ask("/throws")).status).toBe(500);
    expect((await ask("/promise")).status).toBe(500);
    expect(proxy.takeErrors()).toHaveLength(2);
  });

  it("is no search engine that DNS knows, and everybody who only says so", async () => {
    const names: Record<string, string[]> = {
      "192.0.2.1": ["crawl-1.googlebot.com"],
      "192.0.2.2": ["evil.test"],
    };
    const proxy = await startProxy({
      config: {
        trustedProxies: ["127.0.0.1"],
        challenge: { when: () => true },
        upstreams: { app: { fetch: () => new Response("reached") } },
      },
      provision: {
        botResolver: {
          reverse: async (address) => names[address] ?? Promise.reject(new Error("none")),
          addresses: async () => ["192.0.2.1"],
        },
      },
    });
    const status = async (address: string) => {
      const headers = { ...HTML, "user-agent": "Googlebot/2.1", "x-forwarded-for": address };
      return (await get(proxy.url, "/", { headers })).status;
    };
    expect([
      await status("192.0.2.1"),
      await status("192.0.2.2"),
      await status("192.0.2.3"),
      await status("192.0.2.1"),
    ]).toEqual([200, 302, 302, 200]);
  });
});

describe("providers", () => {
  it.each(["turnstile", "hcaptcha", "recaptcha"] as const)(
    "%s: its answer counts, and nobody else's",
    async (type) => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        request.setEncoding("utf8").on("data", (text: string) => {
          asked.push(text);
          const success = text.includes("response=good");
          response.end(text.includes("response=broken") ? "<" : JSON.stringify({ success }));
        });
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as AddressInfo;
      onTestFinished(() => void server.close());
      const { ask, proxy } = await protectedApp({
        provider: {
          type,
          siteKey: "site",
          secretKey: "secret",
          verifyUrl: `http://127.0.0.1:${port}/`,
        },
      });
      const taken = await takePage(ask, "/");
      expect(taken.html).toContain('data-sitekey="site"');
      expect(taken.html).not.toContain("secret");
      expect(taken.html).not.toContain("http-equiv");
      const field = {
        turnstile: "cf-turnstile-response",
        hcaptcha: "h-captcha-response",
        recaptcha: "g-recaptcha-response",
      }[type];
      const form = (value: string) => new URLSearchParams({ ...taken.fields, [field]: value });
      const headers = { cookie: taken.cookie };
      expect((await send(ask, form(""), headers)).status).toBe(403);
      expect((await send(ask, form("bad"), headers)).status).toBe(403);
      expect((await send(ask, form("broken"), headers)).status).toBe(503);
      expect(proxy.takeErrors()).toHaveLength(1);
      expect((await send(ask, form("good"), headers)).status).toBe(303);
      expect((await send(ask, form("good"), headers)).status).toBe(403);
      expect(asked[0]).toContain("secret=secret");
      expect(asked[0]).toContain("remoteip=127.0.0.1");
    },
  );

  it("may be one's own", async () => {
    const { ask } = await protectedApp({
      provider: {
        name: "riddle",
        present: ({ language }) => ({ html: `<input name="answer" lang="${language}">` }),
        verify: (form) => form.get("answer") === "42",
      },
    });
    const taken = await takePage(ask, "/");
    const headers = { cookie: taken.cookie };
    const form = (answer: string) => new URLSearchParams({ ...taken.fields, answer });
    expect((await send(ask, form("41"), headers)).status).toBe(403);
    expect((await send(ask, form("42"), headers)).status).toBe(303);
  });
});

it("PUB-51: writes no secret of a target into the log", async () => {
  const { ask, proxy } = await protectedApp();
  const { location } = await takePage(ask, "/a?token=SECRET123");
  const lines = (proxy as TestProxy).access
    .map(({ path, referer }) => `${path} ${referer}`)
    .join("\n");
  expect(lines).not.toContain("SECRET123");
  expect(lines).not.toContain(new URL(location, proxy.url).searchParams.get("token") as string);
});
