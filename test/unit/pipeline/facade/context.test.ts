import type { HookLog, SubrequestInit } from "@gatewright/sdk";
import { makeRequest } from "@gatewright/sdk/testing";
import { describe, expect, it } from "vitest";

import { ContextFacade } from "../../../../runtime/pipeline/facade/context.ts";
import type { ContextOwner } from "../../../../runtime/pipeline/facade/context-owner.ts";

const LOG: HookLog = { debug() {}, info() {}, warn() {}, error() {} };

class FakeOwner implements ContextOwner {
  id = "r1";
  client = { address: "192.0.2.1", port: 5, peerAddress: "192.0.2.1", protocol: "HTTP/1.1" };
  request = makeRequest("/orders/7?x", { headers: { "x-a": "1" } });
  route = { name: "api", params: { id: "7" } };
  upstreamName: string | undefined = "api";
  upstreamViews = {};
  upstreamNames = new Map([
    ["api", 1],
    ["web", 1],
  ]);
  startedAt = 1000;
  generationNumber = 3;
  signal = new AbortController().signal;
  logsMade = 0;
  readonly calls: unknown[][] = [];

  createHookLog(): HookLog {
    this.logsMade++;
    return LOG;
  }

  fetch(target: string | URL, init: SubrequestInit): Promise<Response> {
    this.calls.push(["fetch", target, init]);
    return Promise.resolve(new Response("ok"));
  }

  waitUntil(promise: Promise<unknown>): void {
    this.calls.push(["waitUntil", promise]);
  }

  switchCompressionOff(): void {
    this.calls.push(["switchCompressionOff"]);
  }

  readonly ipLists = undefined;
  readonly wafView = undefined;
  readonly limits = false;
  readonly challenges = undefined;
  readonly load = { requestsPerSecond: 1, p95Ms: 2, inFlight: 3, loopDelayMs: 4 };

  limit(): never {
    throw new Error("not here");
  }

  readonly cacheFacade = undefined;

  earlyHints(links: readonly string[]): void {
    this.calls.push(["earlyHints", links]);
  }
}

function make(): { owner: FakeOwner; ctx: ContextFacade } {
  const owner = new FakeOwner();
  return { owner, ctx: new ContextFacade(owner) };
}

describe("the facts of a context", () => {
  it("are the owner's", () => {
    const { owner, ctx } = make();
    expect(ctx).toMatchObject({ id: "r1", upstream: "api", now: 1000, generation: 3 });
    expect(ctx.client).toBe(owner.client);
    expect(ctx.route).toBe(owner.route);
    expect(ctx.signal).toBe(owner.signal);
  });

  it("include the request", () => {
    const owner = new FakeOwner();
    expect(new ContextFacade(owner).request).toBe(owner.request);
  });

  it("include a logger that is made once and only if asked for", () => {
    const { owner, ctx } = make();
    expect(owner.logsMade).toBe(0);
    expect(ctx.log).toBe(ctx.log);
    expect(owner.logsMade).toBe(1);
  });

  it("include a state of the request's own and a score", () => {
    const { ctx } = make();
    ctx.state.user = "ada";
    expect(ctx.state.user).toBe("ada");
    expect(make().ctx.state.user).toBeUndefined();
    expect(ctx.scoreTotal).toBe(0);
    ctx.score.add(3, "odd path", "r-1");
    ctx.score.add(-1, "known client");
    expect(ctx.score.total).toBe(2);
    expect(ctx.scoreTotal).toBe(2);
    expect(ctx.score.entries).toEqual([
      { points: 3, reason: "odd path", rule: "r-1" },
      { points: -1, reason: "known client" },
    ]);
  });

  it("bound the score's entries and check what is added", () => {
    const { ctx } = make();
    for (let i = 0; i < 1000; i++) ctx.score.add(1, "again");
    expect(ctx.score.total).toBe(1000);
    expect(ctx.score.entries.length).toBeLessThanOrEqual(256);
    for (const points of [Number.NaN, Number.POSITIVE_INFINITY, "1", undefined]) {
      expect(() => ctx.score.add(points as number, "x")).toThrow(TypeError);
    }
    expect(() => ctx.score.add(1, "")).toThrow(TypeError);
    expect(ctx.score.total).toBe(1000);
  });
});

