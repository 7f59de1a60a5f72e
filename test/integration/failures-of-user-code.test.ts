import { setTimeout as wait } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { createConfigProject } from "../helpers/config-project.ts";
import { connectRaw, exchangeRaw } from "../helpers/raw-client.ts";
import { startCommand } from "../helpers/run-command.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { askRaw, getRequest } from "../helpers/through-proxy.ts";
import { toy } from "../helpers/upstream-fixture.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

/** One hook for all ways to fail, compiled as a user's config is: its timers and promises are the generation's. */
const CONFIG = (url: string): string => `
  export default {
    upstreams: { api: { targets: ["${url}"] } },
    async onRequest(request) {
      switch (request.path) {
        case "/rejects": await null; throw new Error("secret-rejected");
        case "/timer": setTimeout(() => { throw new Error("secret-timer"); }); return;
        case "/string": throw "secret-string";
        case "/null": throw null;
        case "/exit": process.exit(3);
        case "/getter": return { get kind() { throw new Error("secret-getter"); } };
        case "/false": return false;
      }
    },
    onResponse(response, ctx) {
      if (response.source === "upstream" && ctx.state.boom) throw new Error("secret");
      if (response.headers.has("x-late")) response.transform(async function* (chunks) {
        for await (const chunk of chunks) { yield chunk; throw new Error("secret-late"); }
      });
    },
    plugins: [{
      name: "sync", api: 1,
      onRequest(request, ctx) {
        if (request.path === "/sync") throw new Error("secret-sync");
        if (request.path === "/response") ctx.state.boom = true;
      },
      onComplete(record) { if (record.path === "/complete") throw new Error("secret-complete"); },
    }],
  };
`;

async function start(): Promise<TestProxy> {
  const upstream = await toy({
    onRequest: ({ target }) => toyResponse(200, "ok", ...(target === "/late" ? ["X-Late: 1"] : [])),
  });
  return startProxy({ files: { "proxy.config.ts": CONFIG(upstream.url) } });
}

/** Bystanders: one request after the other until the work is done; each must be served. */
async function besideTraffic(
  proxy: { readonly url: string },
  work: () => Promise<void>,
): Promise<void> {
  let running = true;
  let served = 0;
  const traffic = (async () => {
    while (running) {
      const response = await fetch(`${proxy.url}/fine`);
      expect([response.status, await response.text()]).toEqual([200, "ok"]);
      served += 1;
      await wait(10);
    }
  })();
  try {
    await work();
  } finally {
    running = false;
    await traffic;
  }
  expect(served).toBeGreaterThan(0);
}

const FAILING: readonly (readonly [target: string, what: string, status: number])[] = [
  ["/sync", "throws", 500],
  ["/rejects", "rejects", 500],
  ["/string", "throws a string", 500],
  ["/null", "throws null", 500],
  ["/exit", "calls process.exit", 500],
  ["/getter", "returns an object whose kind throws", 500],
  ["/false", "returns false", 500],
  ["/response", "throws in onResponse", 500],
  ["/timer", "throws in a timer", 200],
  ["/complete", "throws in onComplete", 200],
];

describe("user code that fails (PUB-45)", () => {
  it.each(FAILING)(
    "%s: a hook that %s fails at most its own request, and is logged",
    async (target, _what, status) => {
      const proxy = await start();
      await besideTraffic(proxy, async () => {
        for (let i = 0; i < 5; i++) {
          const response = await askRaw(proxy.port, getRequest(target));
          expect(response.status).toBe(status);
          // Nothing of the failure reaches the client.
          expect(response.content.toString()).not.toMatch(/secret|proxy\.config|node_modules|at /);
        }
        await proxy.log.line(({ level }) => level === "error");
      });
      const errors = proxy.takeErrors();
      expect(errors.length).toBeGreaterThanOrEqual(5);
      for (const error of errors) expect(JSON.stringify(error)).toMatch(/sync|config/);
    },
  );

  it("maps the place to the author's line", async () => {
    const proxy = await start();
    await askRaw(proxy.port, getRequest("/rejects"));
    expect(JSON.stringify(proxy.takeErrors())).toContain("proxy.config.ts:6");
  });

  it("cuts the response of an edit that throws after its head is out", async () => {
    const proxy = await start();
    await besideTraffic(proxy, async () => {
      const { bytes } = await exchangeRaw(proxy.port, getRequest("/late"));
      expect(bytes.toString("latin1")).toMatch(/^HTTP\/1\.1 200 /);
      expect(bytes.toString("latin1")).not.toContain("\r\n0\r\n");
    });
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_HOOK_FAILED" }]);
    const record = await proxy.accessed(({ path }) => path === "/late");
    expect(record.outcome).toBe("cut");
  });
});

/** A process of its own: what nobody catches is for the process to survive. */
const STRAY = `
  import { EventEmitter } from "node:events";
  const events = new EventEmitter();
  events.on("boom", async () => { throw new Error("in an async listener"); });
  export default {
    listen: { port: 0 },
    onRequest(request, ctx) {
      switch (request.path) {
        case "/floating": void Promise.reject(new Error("floating")); break;
        case "/listener": events.emit("boom"); break;
        case "/null": void Promise.reject(null); break;
        case "/timer": setTimeout(() => { throw new Error("in a timer"); }); break;
        case "/tick": queueMicrotask(() => { throw new Error("in a microtask"); }); break;
      }
      return ctx.respond(200, "ok");
    },
  };
`;

describe("errors of user code that nobody catches (PUB-45)", () => {
  it("are logged with their origin and end nothing", async () => {
    await using project = await createConfigProject({ "proxy.config.ts": STRAY });
    await using proxy = await startCommand(["start"], { dir: project.dir });
    await besideTraffic(proxy, async () => {
      for (const [target, message] of [
        ["/floating", "floating"],
        ["/listener", "in an async listener"],
        ["/timer", "in a timer"],
        ["/tick", "in a microtask"],
      ] as const) {
        expect((await askRaw(proxy.port, getRequest(target))).status).toBe(200);
        const line = await proxy.command.line(
          (one) => one["level"] === "error" && JSON.stringify(one).includes(message),
        );
        expect(JSON.stringify(line)).toMatch(/proxy\.config\.ts:\d+/);
        expect([target, line]).toMatchObject([target, { origin: "config" }]);
      }
      expect((await askRaw(proxy.port, getRequest("/null"))).status).toBe(200);
      await proxy.command.line((one) => one["level"] === "error" && one["origin"] === "package");
    });
    expect(proxy.command.child.exitCode).toBeNull();
    const { code } = await proxy.stop();
    expect(code).toBe(0);
  });
});

describe("bytes that are no request (PUB-45)", () => {
  it.each([
    ["CONNECT with a byte more", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nX", 405],
    ["GET *", "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["noise", "\x00\x01\x02\xff\xfe\xfd\r\n\r\n\x80", 400],
    ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  ])("%s is answered, and others are served", async (_name, bytes, status) => {
    const proxy = await start();
    await besideTraffic(proxy, async () => {
      for (let i = 0; i < 5; i++) {
        const client = await connectRaw(proxy.port);
        await client.send(bytes);
        expect((await client.response()).status).toBe(status);
        expect(await client.closes()).toBe(true);
        client.destroy();
      }
    });
  });
});
