import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { connectRaw, fieldOf, type RawClient } from "../helpers/raw-client.ts";
import { startCommand, type StartedProxy } from "../helpers/run-command.ts";
import { startToyUpstream, toyResponse } from "../helpers/toy-upstream.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

async function start(config: string): Promise<StartedProxy & { file: string }> {
  const dir = await mkdtemp(join(tmpdir(), "gatewright-test-"));
  const file = join(dir, "proxy.config.ts");
  await writeFile(file, config);
  const proxy = await startCommand(["start", "--config", file], { dir });
  onTestFinished(async () => {
    proxy.command.kill();
    await rm(dir, { recursive: true, force: true });
  });
  return Object.assign(proxy, { file });
}

const config = (upstream: string, rest = ""): string =>
  `export default { listen: { port: 0 }, upstreams: { app: { targets: ["${upstream}"] } }, ${rest} };`;

async function idle(port: number): Promise<RawClient> {
  const client = await connectRaw(port);
  await client.send(GET);
  await client.finalResponse();
  client.socket.on("end", () => client.end());
  return client;
}

describe("PUB-49: SIGTERM", () => {
  it("ends at once, with 0, when all that is open is idle", async () => {
    const upstream = await startToyUpstream();
    onTestFinished(() => upstream.close());
    const proxy = await start(
      config(
        upstream.url,
        `plugins: [{ name: "p", api: 1, setup: () => () => console.log("disposed of") }]`,
      ),
    );
    const clients = await Promise.all(Array.from({ length: 50 }, () => idle(proxy.port)));
    const begin = performance.now();
    proxy.command.child.kill("SIGTERM");
    const { code } = await proxy.command.exit();
    expect(code).toBe(0);
    expect(performance.now() - begin).toBeLessThan(5_000);
    for (const client of clients) expect(await client.closes()).toBe(true);
    expect(proxy.command.output).toContain("disposed of");
  });

  it("finishes what is in flight with Connection: close, refuses new connections, cuts streams at the limit", async () => {
    const upstream = await startToyUpstream({
      onHead: (head, connection) => {
        if (head.target === "/events") {
          connection.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n",
          );
        }
      },
      onRequest: (got) => (got.target === "/" ? toyResponse(200, "ok") : ""),
    });
    const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(sockets, "listening");
    onTestFinished(() => {
      sockets.close();
      return upstream.close();
    });
    const { port: socketPort } = sockets.address() as { port: number };
    const proxy = await start(`export default {
      listen: { port: 0 },
      drainTimeout: "1s",
      upstreams: {
        app: { targets: ["${upstream.url}"] },
        sockets: { targets: ["http://127.0.0.1:${socketPort}"] },
      },
      routes: [{ match: { path: "/socket" }, upstream: "sockets" }, { upstream: "app" }],
    };`);

    const waiting = await idle(proxy.port);
    const slow = await connectRaw(proxy.port);
    await slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const slowRequest = await upstream.request(2);
    expect(slowRequest.target).toBe("/slow");
    const events = await connectRaw(proxy.port);
    await events.send("GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await events.readThrough("data: 1");
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/socket`);
    await once(socket, "open");
    const closed = once(socket, "close");

    const begin = performance.now();
    proxy.command.child.kill("SIGTERM");
    expect(await waiting.closes()).toBe(true);
    await expect(connectRaw(proxy.port)).rejects.toThrow(/ECONNREFUSED/);
    upstream.connections
      .find((connection) => connection.requests.includes(slowRequest))
      ?.send(toyResponse(200, "late"));
    const response = await slow.finalResponse();
    expect(response.content.toString()).toBe("late");
    expect(fieldOf(response, "connection")).toBe("close");
    slow.end();
    expect(events.ended).toBe(false);
    expect((await closed)[0]).toBe(1001);
    expect(await events.closes()).toBe(true);
    const { code } = await proxy.command.exit();
    expect(code).toBe(0);
    expect(performance.now() - begin).toBeGreaterThan(950);
  });

  it("gives work behind ctx.waitUntil the grace time", async () => {
    const proxy = await start(`export default {
      listen: { port: 0 },
      onRequest(request, ctx) {
        ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 400)).then(() => console.log("work done")));
        return ctx.respond(200, "ok");
      },
    };`);
    await (await fetch(proxy.url)).text();
    proxy.command.child.kill("SIGTERM");
    const { code } = await proxy.command.exit();
    expect(code).toBe(0);
    expect(proxy.command.output).toContain("work done");
  });

  it("ends with 1 at once on a second signal", async () => {
    const proxy = await start(`export default {
      listen: { port: 0 },
      onRequest: () => new Promise(() => {}),
    };`);
    const call = request(proxy.url);
    call.on("error", () => {});
    call.end();
    const client = await connectRaw(proxy.port);
    await client.send(GET);
    proxy.command.child.kill("SIGINT");
    await proxy.command.line((line) => String(line["msg"]).startsWith("shutting down"));
    proxy.command.child.kill("SIGINT");
    const { code } = await proxy.command.exit();
    expect(code).toBe(1);
    expect(await client.closes()).toBe(true);
  });
});

describe("SIGHUP", () => {
  it("reloads, also where nothing is watched", async () => {
    const text = (version: number): string =>
      `export default { listen: { port: 0 }, onRequest: (request, ctx) => ctx.respond(200, "${version}") };`;
    const dir = await mkdtemp(join(tmpdir(), "gatewright-test-"));
    const file = join(dir, "proxy.config.ts");
    await writeFile(file, text(1));
    const proxy = await startCommand(["start", "--no-watch", "--config", file], { dir });
    onTestFinished(async () => {
      await proxy.stop();
      await rm(dir, { recursive: true, force: true });
    });
    await writeFile(file, text(2));
    proxy.command.child.kill("SIGHUP");
    await proxy.command.line((line) => line["msg"] === "reloaded");
    expect(await (await fetch(proxy.url)).text()).toBe("2");
  });
});

describe("PUB-45: errors that nobody caught", () => {
  it("are logged with their place and end neither the process nor other requests", async () => {
    const proxy = await start(`export default {
      listen: { port: 0 },
      onRequest(request, ctx) {
        switch (request.path) {
          case "/throw": throw new Error("thrown");
          case "/text": throw "text";
          case "/null": throw null;
          case "/reject": return Promise.reject(new Error("rejected"));
          case "/float": void Promise.reject(new Error("floating")); break;
          case "/timer": setTimeout(() => { throw new Error("in a timer"); }, 1); break;
          case "/emit": process.nextTick(() => { throw new Error("in a tick"); }); break;
          case "/exit": process.exit(3);
        }
        return ctx.respond(200, "ok");
      },
    };`);
    const statuses: Record<string, number> = {};
    for (const path of ["throw", "text", "null", "reject", "exit", "float", "timer", "emit"]) {
      statuses[path] = (await fetch(`${proxy.url}/${path}`)).status;
    }
    expect(statuses).toEqual({
      throw: 500,
      text: 500,
      null: 500,
      reject: 500,
      exit: 500,
      float: 200,
      timer: 200,
      emit: 200,
    });
    for (const message of ["floating", "in a timer", "in a tick"]) {
      const line = await proxy.command.line((one) => String(one["error"]).includes(message));
      expect(line).toMatchObject({ level: "error" });
      expect(String(line["at"])).toMatch(/proxy\.config\.ts:\d+:\d+$/);
    }
    expect((await fetch(proxy.url)).status).toBe(200);
  });
});
