import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";

import type { Context, GatewrightConfig, ProxyRequest } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { patternDigest, piece } from "../helpers/pattern-origin.ts";
import { scaled } from "../helpers/scale.ts";
import { startSocketOrigin, upgradeRequest } from "../helpers/socket-origin.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const MIB = 1024 * 1024;

describe("a WebSocket", () => {
  it("carries texts and large binary messages both ways, many at once", async () => {
    const origin = await startSocketOrigin();
    const proxy = await startProxy({ config: { upstreams: { ws: { targets: [origin.url] } } } });
    const large = randomBytes(16 * MIB);
    await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const socket = new WebSocket(`${proxy.url.replace("http", "ws")}/echo`);
        await once(socket, "open");
        for (const message of ["", "text", `of ${i}`, "ü".repeat(70_000)]) {
          const answer = once(socket, "message");
          socket.send(message);
          expect(String((await answer)[0])).toBe(message);
        }
        const answer = once(socket, "message");
        socket.send(large);
        expect(large.equals((await answer)[0] as Buffer)).toBe(true);
        socket.close(1000, "done");
        const [code, reason] = (await once(socket, "close")) as [number, Buffer];
        expect([code, String(reason)]).toEqual([1000, "done"]);
      }),
    );
    await expect.poll(() => origin.open.size).toBe(0);
    await expect.poll(() => proxy.access.length).toBe(4);
    for (const record of proxy.access) {
      expect(record).toMatchObject({ status: 101, outcome: "complete" });
      expect(record.requestBytes).toBeGreaterThan(large.length);
      expect(record.responseBytes).toBeGreaterThan(large.length);
    }
  });

  it("is held up by whichever side stops reading, and loses nothing", async () => {
    const total = scaled(32, 256) * MIB;
    const origin = await startSocketOrigin();
    await using proxy = await startMeasuredProxy({
      config: `export default { upstreams: { ws: { targets: ["${origin.url}"] } } };`,
    });
    const client = connect(proxy.port, "127.0.0.1").pause();
    const tunnel = origin.upgraded("/raw");
    client.write(upgradeRequest("/raw"));
    const upstream = await tunnel;
    await proxy.watchQueue();
    const before = await proxy.rssBytes();
    await proxy.resetPeak();
    const down = new Flood(upstream, total);
    const up = new Flood(client, total);
    let blocked = "";
    await expect
      .poll(
        () => {
          const previous = blocked;
          blocked = `${down.sentBytes} ${up.sentBytes}`;
          return down.sentBytes > 0 && up.sentBytes > 0 && blocked === previous;
        },
        { interval: 200, timeout: 10_000 },
      )
      .toBe(true);
    expect(down.sentBytes).toBeLessThan(total);
    expect(up.sentBytes).toBeLessThan(total);
    expect(await proxy.mostQueuedBytes()).toBeLessThan(MIB);
    expect((await proxy.peakBytes()) - before).toBeLessThan(16 * MIB);

    const digest = patternDigest(total);
    const received = [readDigest(client, total, true), readDigest(upstream, total, false)];
    expect(await Promise.all(received)).toEqual([digest, digest]);
    client.destroy();
    await expect.poll(() => origin.open.size).toBe(0);
    expect(proxy.errors).toEqual([]);
  });
});

