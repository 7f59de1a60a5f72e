import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { TLSSocket } from "node:tls";

import { describe, expect, it, onTestFinished } from "vitest";

import { readProxyHeader, writeProxyHeader } from "../../runtime/http/proxy-protocol.ts";
import type { RequestClient } from "../../runtime/upstream/upstream.ts";
import { send } from "../helpers/recording-receiver.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { upstreamOver } from "../helpers/upstream-fixture.ts";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

interface Accepted {
  readonly socket: Socket;
  /** The header as it came. */
  header: string;
  /** Of each request. */
  readonly targets: string[];
  requests: number;
}

interface HeaderOrigin {
  readonly host: string;
  readonly port: number;
  readonly connections: Accepted[];
  /** Answers the oldest request that waits. Only with `hold`. */
  answer(): void;
  waiting(count: number): Promise<void>;
}

/** An origin that wants a PROXY header first, in plain text, then HTTP or TLS and HTTP. */
async function headerOrigin(
  options: { tls?: boolean; hold?: boolean; reply?: string; closeAfter?: number } = {},
): Promise<HeaderOrigin> {
  const connections: Accepted[] = [];
  const held: Socket[] = [];
  const wakes: (() => void)[] = [];
  const reply = options.reply ?? toyResponse(200, "ok");
  const serve = (stream: Socket, accepted: Accepted): void => {
    let received = "";
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      for (let end = received.indexOf("\r\n\r\n"); end !== -1; end = received.indexOf("\r\n\r\n")) {
        accepted.targets.push(received.split(" ", 2)[1] ?? "");
        received = received.slice(end + 4);
        accepted.requests += 1;
        if (options.hold === true) held.push(stream);
        else stream.write(reply);
        if (accepted.requests === options.closeAfter) stream.end();
        for (const wake of wakes.splice(0)) wake();
      }
    });
  };
  const server = createServer((socket) => {
    const accepted: Accepted = { socket, header: "", targets: [], requests: 0 };
    connections.push(accepted);
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {});
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const read = readProxyHeader(bytes);
      if (read.kind === "incomplete") return;
      if (read.kind === "invalid") throw new Error(read.message);
      socket.off("readable", onReadable);
      accepted.header = bytes.toString("latin1", 0, read.length);
      if (read.length < bytes.length) socket.unshift(bytes.subarray(read.length));
      if (options.tls !== true) {
        serve(socket, accepted);
        return;
      }
      const pair = { cert: fixture("localhost.pem"), key: fixture("localhost.key") };
      serve(new TLSSocket(socket, { isServer: true, ...pair }), accepted);
    };
    socket.on("readable", onReadable);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const { socket } of connections) socket.destroy();
    server.close();
  });
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    connections,
    answer: () => void held.shift()?.write(reply),
    async waiting(count) {
      while (held.length < count) await new Promise<void>((resolve) => wakes.push(resolve));
    },
  };
}

const clientAt = (peerPort: number, peerAddress = "192.0.2.7"): RequestClient => ({
  peerAddress,
  peerPort,
  localAddress: "198.51.100.1",
  localPort: 443,
});
const line = (peerPort: number): string => `PROXY TCP4 192.0.2.7 198.51.100.1 ${peerPort} 443\r\n`;