describe("the decisions of a context", () => {
  it("are plain objects", () => {
    const { ctx } = make();
    expect(ctx.forward("web")).toEqual({ kind: "forward", upstream: "web" });
    expect(ctx.forward("api", { host: "target" })).toEqual({
      kind: "forward",
      upstream: "api",
      options: { host: "target" },
    });
    expect(ctx.respond(204)).toEqual({ kind: "respond", status: 204 });
    expect(ctx.respond(200, "hi", { a: "1" })).toEqual({
      kind: "respond",
      status: 200,
      body: "hi",
      headers: { a: "1" },
    });
    expect(ctx.block("bot")).toEqual({ kind: "block", reason: "bot" });
    expect(ctx.block("law", 451)).toEqual({ kind: "block", reason: "law", status: 451 });
    expect(ctx.drop()).toEqual({ kind: "drop" });
  });

  it("name the upstream that was probably meant", () => {
    const { ctx } = make();
    expect(() => ctx.forward("apii")).toThrow(
      expect.objectContaining({
        code: "PROXY_HOOK_DECISION",
        message: expect.stringMatching(/"apii".*did you mean "api".*api, web/),
      }),
    );
    expect(() => ctx.forward("something-else")).toThrow(/known: api, web/);
    expect(() => ctx.forward(undefined as unknown as string)).toThrow(/does not exist/);
    // A name that every object has is no upstream.
    expect(() => ctx.forward("constructor")).toThrow(/does not exist/);
  });

  it.each([100, 199, 600, 1.5, "200", undefined])("refuse %j as an answer's status", (status) => {
    const { ctx } = make();
    expect(() => ctx.respond(status as number)).toThrow(RangeError);
  });

  it.each([200, 302, 399, 600, "403"])("refuse %j as a refusal's status", (status) => {
    expect(() => make().ctx.block("x", status as number)).toThrow(RangeError);
  });

  it("refuse a block without a reason", () => {
    expect(() => make().ctx.block(undefined as unknown as string)).toThrow(TypeError);
  });

  it("write JSON with its type unless the caller names another", () => {
    const { ctx } = make();
    expect(ctx.json({ a: 1 })).toMatchObject({
      status: 200,
      body: '{"a":1}',
      headers: { "content-type": "application/json" },
    });
    expect(ctx.json([], 201, { "X-A": "1" })).toMatchObject({
      status: 201,
      headers: { "X-A": "1", "content-type": "application/json" },
    });
    const own = { "Content-Type": "application/problem+json" };
    expect(ctx.json({}, 400, own).headers).toBe(own);
    const headers = ctx.json({}, 200, new Headers({ "x-a": "1" })).headers;
    expect(new Headers(headers as [string, string][]).get("content-type")).toBe("application/json");
    expect(() => ctx.json(undefined)).toThrow(TypeError);
    expect(() => ctx.json(1n)).toThrow(TypeError);
  });

  // PUB-46: a redirect never breaks the head and never leaves this host by accident.
  it("keep a redirect in one line and on this host", () => {
    const { ctx } = make();
    expect(ctx.redirect("/new", 308)).toEqual({
      kind: "respond",
      status: 308,
      headers: { location: "/new" },
    });
    expect(ctx.redirect("/a\r\nSet-Cookie: x=1").headers).toEqual({
      location: "/a%0D%0ASet-Cookie:%20x=1",
    });
    expect(ctx.redirect("//evil.test/x").headers).toEqual({ location: "/evil.test/x" });
    expect(ctx.redirect("/\\evil.test").headers).toEqual({ location: "/evil.test" });
    expect(ctx.redirect("https://b.test/x").status).toBe(302);
    expect(() => ctx.redirect("javascript:alert(1)")).toThrow(TypeError);
    expect(() => ctx.redirect("/x", 304 as 302)).toThrow(RangeError);
  });
});

describe("the capabilities of a context", () => {
  it("fetch from a named upstream or an absolute http(s) URL", async () => {
    const { owner, ctx } = make();
    await ctx.fetch("api", { path: "/x" });
    await ctx.fetch("https://b.test/y");
    await ctx.fetch(new URL("http://c.test/"));
    expect(owner.calls).toEqual([
      ["fetch", "api", { path: "/x" }],
      ["fetch", new URL("https://b.test/y"), {}],
      ["fetch", new URL("http://c.test/"), {}],
    ]);
  });

  it("refuse to fetch from anywhere else", async () => {
    const { owner, ctx } = make();
    await expect(ctx.fetch("apii")).rejects.toThrow(/did you mean "api"/);
    await expect(ctx.fetch("file:///etc/passwd")).rejects.toThrow(TypeError);
    await expect(ctx.fetch("data:text/plain,x")).rejects.toThrow(TypeError);
    expect(owner.calls).toEqual([]);
  });

  it("pass on waitUntil and early hints", () => {
    const { owner, ctx } = make();
    const work = Promise.resolve(1);
    ctx.waitUntil(work);
    ctx.earlyHints("</a.css>; rel=preload");
    ctx.earlyHints(["</a>", "</b>"]);
    expect(owner.calls).toEqual([
      ["waitUntil", work],
      ["earlyHints", ["</a.css>; rel=preload"]],
      ["earlyHints", ["</a>", "</b>"]],
    ]);
    expect(() => ctx.earlyHints("</a>\r\nX: 1")).toThrow(TypeError);
  });

  it.each(["cache", "waf", "tls", "limits"] as const)("say that %s is switched off", (name) => {
    const { ctx } = make();
    expect(() => ctx[name]).toThrow(
      expect.objectContaining({
        code: "PROXY_CAPABILITY_OFF",
        message: `ctx.${name} needs \`${name}\`, which is switched off`,
      }),
    );
  });

  it.each([
    ["challenge", "challenge"],
    ["listed", "blocklists"],
  ] as const)("say that %s() is switched off", (name, option) => {
    expect(() => make().ctx[name]("x")).toThrow(
      `ctx.${name}() needs \`${option}\`, which is switched off`,
    );
  });
});
