import type { GatewrightConfig, Plugin } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { exchangeRaw } from "../helpers/raw-client.ts";
import { getRequest, throughProxy } from "../helpers/through-proxy.ts";

const LIMIT = 60;
const never = (): Promise<never> => new Promise(() => {});

function slow(hooks: Partial<Plugin>): GatewrightConfig<string> {
  return { timeouts: { hook: LIMIT }, plugins: [{ name: "slowpoke", api: 1, ...hooks }] };
}

describe("a hook over its time limit", () => {
  it.each<[name: string, hooks: Partial<Plugin>]>([
    ["onRequest", { onRequest: never }],
    ["onUpstreamResponse", { onUpstreamResponse: never }],
    ["onResponse", { onResponse: never }],
  ])("%s: 504, with the hook's name in the log only", async (_name, hooks) => {
    const { get, proxy, upstream } = await throughProxy({ config: slow(hooks) });
    const response = await get("/");
    expect(response.status).toBe(504);
    expect(response.content.toString()).not.toContain("slowpoke");
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_HOOK_TIMEOUT", hook: "slowpoke", msg: expect.stringContaining("slowpoke") },
    ]);
    const record = await proxy.accessed();
    expect(record).toMatchObject({ status: 504, outcome: "complete", error: "PROXY_HOOK_TIMEOUT" });
    // The time that the hook took is the hook's.
    expect(record.times.hooks).toBeGreaterThanOrEqual(LIMIT / 2);
    await upstream.openAtMost(1);
  });

  it("fires `signal`, of the context and of the request, and ends its subrequests", async () => {
    const reasons: unknown[] = [];
    const { get, proxy, upstream } = await throughProxy({
      onRequest: () => undefined,
      config: slow({
        onRequest(request, ctx) {
          for (const signal of [ctx.signal, request.signal]) {
            signal.addEventListener("abort", () =>
              reasons.push((signal.reason as { code: string }).code),
            );
          }
          void ctx
            .fetch("api", { path: "/sub" })
            .catch((error: { code: string }) => reasons.push(error.code));
          return never();
        },
      }),
    });
    expect((await get("/")).status).toBe(504);
    await upstream.openAtMost(0);
    expect(upstream.requests.map(({ target }) => target)).toEqual(["/sub"]);
    expect(reasons).toEqual(["PROXY_HOOK_TIMEOUT", "PROXY_HOOK_TIMEOUT", "PROXY_HOOK_TIMEOUT"]);
    proxy.takeErrors();
  });

  it("whose promise settles later changes nothing any more", async () => {
    const late = Promise.withResolvers<never>();
    const { get, proxy, upstream } = await throughProxy({
      config: slow({ onRequest: () => late.promise }),
    });
    expect((await get("/")).status).toBe(504);
    late.reject(new Error("too late"));
    expect((await get("/")).status).toBe(500);
    expect(upstream.requests).toHaveLength(0);
    expect(proxy.takeErrors()).toHaveLength(2);
  });

  it("counts each hook by itself, and not the time that the upstream takes", async () => {
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LIMIT * 0.6));
    const { get } = await throughProxy({
      onRequest: (_request, to) =>
        void setTimeout(() => to.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), LIMIT * 2),
      config: {
        timeouts: { hook: LIMIT },
        plugins: [
          { name: "one", api: 1, onRequest: pause, onResponse: pause },
          { name: "two", api: 1, onRequest: pause, onResponse: pause },
        ],
      },
    });
    expect((await get("/")).status).toBe(200);
  });

  it("may be a step of a transform: the message is cut", async () => {
    const { proxy } = await throughProxy({
      config: slow({
        onResponse: (response) =>
          response.transform(async function* (chunks) {
            yield* chunks;
            await never();
          }),
      }),
    });
    const { bytes } = await exchangeRaw(proxy.port, getRequest("/"));
    expect(bytes.toString("latin1")).not.toContain("\r\n0\r\n");
    expect(await proxy.accessed()).toMatchObject({ outcome: "cut", error: "PROXY_HOOK_TIMEOUT" });
    proxy.takeErrors();
  });

  it("onError over it leaves the answer as it was", async () => {
    const { get, proxy } = await throughProxy({
      config: {
        ...slow({ onError: never }),
        onRequest(): void {
          throw new Error("boom");
        },
      },
    });
    expect([500, 504]).toContain((await get("/")).status);
    proxy.takeErrors();
  });
});

describe("the client goes away", () => {
  it("while a hook waits: `signal` fires, and nothing is forwarded", async () => {
    const fired = Promise.withResolvers<string>();
    const { connect, upstream, proxy } = await throughProxy({
      config: {
        onRequest(_request, ctx) {
          ctx.signal.addEventListener("abort", () =>
            fired.resolve((ctx.signal.reason as { code: string }).code),
          );
          return fired.promise.then(() => undefined);
        },
      },
    });
    const client = await connect();
    await client.send(getRequest("/"));
    client.destroy();
    expect(await fired.promise).toBe("PROXY_CLIENT_ABORTED");
    expect((await proxy.accessed()).status).toBe(499);
    expect(upstream.connections).toHaveLength(0);
  });
});
