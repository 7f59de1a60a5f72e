import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { describe, expect, it } from "vitest";

import type { ProxyStatus } from "../../runtime/inspect/status.ts";
import { certificateFor, handshake, sClient, visit } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = { demo: { fetch: () => new Response("hello") } };

async function startWith(hosts: readonly string[], tls = {}, more = {}) {
  const certificates = await Promise.all(hosts.map((host) => certificateFor([host])));
  const config = {
    listen: { port: 0, tls: { certificates, ...tls } },
    upstreams,
    log: { level: "debug" as const },
    ...more,
  };
  const proxy = await startProxy({ config });
  return { proxy, config, port: proxy.port };
}

/** Whatever ends it: `once` would reject with a reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

// With one certificate nothing depends on the ClientHello, and nobody reads it before TLS does.
describe.each([
  ["one certificate", ["a.test"]],
  ["certificates of two hosts", ["a.test", "b.test"]],
])("TLS listeners with %s", (_what, hosts) => {
  const start = (tls = {}, more = {}) => startWith(hosts, tls, more);

  it("speak TLS 1.2 and 1.3 and nothing older", async () => {
    const { port } = await start();
    expect((await sClient(port, ["-tls1_2", "-servername", "a.test"])).text).toMatch(
      /ECDHE-ECDSA-AES128-GCM-SHA256/,
    );
    expect((await sClient(port, ["-tls1_3", "-servername", "a.test"])).text).toMatch(
      /TLS_AES_128_GCM_SHA256/,
    );
    for (const old of ["-tls1", "-tls1_1"]) {
      const { text } = await sClient(port, [old, "-cipher", "ALL:@SECLEVEL=0"]);
      expect(text).toMatch(/alert protocol version|no protocols available|unsupported protocol/i);
    }
  });

  it("do not renegotiate", async () => {
    const { port } = await start();
    const socket = await handshake(port, { maxVersion: "TLSv1.2" });
    const error = await new Promise<Error | null>((resolve) => {
      socket.renegotiate({}, resolve);
      socket.once("error", resolve);
      socket.once("close", () => resolve(new Error("closed")));
    });
    expect(error).not.toBeNull();
  });

  it("agree on http/1.1, and refuse a client that offers nothing they speak (RFC 7301 §3.2)", async () => {
    const { port } = await start();
    const socket = await handshake(port, { ALPNProtocols: ["http/1.1"] });
    expect(socket.alpnProtocol).toBe("http/1.1");
    socket.destroy();
    await expect(handshake(port, { ALPNProtocols: ["imap"] })).rejects.toThrow(
      /no application protocol/,
    );
  });

  it("survive whatever is no handshake, and say in the debug log who sent it", async () => {
    const { proxy, port } = await start();
    const inputs = [
      "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
      "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
      "\x16\x03\x01\xff\xff" + "\x01\x00\xff\xff".padEnd(70_000, "x"),
      "\x16\x03\x01\x00\x00",
      "\x80\x2e\x01\x00\x02",
      "",
    ];
    for (const input of inputs) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.end(Buffer.from(input, "latin1"));
      await closed(socket);
    }
    // Reset in the middle of a handshake.
    for (let i = 0; i < 5; i++) {
      const socket = connect(port, "127.0.0.1");
      socket.write(Buffer.from("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "latin1"));
      await once(socket, "connect");
      socket.resetAndDestroy();
    }
    const line = await proxy.log.line((one) => one.msg === "a TLS handshake failed");
    expect(line).toMatchObject({ client: "127.0.0.1", reason: expect.any(String) as string });
    expect((await visit(port, { servername: "a.test" })).text).toContain("hello");
    const status = await proxy.running.status();
    await expect.poll(async () => (await proxy.running.status()).listeners[0]?.connections).toBe(0);
    expect(status.state).toBe("live");
  });

  it("give a handshake only so much time", async () => {
    const { proxy, port } = await start({ handshakeTimeout: "200ms" });
    for (const input of ["", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.write(Buffer.from(input, "latin1"));
      const begin = performance.now();
      await closed(socket);
      expect(performance.now() - begin).toBeLessThan(2000);
    }
    await proxy.log.line((one) => /too long/.test(String(one["reason"])));
  });

  it("read a ClientHello in pieces", async () => {
    const { port } = await start({ hosts: { "a.test": { minVersion: "TLSv1.3" } } });
    const pipe = connect(port, "127.0.0.1");
    await once(pipe, "connect");
    pipe.setNoDelay(true);
    const { connect: connectTls } = await import("node:tls");
    const { Duplex } = await import("node:stream");
    // Every byte of the first flight in a segment of its own, as far as the kernel lets it.
    let first = true;
    const slow = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        if (!first) {
          pipe.write(chunk, done);
          return;
        }
        first = false;
        void (async () => {
          for (let at = 0; at < chunk.length; at += 64) {
            pipe.write(chunk.subarray(at, at + 64));
            await new Promise((resolve) => setImmediate(resolve));
          }
          done();
        })();
      },
    });
    pipe.on("data", (chunk) => slow.push(chunk));
    pipe.on("close", () => slow.push(null));
    const socket = connectTls({ socket: slow, servername: "a.test", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    socket.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await expect.poll(() => text).toContain("hello");
    pipe.destroy();
  });

  it("drain: idle connections end with close_notify, running requests finish, handshakes are not waited for", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { proxy, port } = await start(
      {},
      {
        upstreams: {
          demo: {
            fetch: async () => {
              await gate;
              return new Response("late");
            },
          },
        },
      },
    );
    const stuck = connect(port, "127.0.0.1");
    stuck.on("error", () => {});
    await once(stuck, "connect");
    const busy = visit(port, { servername: "a.test" });
    await expect.poll(async () => (await proxy.running.status()).traffic.requests).toBe(1);
    const drained = proxy.running.drain(10_000);
    setTimeout(release, 50);
    expect((await busy).text).toContain("late");
    await drained;
    stuck.destroy();
  });

  it("go from plain text to TLS and back at a reload, on the same port", async () => {
    const { proxy, config, port } = await start();
    const plain = { ...config, listen: { port: 0 } };
    await proxy.update(plain);
    expect(proxy.url).toBe(`http://127.0.0.1:${port}`);
    expect(await (await fetch(proxy.url)).text()).toBe("hello");
    await proxy.update(config);
    expect(proxy.url).toBe(`https://127.0.0.1:${port}`);
    expect((await visit(port, { servername: "a.test" })).text).toContain("hello");
  });

  it("refuse a reload whose certificate cannot be used, and go on with the one before", async () => {
    const { proxy, config, port } = await start();
    const broken = {
      ...config,
      listen: { port: 0, tls: { certificates: [{ cert: "gone.pem", key: "gone.key" }] } },
    };
    await expect(proxy.update(broken)).rejects.toThrow(/gone\.pem cannot be read/);
    expect(proxy.takeReports()).toHaveLength(1);
    expect((await visit(port, { servername: "a.test" })).text).toContain("hello");
  });

  it("keep Strict-Transport-Security, which plain-text listeners drop (RFC 6797 §7.2)", async () => {
    const certificate = await certificateFor(["a.test"]);
    const proxy = await startProxy({
      config: {
        listen: [{ port: 0, tls: { certificates: [certificate] } }, { port: 0 }],
        upstreams,
        headers: { response: { set: { "strict-transport-security": "max-age=31536000" } } },
      },
    });
    const { text } = await visit(proxy.port, { servername: "a.test" });
    expect(text.toLowerCase()).toContain("strict-transport-security: max-age=31536000");
    const response = await fetch(proxy.urls[1] ?? "");
    expect(response.headers.has("strict-transport-security")).toBe(false);
  });

  it("tell in the status when their certificates end", async () => {
    const { proxy } = await start({}, { admin: { port: 0 } });
    const answer = await fetch(`${proxy.adminUrl}/api/status`);
    const { listeners } = (await answer.json()) as ProxyStatus;
    expect(listeners[0]?.certificateCount).toBe(hosts.length);
    expect(listeners[0]?.certificates.map(({ names }) => names)).toEqual(
      hosts.map((host) => [host]),
    );
    const first = listeners[0]?.certificates[0];
    expect(first?.secondsLeft).toBeGreaterThan(89 * 86_400);
    expect(first?.secondsLeft).toBeLessThanOrEqual(90 * 86_400);
    expect(Date.parse(first?.expires ?? "")).toBeGreaterThan(Date.now());
    expect(await (await fetch(`${proxy.adminUrl}/`)).text()).toContain("a.test");
  });
});