describe("an upgrade", () => {
  it.each(["onRequest", "onUpgrade"] as const)(
    "that %s refuses never reaches the upstream",
    async (name) => {
      const origin = await startSocketOrigin();
      const proxy = await startProxy({
        config: {
          upstreams: { ws: { targets: [origin.url] } },
          [name]: (request: ProxyRequest, ctx: Context) =>
            request.headers.get("authorization") === "Bearer good"
              ? undefined
              : ctx.respond(401, "who are you?", { "www-authenticate": "Bearer" }),
        },
      });
      const url = `${proxy.url.replace("http", "ws")}/echo`;
      const refused = new WebSocket(url);
      refused.on("error", () => {});
      const [, response] = (await once(refused, "unexpected-response")) as [
        unknown,
        IncomingMessage,
      ];
      expect(response.statusCode).toBe(401);
      expect(response.headers["www-authenticate"]).toBe("Bearer");
      expect((await response.toArray()).join("")).toBe("who are you?");
      expect(origin.targets).toEqual([]);

      const accepted = new WebSocket(url, { headers: { authorization: "Bearer good" } });
      await once(accepted, "open");
      accepted.terminate();
      expect(origin.targets).toEqual(["/echo"]);
    },
  );

  it("asked for with another token is an ordinary request, with and without content (RFC 9110 §7.8)", async () => {
    const { ask, upstream } = await throughProxy({
      onRequest: (request) => toyResponse(200, `${request.method} ${request.content.toString()}`),
    });
    const h2c =
      "Host: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    const requests = [
      [`GET / HTTP/1.1\r\n${h2c}\r\n`, "GET "],
      [`POST / HTTP/1.1\r\n${h2c}Content-Length: 5\r\n\r\nhello`, "POST hello"],
      [
        `POST / HTTP/1.1\r\n${h2c}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
        "POST hello",
      ],
      [`GET / HTTP/1.1\r\n${h2c}Content-Length: 5\r\n\r\nhello`, "GET hello"],
      // A protocol that may be upgraded, but not from a request with content.
      [
        `GET / HTTP/1.1\r\n${h2c.replace("h2c", "websocket")}Content-Length: 5\r\n\r\nhello`,
        "GET hello",
      ],
      [`POST / HTTP/1.1\r\n${h2c.replace("h2c", "websocket")}\r\n`, "POST "],
    ] as const;
    for (const [request, expected] of requests) {
      const response = await ask(request);
      expect([response.status, response.content.toString()]).toEqual([200, expected]);
    }
    expect(upstream.violations).toEqual([]);
    expect(upstream.requests).toHaveLength(requests.length);
    for (const request of upstream.requests) {
      expect(request.field("upgrade")).toBeUndefined();
      expect(request.field("http2-settings")).toBeUndefined();
      expect(request.field("connection")?.toLowerCase() ?? "").not.toContain("upgrade");
    }
  });

  it("gives its generation back when the tunnel stands: it retires while the socket lives", async () => {
    const origin = await startSocketOrigin();
    const disposed: number[] = [];
    const config = (version: number): GatewrightConfig<string> => ({
      upstreams: { ws: { targets: [origin.url] } },
      retireAfter: "1h",
      plugins: [{ name: "counted", api: 1, setup: () => () => void disposed.push(version) }],
    });
    const proxy = await startProxy({ config: config(1) });
    const socket = new WebSocket(`${proxy.url.replace("http", "ws")}/echo`);
    await once(socket, "open");
    await proxy.update(config(2));
    await expect.poll(() => disposed).toEqual([1]);
    await expect.poll(async () => (await proxy.running.status()).retiring).toEqual([]);
    const answer = once(socket, "message");
    socket.send("still here");
    expect(String((await answer)[0])).toBe("still here");
    expect((await proxy.running.status()).traffic.tunnels).toBe(1);
    socket.terminate();
    await expect.poll(async () => (await proxy.running.status()).traffic.tunnels).toBe(0);
  });
});

/** Writes the pattern as fast as it is taken. */
class Flood {
  /** Bytes that the kernel has taken. */
  sentBytes = 0;

  constructor(socket: Socket, total: number) {
    let at = 0;
    const next = (): void => {
      if (at >= total) return;
      const chunk = piece(at, total);
      at += chunk.length;
      socket.write(chunk, (error) => {
        if (error) return;
        this.sentBytes += chunk.length;
        next();
      });
    };
    next();
  }
}

/** SHA-256 of the next so many bytes, after a head if there is one. */
function readDigest(socket: Socket, total: number, afterHead: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash("sha256");
    let head: Buffer | undefined = afterHead ? Buffer.alloc(0) : undefined;
    let left = total;
    socket.once("close", () => reject(new Error(`closed with ${left} bytes to come`)));
    socket.on("data", (chunk: Buffer) => {
      let bytes = chunk;
      if (head !== undefined) {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) return;
        bytes = head.subarray(end + 4);
        head = undefined;
      }
      hash.update(bytes);
      left -= bytes.length;
      if (left === 0) resolve(hash.digest("hex"));
    });
    socket.resume();
  });
}
