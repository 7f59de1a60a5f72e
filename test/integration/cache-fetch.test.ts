import { describe, expect, it } from "vitest";

import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { getRequest, throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const text = (response: RawResponse): string => response.content.toString();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const flowing = (status: { traffic: { streams: number } }): number => status.traffic.streams;
const route = { routes: [{ upstream: "api", cache: true }] };

describe("the fetch that several clients share", () => {
  it("is made by the next one when its client leaves before a head came", async () => {
    const { get, connect, upstream, proxy } = await throughProxy({
      onRequest: () => undefined,
      config: route,
    });
    const leaver = await connect();
    void leaver.send(getRequest("/a"));
    await upstream.request(1);
    const others = [get("/a"), get("/a")];
    while ((await proxy.running.status()).traffic.requests < 3) await turn();
    leaver.destroy();
    await upstream.request(2);
    const second = await upstream.connection(2);
    second.send(toyResponse(200, "x", "Cache-Control: max-age=60"));
    expect((await Promise.all(others)).map(text)).toEqual(["x", "x"]);
    expect(upstream.requests).toHaveLength(2);
  });

  it("goes on when its client leaves in the middle of the content, and serves those who read along", async () => {
    const { get, connect, upstream, proxy } = await throughProxy({
      onRequest: () => undefined,
      config: route,
    });
    const leaver = await connect();
    void leaver.send(getRequest("/a"));
    await upstream.request(1);
    const other = get("/a");
    while ((await proxy.running.status()).traffic.requests < 2) await turn();
    const connection = await upstream.connection(1);
    connection.send("HTTP/1.1 200 x\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\nabc");
    while (flowing(await proxy.running.status()) === 0) await turn();
    leaver.destroy();
    await proxy.accessed((record) => record.outcome === "aborted");
    connection.send("def");
    expect(text(await other)).toBe("abcdef");
    const hit = await get("/a");
    expect([text(hit), fieldOf(hit, "cache-status")?.startsWith("gatewright; hit")]).toEqual([
      "abcdef",
      true,
    ]);
    expect(upstream.requests).toHaveLength(1);
  });

  it("stores nothing of a content that breaks off", async () => {
    let count = 0;
    const { get, ask, upstream, proxy } = await throughProxy({
      onRequest: (_request, connection) => {
        count += 1;
        if (count > 1) return toyResponse(200, "whole", "Cache-Control: max-age=60");
        connection.finish(
          "HTTP/1.1 200 x\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\nabc",
        );
        return undefined;
      },
      config: route,
    });
    await expect(ask(getRequest("/a"))).rejects.toThrow();
    expect(proxy.takeErrors()).toHaveLength(1);
    expect(text(await get("/a"))).toBe("whole");
    expect(upstream.requests).toHaveLength(2);
  });
});

describe("a stale response", () => {
  it("is answered at once and fetched again in the background (RFC 5861 §3)", async () => {
    let count = 0;
    const { get, upstream } = await throughProxy({
      onRequest: () => {
        count += 1;
        return toyResponse(
          200,
          `n${count}`,
          `Cache-Control: max-age=${count === 1 ? 0 : 60}, stale-while-revalidate=60`,
        );
      },
      config: route,
    });
    expect(text(await get("/a"))).toBe("n1");
    expect(text(await get("/a"))).toBe("n1");
    await upstream.request(2);
    let last = await get("/a");
    while (text(last) === "n1") last = await get("/a");
    expect(text(last)).toBe("n2");
    expect(upstream.requests).toHaveLength(2);
  });

  it("PUB-22: is answered where the upstream fails, unless the response forbids it (RFC 5861 §4)", async () => {
    let fails = false;
    const { get } = await throughProxy({
      onRequest: (request) =>
        fails
          ? toyResponse(503, "down")
          : toyResponse(
              200,
              "up",
              `Cache-Control: max-age=0, stale-if-error=60${request.target === "/must" ? ", must-revalidate" : ""}`,
              'ETag: "1"',
            ),
      config: route,
    });
    for (const path of ["/may", "/must"]) await get(path);
    fails = true;
    const answers = [
      await get("/may"),
      await get("/must"),
      await get("/must", "Cache-Control: max-stale=600"),
    ];
    expect(answers.map((one) => [one.status, text(one)])).toEqual([
      [200, "up"],
      [503, "down"],
      [503, "down"],
    ]);
  });
});

describe("what has no end of its own", () => {
  it("is never stored: its connection's end may be a cut (RFC 9112 §8)", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: (_request, connection) => {
        connection.finish(
          "HTTP/1.1 200 x\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nx",
        );
        return undefined;
      },
      config: route,
    });
    expect([text(await get("/a")), text(await get("/a"))]).toEqual(["x", "x"]);
    expect(upstream.requests).toHaveLength(2);
  });
});
