/**
 * A browser as the client of HTTP/2 over TLS: Chromium from the system, found at GATEWRIGHT_CHROMIUM or
 * /usr/bin/chromium. Without one the tests are skipped.
 */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";

import { certificateFor } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const usePage = readFileSync(new URL("use-http2.js", import.meta.url), "utf8");
const executablePath = process.env["GATEWRIGHT_CHROMIUM"] ?? "/usr/bin/chromium";
const hasChromium = existsSync(executablePath);

/** An HTTP/1.1 origin with a page, a path that never answers, one that tells a content's size, and WebSocket. */
async function startOrigin(): Promise<{ url: string; hanging: () => number }> {
  let hanging = 0;
  const server = createServer((request, response) => {
    if (request.url === "/hang") {
      hanging += 1;
      response.on("close", () => (hanging -= 1));
      return;
    }
    let size = 0;
    request.on("data", (chunk: Buffer) => (size += chunk.length));
    request.on("end", () => {
      response.setHeader("content-type", "text/html");
      response.end(request.method === "POST" ? String(size) : "<!doctype html><title>ok</title>");
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) =>
    socket.on("message", (data: Buffer) => socket.send(`echo ${data.toString()}`)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    sockets.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, hanging: () => hanging };
}

describe.runIf(hasChromium)("Chromium over HTTP/2 (skipped where there is none)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  }, 60_000);
  afterAll(() => browser.close());

  it("gets a page by h2, uploads, cancels by the hundreds, and has a WebSocket on the same connection", async () => {
    const certificate = await certificateFor(["localhost"]);
    const origin = await startOrigin();
    const proxy = await startProxy({
      config: {
        listen: { port: 0, tls: { certificates: [certificate] } },
        upstreams: { origin: { targets: [origin.url], maxConnections: 500 } },
      },
    });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`https://localhost:${proxy.port}/`);
    expect(await page.title()).toBe("ok");
    const seen = await page.evaluate(usePage);
    expect(seen).toEqual({
      protocol: "h2",
      uploaded: "300000",
      cancelled: 200,
      after: 200,
      echoed: "echo hello",
    });
    await context.close();
    const tunnel = await proxy.accessed((record) => record.path === "/socket");
    expect(tunnel.protocol).toBe("HTTP/2");
    expect(proxy.access.filter((record) => record.protocol !== "HTTP/2")).toEqual([]);
    // Of the requests that were given up, none is left there.
    await expect.poll(origin.hanging).toBe(0);
  }, 60_000);
});