describe("an upstream with the PROXY protocol", () => {
  it.each(["v1", "v2"] as const)("begins each connection with the header (%s)", async (version) => {
    const origin = await headerOrigin();
    const upstream = upstreamOver([origin], { proxyProtocol: version });
    expect((await send(upstream, { client: clientAt(1) }).done()).text).toBe("ok");
    const expected = writeProxyHeader(version, clientAt(1)).toString("latin1");
    expect(origin.connections.map(({ header }) => header)).toEqual([expected]);
  });

  it.each(["v1", "v2"] as const)("sends it before TLS begins (%s)", async (version) => {
    const origin = await headerOrigin({ tls: true });
    const target = {
      scheme: "https" as const,
      hostname: "localhost",
      port: origin.port,
      authority: `localhost:${origin.port}`,
      weight: 1,
    };
    const upstream = upstreamOver([], {
      targets: [target],
      tls: { ca: fixture("localhost.pem") },
      proxyProtocol: version,
    });
    for (let i = 0; i < 3; i++) {
      const done = await send(upstream, { client: clientAt(1) }).done();
      expect([done.text, done.error]).toEqual(["ok", undefined]);
    }
    expect(origin.connections.map(({ requests }) => requests)).toEqual([3]);
    expect((await send(upstream, { client: clientAt(2) }).done()).text).toBe("ok");
    expect(origin.connections.map(({ header }) => header)).toEqual(
      [1, 2].map((port) => writeProxyHeader(version, clientAt(port)).toString("latin1")),
    );
  });

  it("still verifies the server's certificate", async () => {
    const origin = await headerOrigin({ tls: true });
    const target = {
      scheme: "https" as const,
      hostname: "localhost",
      port: origin.port,
      authority: "localhost",
      weight: 1,
    };
    const upstream = upstreamOver([], { targets: [target], proxyProtocol: "v1" });
    const done = await send(upstream, { client: clientAt(1) }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_CONNECT");
    await expect.poll(() => upstream.stats().open).toBe(0);
  });

  it("uses a connection again for the same client connection, and never for another", async () => {
    const origin = await headerOrigin();
    const upstream = upstreamOver([origin], { proxyProtocol: "v1" });
    for (const port of [1, 2, 1, 3, 2, 1]) {
      expect((await send(upstream, { client: clientAt(port) }).done()).text).toBe("ok");
    }
    expect(origin.connections.map(({ header, requests }) => [header, requests])).toEqual([
      [line(1), 3],
      [line(2), 2],
      [line(3), 1],
    ]);
    expect(upstream.stats()).toMatchObject({ open: 3, idle: 3 });
  });

  it("says of requests of our own that they are nobody's", async () => {
    const origin = await headerOrigin();
    const upstream = upstreamOver([origin], { proxyProtocol: "v1" });
    await send(upstream, { client: clientAt(1) }).done();
    await send(upstream).done();
    await send(upstream).done();
    expect(origin.connections.map(({ header, requests }) => [header, requests])).toEqual([
      [line(1), 1],
      ["PROXY UNKNOWN\r\n", 2],
    ]);
  });

  it("closes the connection idle longest for a new client at the cap", async () => {
    const origin = await headerOrigin();
    const upstream = upstreamOver([origin], { proxyProtocol: "v1", maxConnections: 2 });
    for (const port of [1, 2, 3, 2]) {
      expect((await send(upstream, { client: clientAt(port) }).done()).text).toBe("ok");
      expect(upstream.stats().open).toBeLessThanOrEqual(2);
    }
    expect(origin.connections.map(({ header, requests }) => [header, requests])).toEqual([
      [line(1), 1],
      [line(2), 2],
      [line(3), 1],
    ]);
  });

  it("gives a place that becomes free to the client that waits, on a connection of its own", async () => {
    const origin = await headerOrigin({ hold: true });
    const upstream = upstreamOver([origin], { proxyProtocol: "v1", maxConnections: 1 });
    const first = send(upstream, { client: clientAt(1) });
    const second = send(upstream, { client: clientAt(2) });
    const third = send(upstream, { client: clientAt(2) });
    await origin.waiting(1);
    expect(upstream.stats()).toMatchObject({ open: 1, queued: 2 });
    for (const receiver of [first, second, third]) {
      origin.answer();
      expect((await receiver.done()).text).toBe("ok");
      if (receiver !== third) await origin.waiting(1);
    }
    expect(origin.connections.map(({ header, requests }) => [header, requests])).toEqual([
      [line(1), 1],
      [line(2), 2],
    ]);
  });

  it("never mixes clients up under load", async () => {
    const origin = await headerOrigin();
    const upstream = upstreamOver([origin], {
      proxyProtocol: "v1",
      maxConnections: 5,
      maxQueue: 1000,
    });
    const receivers = Array.from({ length: 300 }, (_, i) =>
      send(upstream, { client: clientAt(i % 11), path: `/${i % 11}` }),
    );
    const done = await Promise.all(receivers.map((receiver) => receiver.done()));
    expect(done.every(({ text }) => text === "ok")).toBe(true);
    for (const { header, targets } of origin.connections) {
      for (const target of targets) expect(line(Number(target.slice(1)))).toBe(header);
    }
    expect(origin.connections.reduce((sum, { requests }) => sum + requests, 0)).toBe(300);
    expect(upstream.stats()).toMatchObject({ queued: 0, active: 0 });
    expect(upstream.stats().open).toBeLessThanOrEqual(5);
  });

  it("writes the header again on the connection that takes a dead one's place", async () => {
    const origin = await headerOrigin({ closeAfter: 1 });
    const upstream = upstreamOver([origin], { proxyProtocol: "v1" });
    for (let i = 0; i < 3; i++) {
      expect((await send(upstream, { client: clientAt(1) }).done()).text).toBe("ok");
    }
    expect(origin.connections.map(({ header }) => header)).toEqual([line(1), line(1), line(1)]);
  });

  it("closes with everything returned", async () => {
    const origin = await headerOrigin();
    const upstream = upstreamOver([origin], { proxyProtocol: "v2" });
    await Promise.all([1, 2, 3].map((port) => send(upstream, { client: clientAt(port) }).done()));
    await upstream.close();
    expect(upstream.stats()).toEqual({ open: 0, idle: 0, active: 0, queued: 0 });
  });

  it("keeps to the time limit for connections while TLS begins", async () => {
    const silent = createServer((socket) => void socket.on("error", () => {}));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const target = {
      scheme: "https" as const,
      hostname: "127.0.0.1",
      port,
      authority: "a",
      weight: 1,
    };
    const upstream = upstreamOver([], { targets: [target], proxyProtocol: "v1" });
    const done = await send(upstream, { client: clientAt(1), connectTimeoutMs: 100 }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_CONNECT_TIMEOUT");
    await expect.poll(() => upstream.stats().open).toBe(0);
  });
});

describe("an upstream without the PROXY protocol", () => {
  it("shares its connections among all clients", async () => {
    const seen: number[] = [];
    const server = createServer((socket) => {
      seen.push(0);
      socket.on("error", () => {});
      socket.on("data", () => socket.write(toyResponse(200, "ok")));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const upstream = upstreamOver([{ host: "127.0.0.1", port }]);
    for (const peerPort of [1, 2, 3]) await send(upstream, { client: clientAt(peerPort) }).done();
    expect(seen.length).toBe(1);
  });
});
