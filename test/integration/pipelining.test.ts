import { describe, expect, it } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { connectRaw } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { startToyUpstream, toyResponse } from "../helpers/toy-upstream.ts";

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

describe("pipelined requests", () => {
  it("run one after the other and are answered in order (RFC 9112 §9.3.2)", async () => {
    let running = 0;
    let most = 0;
    const { connect, upstream } = await throughProxy({
      onRequest: (request, connection) => {
        running += 1;
        most = Math.max(most, running);
        setImmediate(() => {
          running -= 1;
          connection.send(toyResponse(200, request.target + request.content.toString()));
        });
      },
      config: {
        async onRequest(request) {
          // The first takes longest: the others must not overtake it.
          if (request.path === "/0") await new Promise((resolve) => setTimeout(resolve, 50));
        },
      },
    });
    const client = await connect();
    const post = "POST /post HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";
    const targets = Array.from({ length: 16 }, (_, i) => `/${i}`);
    await client.send(targets.map(get).join("") + post);
    for (const target of targets) expect((await client.response()).content.toString()).toBe(target);
    expect((await client.response()).content.toString()).toBe("/postbody");
    expect(most).toBe(1);
    expect(upstream.requests).toHaveLength(17);
  });

  it("that wait beyond the limit close their connection; those of others go on", async () => {
    let release = (): void => {};
    const {
      connect,
      upstream,
      get: ask,
      proxy,
    } = await throughProxy({
      onRequest: (request, connection) => {
        if (request.target === "/other") return toyResponse(200, "ok");
        release = () => connection.send(toyResponse(200, "late"));
        return undefined;
      },
    });
    const client = await connect();
    await client.send(get("/first"));
    await upstream.request(1);
    await client.send(get("/more").repeat(16));
    expect((await ask("/other")).status).toBe(200);
    expect(client.ended).toBe(false);
    await client.send(get("/one-too-many"));
    expect(await client.closes()).toBe(true);
    release();
    expect((await ask("/other")).status).toBe(200);
    expect(upstream.requests.map((request) => request.target)).toEqual([
      "/first",
      "/other",
      "/other",
    ]);
    expect((await proxy.accessed((one) => one.path === "/first")).outcome).toBe("aborted");
  });

  it("20,000 in one write, ten times over, cost neither memory nor upstream requests", async () => {
    const upstream = await startToyUpstream({
      onRequest: (_request, connection) => {
        setTimeout(() => connection.send(toyResponse(200, "ok")), 5);
      },
    });
    await using proxy = await startMeasuredProxy({
      config: `export default { upstreams: { api: { targets: ["${upstream.url}"] } } };`,
    });
    const flood = Buffer.from(get("/").repeat(20_000));
    const round = async (): Promise<void> => {
      const client = await connectRaw(proxy.port);
      void client.send(flood);
      await client.readUntilClose();
    };
    const rounds = (): Promise<unknown> => Promise.all(Array.from({ length: 10 }, round));
    await rounds();
    await rounds();
    const before = await proxy.measure();
    const rssBefore = await proxy.rssBytes();
    await proxy.resetPeak();
    const requestsBefore = upstream.requests.length;
    await rounds();
    const after = await proxy.measure();
    expect((await proxy.peakBytes()) - rssBefore).toBeLessThan(64 * 1024 * 1024);
    expect(after.heapBytes).toBeLessThan(before.heapBytes * 1.1);
    expect(after.openFiles).toBeLessThanOrEqual(before.openFiles + 10);
    // At most those that were taken before the limit was seen: never thousands.
    expect(upstream.requests.length - requestsBefore).toBeLessThanOrEqual(10 * 17);
    expect((await (await fetch(proxy.url)).text()).length).toBe(2);
    await upstream.close();
  });
});
