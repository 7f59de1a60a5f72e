import { createServer } from "node:net";
import { once } from "node:events";

import { describe, expect, it, onTestFinished, vi } from "vitest";

import {
  startAdmin,
  type Admin,
  type AdminOptions,
  type PurgeOutcome,
} from "../../runtime/inspect/admin.ts";
import type { ListAnswer } from "../../runtime/generation/list-requests.ts";
import type { ListOutcome } from "../../runtime/inspect/list-endpoints.ts";
import type { ProxyStatus, ReloadStatus } from "../../runtime/inspect/status.ts";
import { collectLog } from "../helpers/log-lines.ts";
import { connectRaw, fieldOf, type RawResponse } from "../helpers/raw-client.ts";

const RELOADED: ReloadStatus = { at: "now", outcome: "live", durationMs: 1, problem: undefined };

const STATUS: ProxyStatus = {
  version: "1.2.3",
  mode: "start",
  state: "live",
  startedAt: "then",
  uptimeMs: 1,
  configFile: "/etc/proxy.config.ts",
  generation: { number: 7, digest: "abc", since: "then" },
  lastReload: RELOADED,
  restartToPickUp: ["left-pad"],
  listeners: [],
  upstreams: [],
  retiring: [],
  traffic: { leases: 0, background: 0, requests: 0, streams: 0, tunnels: 0 },
};

async function start(options: Partial<AdminOptions> = {}) {
  const { log, errors } = collectLog();
  const source = {
    isReady: vi.fn(() => true),
    status: vi.fn(async () => STATUS),
    metrics: vi.fn(async () => ({ type: "text/plain", text: "up 1\n" })),
    reload: vi.fn(async () => RELOADED),
    purge: vi.fn(async (): Promise<PurgeOutcome> => ({ kind: "purged", count: 3 })),
    lists: vi.fn(async (): Promise<ListAnswer> => ({ kind: "lists", lists: [] })),
    list: vi.fn(async (): Promise<ListAnswer> => ({ kind: "unknown", names: ["bad"] })),
    changeList: vi.fn(async (): Promise<ListOutcome> => ({ kind: "unknown", names: ["bad"] })),
  };
  const admin = await startAdmin({
    host: "127.0.0.1",
    port: 0,
    anyPort: false,
    token: undefined,
    hosts: [],
    source,
    log,
    ...options,
  });
  onTestFinished(() => admin.close());
  return { admin, source, errors };
}

async function ask(admin: Admin, request: string, ...lines: string[]): Promise<RawResponse> {
  const client = await connectRaw(admin.port);
  const hasHost = lines.some((line) => /^host:/i.test(line));
  const all = hasHost ? lines : [`Host: 127.0.0.1:${admin.port}`, ...lines];
  await client.send(`${request} HTTP/1.1\r\n${all.map((line) => `${line}\r\n`).join("")}\r\n`);
  const response = await client.finalResponse({ head: request.startsWith("HEAD") });
  client.destroy();
  return response;
}

async function post(
  admin: Admin,
  path: string,
  content: string,
  ...lines: string[]
): Promise<RawResponse> {
  const client = await connectRaw(admin.port);
  const host = lines.some((line) => line.startsWith("Host:"))
    ? []
    : [`Host: 127.0.0.1:${admin.port}`];
  const all = [...host, ...lines, `Content-Length: ${content.length}`];
  await client.send(`POST ${path} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n${content}`);
  const response = await client.finalResponse();
  client.destroy();
  return response;
}

