/** Real clients of HTTP/2, over TLS by ALPN and with prior knowledge. Tools that this machine lacks are left out. */
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { promisify } from "node:util";

import { describe, expect, it, onTestFinished } from "vitest";

import { certificateFor } from "../helpers/certificates.ts";
import { responseOf } from "../helpers/h2-text.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

const run = promisify(execFile);
const has = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;
const FRONTS = ["h2c", "TLS"] as const;

async function front(kind: (typeof FRONTS)[number]): Promise<TestProxy> {
  const upstream = await toy({
    onRequest: ({ target, content }) =>
      target === "/big"
        ? toyResponse(200, "x".repeat(1_000_000))
        : toyResponse(200, `got ${content.length}`),
  });
  const certificate = await certificateFor(["localhost"]);
  return startProxy({
    config: {
      listen:
        kind === "TLS"
          ? { port: 0, tls: { certificates: [{ cert: certificate.cert, key: certificate.key }] } }
          : { port: 0, h2c: true },
      upstreams: { api: { targets: [upstream.url] } },
    },
  });
}

describe.each(FRONTS)("over %s", (kind) => {
  const prior = kind === "h2c" ? ["--http2-prior-knowledge"] : ["--http2", "--insecure"];
  const scheme = kind === "TLS" ? "https" : "http";

  it.skipIf(!has("curl"))("curl gets, uploads, asks for HEAD, and waits for 100", async () => {
    const { port } = await front(kind);
    const url = `${scheme}://localhost:${port}`;
    const curl = async (...args: string[]): Promise<string> =>
      (await run("curl", ["-sS", ...prior, "-w", " %{http_version} %{http_code}", ...args])).stdout;
    expect(await curl(`${url}/`)).toBe("got 0 2 200");
    expect(await curl("-o", "/dev/null", `${url}/big`)).toBe(" 2 200");
    const upload = "y".repeat(100_000);
    expect(await curl("--data", upload, "-H", "Expect: 100-continue", url)).toBe(
      "got 100000 2 200",
    );
    expect(await curl("-I", url)).toMatch(/HTTP\/2 200[^]* 2 200$/);
    expect(await curl("-H", "Host: a.test", url)).toBe("got 0 2 200");
  });

  it.skipIf(!has("curl"))("curl speaks HTTP/1.1 on the same port", async () => {
    const { port } = await front(kind);
    const { stdout } = await run("curl", [
      "-sSk",
      "--http1.1",
      "-w",
      " %{http_version}",
      `${scheme}://localhost:${port}/`,
    ]);
    expect(stdout).toBe("got 0 1.1");
  });

  it.skipIf(!has("nghttp"))("nghttp gets many at once", async () => {
    const { port } = await front(kind);
    const urls = Array.from({ length: 20 }, (_, at) => `${scheme}://localhost:${port}/${at}`);
    const { stdout } = await run("nghttp", ["-ns", "--no-verify-peer", ...urls]);
    expect(stdout.match(/ 200 /g)).toHaveLength(20);
  });

  it.skipIf(!has("h2load"))("h2load: every one of thousands succeeds", async () => {
    const { port, proxy } = await front(kind).then((proxy) => ({ proxy, port: proxy.port }));
    const { stdout } = await run("h2load", [
      "-n",
      "4000",
      "-c",
      "8",
      "-m",
      "32",
      `${scheme}://localhost:${port}/`,
    ]);
    expect(stdout).toContain("4000 succeeded, 0 failed, 0 errored");
    await expect.poll(() => proxy.access.length).toBe(4000);
  });

  it("node:http2 runs many streams with contents of their own", async () => {
    const proxy = await front(kind);
    const session = await open(proxy.url, kind === "TLS" ? { rejectUnauthorized: false } : {});
    const responses = await Promise.all(
      Array.from({ length: 100 }, (_, size) => {
        const stream = session.request({ ":path": "/", ":method": "POST" });
        stream.end("z".repeat(size * 100));
        return responseOf(stream);
      }),
    );
    expect(responses.map(({ content }) => content.toString())).toEqual(
      Array.from({ length: 100 }, (_, size) => `got ${size * 100}`),
    );
  });
});

async function open(url: string, options: object): Promise<ClientHttp2Session> {
  const session = connect(url.replace("127.0.0.1", "localhost"), options);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  return session;
}

describe("one connection for several hosts (RFC 9113 §9.1.1, PUB-30)", () => {
  it("serves those of its certificate, 421 for one with a certificate of its own, 404 for the unknown", async () => {
    const wildcard = await certificateFor(["a.test", "*.a.test"]);
    const own = await certificateFor(["own.test"]);
    const proxy = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: { certificates: [wildcard, own].map(({ cert, key }) => ({ cert, key })) },
        },
        routes: [
          { match: { host: ["a.test", "*.a.test"] }, respond: { status: 200, body: "a" } },
          { match: { host: "own.test" }, respond: { status: 200, body: "own" } },
        ],
      },
    });
    const session = await open(proxy.url, { rejectUnauthorized: false, servername: "a.test" });
    const ask = async (authority: string): Promise<number> =>
      (await responseOf(session.request({ ":path": "/", ":authority": authority }))).status;
    expect(await ask("a.test")).toBe(200);
    expect(await ask("b.a.test")).toBe(200);
    expect(await ask("own.test")).toBe(421);
    expect(await ask("nobody.test")).toBe(404);
    expect(await ask("a.test")).toBe(200);
  });
});