describe("the admin listener", () => {
  it("says that the process lives, ready or not", async () => {
    const { admin, source } = await start();
    source.isReady.mockReturnValue(false);
    expect((await ask(admin, "GET /healthz")).status).toBe(200);
  });

  it("is ready only while a generation takes traffic", async () => {
    const { admin, source } = await start();
    expect((await ask(admin, "GET /readyz")).status).toBe(200);
    source.isReady.mockReturnValue(false);
    expect((await ask(admin, "GET /readyz")).status).toBe(503);
  });

  it("answers the status as JSON and as a page that loads and runs nothing", async () => {
    const { admin } = await start();
    const json = await ask(admin, "GET /api/status");
    expect(JSON.parse(json.content.toString())).toMatchObject({ generation: { number: 7 } });
    expect(fieldOf(json, "cache-control")).toBe("no-store");
    const page = await ask(admin, "GET /");
    expect(page.content.toString()).toContain("Restart to pick up left-pad.");
    expect(fieldOf(page, "content-security-policy")).toContain("default-src 'none'");
    expect(fieldOf(page, "content-type")).toBe("text/html; charset=utf-8");
    expect((await ask(admin, "HEAD /")).status).toBe(200);
  });

  it("reloads on POST only", async () => {
    const { admin, source } = await start();
    const refused = await ask(admin, "GET /api/reload");
    expect(refused.status).toBe(405);
    expect(fieldOf(refused, "allow")).toBe("POST");
    expect(source.reload).not.toHaveBeenCalled();
    const done = await ask(admin, "POST /api/reload", "Content-Length: 0");
    expect(done.status).toBe(200);
    expect(JSON.parse(done.content.toString())).toMatchObject({ outcome: "live" });
    source.reload.mockResolvedValue({ ...RELOADED, outcome: "failed" });
    expect((await ask(admin, "POST /api/reload", "Content-Length: 0")).status).toBe(422);
  });

  it("hands purges on as they are sent, and says what came of them", async () => {
    const { admin, source } = await start();
    const purge = (content: string, ...lines: string[]): Promise<RawResponse> =>
      post(admin, "/api/cache/purge", content, ...lines);
    const done = await purge('{"tag":["a","b"],"soft":true}');
    expect([done.status, JSON.parse(done.content.toString())]).toEqual([200, { purged: 3 }]);
    expect(source.purge).toHaveBeenLastCalledWith({ tag: ["a", "b"], soft: true });
    source.purge.mockResolvedValue({ kind: "refused", problem: "nothing is named" });
    const refused = await purge("{");
    expect(source.purge).toHaveBeenLastCalledWith(undefined);
    expect([refused.status, JSON.parse(refused.content.toString())]).toEqual([
      400,
      { status: 400, detail: "nothing is named." },
    ]);
    source.purge.mockResolvedValue({ kind: "off" });
    expect((await purge('{"all":true}')).status).toBe(409);
    source.purge.mockClear();
    expect((await purge("{}", "Origin: http://evil.test")).status).toBe(403);
    expect((await purge("{}", "Host: evil.test")).status).toBe(403);
    expect((await ask(admin, "GET /api/cache/purge")).status).toBe(405);
    const big = await ask(admin, "POST /api/cache/purge", "Content-Length: 200000");
    expect(big.status).toBe(413);
    expect(source.purge).not.toHaveBeenCalled();
  });

  it("refuses rebound names and other origins on every path, reading ones too", async () => {
    const { admin, source } = await start();
    const own = `Host: 127.0.0.1:${admin.port}`;
    for (const path of ["/", "/healthz", "/api/status", "/nothing"]) {
      expect((await ask(admin, `GET ${path}`, "Host: evil.test")).status).toBe(403);
      expect((await ask(admin, `GET ${path}`, own, "Origin: http://evil.test")).status).toBe(403);
    }
    const post = await ask(admin, "POST /api/reload", own, "Origin: http://evil.test");
    expect(post.status).toBe(403);
    expect(source.reload).not.toHaveBeenCalled();
    expect((await ask(admin, "GET /", own, own)).status).toBe(400);
  });

  it("answers 404, 405 and 413 with their fields", async () => {
    const { admin } = await start();
    expect((await ask(admin, "GET /nothing")).status).toBe(404);
    expect((await ask(admin, "GET /constructor")).status).toBe(404);
    const put = await ask(admin, "PUT /api/status", "Content-Length: 0");
    expect(put.status).toBe(405);
    expect(fieldOf(put, "allow")).toBe("GET, HEAD");
    const big = await ask(admin, "POST /api/reload", "Content-Length: 100000");
    expect(big.status).toBe(413);
    expect((await ask(admin, "POST /api/reload", "Transfer-Encoding: chunked")).status).toBe(413);
  });

  it("takes a new token and new names without closing", async () => {
    const { admin } = await start();
    expect((await ask(admin, "GET /healthz", "Host: admin.test")).status).toBe(403);
    admin.adjust({ token: undefined, hosts: ["admin.test"] });
    expect((await ask(admin, "GET /healthz", "Host: admin.test")).status).toBe(200);
  });

  it("finishes the answer under way when it is closed by what it does", async () => {
    const { admin, source } = await start();
    const closing = Promise.withResolvers<void>();
    source.reload.mockImplementation(async () => {
      void admin.close().then(closing.resolve);
      return RELOADED;
    });
    expect((await ask(admin, "POST /api/reload", "Content-Length: 0")).status).toBe(200);
    await closing.promise;
    await expect(connectRaw(admin.port)).rejects.toThrow();
  });

  it("takes the next free port only where it may", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as { port: number };
    await expect(start({ port })).rejects.toThrow(/EADDRINUSE/);
    const { admin } = await start({ port, anyPort: true });
    expect(admin.port).toBeGreaterThan(port);
  });

  it("answers 500 without details when the source fails, and logs why", async () => {
    const { admin, source, errors } = await start();
    source.status.mockRejectedValue(new Error("secret detail"));
    const response = await ask(admin, "GET /api/status");
    expect(response.status).toBe(500);
    expect(response.content.toString()).not.toContain("secret");
    expect(errors).toHaveLength(1);
  });
});
