import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";

import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import { writeProxyHeader } from "../../runtime/http/proxy-protocol.ts";
import { certificateFor } from "../helpers/certificates.ts";
import { connectRaw, RawClient } from "../helpers/raw-client.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, toyResponse, type ToyUpstream } from "../helpers/toy-upstream.ts";

const LINE = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
const ENDS = {
  peerAddress: "192.0.2.7",
  peerPort: 56_324,
  localAddress: "198.51.100.1",
  localPort: 443,
};
const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const fromHere = { from: ["127.0.0.1"] };

const whoami: GatewrightConfig = {
  onRequest: (_request, ctx) =>
    ctx.respond(200, `${ctx.client.address} ${ctx.client.port} ${ctx.client.protocol}`),
};

async function toy(reply = toyResponse(200, "ok")): Promise<ToyUpstream> {
  const origin = await startToyUpstream({ onRequest: () => reply });
  onTestFinished(() => origin.close());
  return origin;
}

async function ask(port: number, bytes: string): Promise<string> {
  const client = await connectRaw(port);
  await client.send(bytes);
  const response = await client.response();
  client.destroy();
  return response.content.toString();
}

async function refused(port: number, bytes: string): Promise<void> {
  const client = await connectRaw(port);
  void client.send(bytes);
  expect((await client.readUntilClose()).bytes.length).toBe(0);
}

/** Puts the header before the first bytes that are written, in the same segment. */
function withHeader(port: number, header: Buffer): Duplex {
  const socket = connectTcp(port, "127.0.0.1");
  let first = true;
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      socket.write(first ? Buffer.concat([header, chunk]) : chunk, done);
      first = false;
    },
    final: (done) => void socket.end(done),
  });
  socket.on("data", (chunk) => duplex.push(chunk));
  socket.on("end", () => duplex.push(null));
  socket.on("error", () => duplex.destroy());
  onTestFinished(() => void socket.destroy());
  return duplex;
}

async function afterHeader(port: number, header: Buffer): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  await once(socket, "connect");
  await new Promise((resolve) => socket.write(header, resolve));
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function secured(under: Duplex, protocol: string): Promise<TLSSocket> {
  const socket = connectTls({
    socket: under,
    servername: "a.test",
    rejectUnauthorized: false,
    ALPNProtocols: [protocol],
  });
  await once(socket, "secureConnect");
  return socket;
}

async function overHttp2(createConnection: () => Duplex, scheme: string): Promise<string> {
  const session: ClientHttp2Session = connectHttp2(`${scheme}://a.test`, { createConnection });
  const stream = session.request({ ":path": "/" });
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(stream, "end");
  session.destroy();
  return text;
}

describe("the PROXY protocol before TLS", () => {
  it.each([
    ["one policy", {}],
    ["a policy for each host", { hosts: { "b.test": { minVersion: "TLSv1.3" as const } } }],
  ])(
    "says who the client is, over HTTP/1.1 and HTTP/2, in one segment or more (%s)",
    async (_name, rules) => {
      const certificate = await certificateFor(["a.test", "b.test"]);
      const tls = { certificates: [certificate], ...rules };
      const { port } = await startProxy({
        config: { ...whoami, listen: { port: 0, tls, proxyProtocol: fromHere } },
      });
      for (const header of [Buffer.from(LINE), writeProxyHeader("v2", ENDS)]) {
        for (const begin of [withHeader, afterHeader]) {
          const client = new RawClient(await secured(await begin(port, header), "http/1.1"));
          await client.send(GET);
          expect((await client.response()).content.toString()).toBe("192.0.2.7 56324 HTTP/1.1");
          client.destroy();
          const socket = await secured(await begin(port, header), "h2");
          expect(await overHttp2(() => socket, "https")).toBe("192.0.2.7 56324 HTTP/2");
        }
      }
    },
  );

  it("closes TLS without a header", async () => {
    const certificate = await certificateFor(["a.test"]);
    const { port } = await startProxy({
      config: {
        ...whoami,
        listen: { port: 0, tls: { certificates: [certificate] }, proxyProtocol: fromHere },
      },
    });
    await expect(secured(connectTcp(port, "127.0.0.1"), "http/1.1")).rejects.toThrow();
  });
});

describe("the PROXY protocol before HTTP/2 with prior knowledge", () => {
  it("says who the client is", async () => {
    const { port } = await startProxy({
      config: { ...whoami, listen: { port: 0, h2c: true, proxyProtocol: fromHere } },
    });
    for (const header of [Buffer.from(LINE), writeProxyHeader("v2", ENDS)]) {
      for (const begin of [withHeader, afterHeader]) {
        const under = await begin(port, header);
        expect(await overHttp2(() => under, "http")).toBe("192.0.2.7 56324 HTTP/2");
      }
    }
    expect(await ask(port, LINE + GET)).toBe("192.0.2.7 56324 HTTP/1.1");
  });
});

describe("the header's addresses", () => {
  it("are those of the forwarded fields and of the access log", async () => {
    const origin = await toy();
    const { port, accessed } = await startProxy({
      config: {
        listen: { port: 0, proxyProtocol: fromHere },
        upstreams: { app: { targets: [origin.url] } },
      },
    });
    await ask(port, LINE + GET.replace("\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"));
    const request = await origin.request(1);
    // The client's own field is not believed: 192.0.2.7 is no trusted proxy.
    expect(request.field("x-forwarded-for")).toBe("192.0.2.7");
    expect(request.field("x-forwarded-port")).toBe("443");
    expect(request.field("forwarded")).toContain("for=192.0.2.7");
    expect((await accessed()).client).toBe("192.0.2.7");
  });

  it("decide on trusted proxies: the balancer that wrote the header is none", async () => {
    const { port } = await startProxy({
      config: {
        ...whoami,
        listen: { port: 0, proxyProtocol: fromHere },
        trustedProxies: ["127.0.0.1", "198.18.0.0/15"],
      },
    });
    const told = GET.replace("\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    expect(await ask(port, LINE + told)).toBe("192.0.2.7 56324 HTTP/1.1");
    const proxied = "PROXY TCP4 198.18.0.1 198.51.100.1 5 443\r\n";
    expect(await ask(port, proxied + told)).toBe("203.0.113.9 0 HTTP/1.1");
  });

  it("are IPv4 where IPv6 only wraps it", async () => {
    const { port } = await startProxy({
      config: { ...whoami, listen: { port: 0, proxyProtocol: fromHere } },
    });
    const wrapped = "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 5 443\r\n";
    expect(await ask(port, wrapped + GET)).toBe("192.0.2.7 5 HTTP/1.1");
  });
});

describe("listen.proxyProtocol", () => {
  it("closes peers that it does not name, and warns of it once", async () => {
    const { port, log } = await startProxy({
      config: { ...whoami, listen: { port: 0, proxyProtocol: { from: ["10.0.0.0/8"] } } },
    });
    for (let i = 0; i < 3; i++) await refused(port, LINE + GET);
    const said = log.lines.filter((line) => line["code"] === "PROXY_PROTOCOL_HEADER");
    expect(said.map(({ level, peer, reason }) => [level, peer, reason])).toEqual([
      ["warn", "127.0.0.1", "the peer is not named in proxyProtocol.from"],
    ]);
  });

  it("names IPv4 peers of a socket for both families by IPv4", async () => {
    const { port } = await startProxy({
      config: { ...whoami, listen: { port: 0, host: "::", proxyProtocol: fromHere } },
    });
    expect(await ask(port, LINE + GET)).toBe("192.0.2.7 56324 HTTP/1.1");
  });

  it("changes by a reload for new connections, on the same socket", async () => {
    const config = { ...whoami, upstreams: {} };
    const proxy = await startProxy({ config: { ...config, listen: { port: 0 } } });
    const { port } = proxy;
    const open = await connectRaw(port);
    await open.send(GET);
    expect((await open.response()).content.toString()).toMatch(/^127\.0\.0\.1 /);
    await proxy.update({ ...config, listen: { port: 0, proxyProtocol: fromHere } });
    expect(proxy.port).toBe(port);
    expect(await ask(port, LINE + GET)).toBe("192.0.2.7 56324 HTTP/1.1");
    await refused(port, GET);
    await proxy.update({ ...config, listen: { port: 0, proxyProtocol: { from: ["10.0.0.1"] } } });
    await refused(port, LINE + GET);
    await proxy.update({ ...config, listen: { port: 0 } });
    expect(await ask(port, GET)).toMatch(/^127\.0\.0\.1 /);
    await open.send(GET);
    expect((await open.response()).status).toBe(200);
    open.destroy();
  });
});

describe("upstreams.X.proxyProtocol", () => {
  const listen = { port: 0, proxyProtocol: fromHere };

  it("tells the next proxy who the client is and where it arrived", async () => {
    const inner = await startProxy({ config: { ...whoami, listen } });
    const outer = await startProxy({
      config: {
        listen,
        upstreams: { inner: { targets: [inner.url], proxyProtocol: "v2" } },
      },
    });
    for (const port of [1, 2, 1]) {
      const line = `PROXY TCP4 192.0.2.7 198.51.100.1 ${port} 443\r\n`;
      expect(await ask(outer.port, line + GET)).toBe(`192.0.2.7 ${port} HTTP/1.1`);
    }
  });

  it("tells of the client that trusted proxies name, and of nobody for requests of hooks", async () => {
    const inner = await startProxy({ config: { ...whoami, listen } });
    const outer = await startProxy({
      config: {
        listen: { port: 0 },
        trustedProxies: ["127.0.0.1"],
        upstreams: { inner: { targets: [inner.url], proxyProtocol: "v1" } },
        async onRequest(request, ctx) {
          if (request.path !== "/own") return;
          return ctx.respond(200, await (await ctx.fetch("inner")).text());
        },
      },
    });
    const told = GET.replace("\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    expect(await ask(outer.port, told)).toBe("203.0.113.9 0 HTTP/1.1");
    expect(await ask(outer.port, told.replace("/ ", "/own "))).toMatch(/^127\.0\.0\.1 [1-9]/);
  });

  it("gives the upstream new connections when a reload changes it", async () => {
    const inner = await startProxy({ config: { ...whoami, listen } });
    const targets = [inner.url];
    const told = {
      listen: { port: 0 },
      upstreams: { app: { targets, proxyProtocol: "v1" } },
    } as const;
    const outer = await startProxy({ config: told });
    const client = await connectRaw(outer.port);
    const asked = async (): Promise<number> => {
      await client.send(GET);
      return (await client.response()).status;
    };
    expect(await asked()).toBe(200);
    await outer.update({ ...told, upstreams: { app: { targets } } });
    // The inner one wants a header and closes.
    expect(await asked()).toBe(502);
    expect(outer.takeErrors().map(({ code }) => code)).toEqual(["PROXY_UPSTREAM_RESET"]);
    await outer.update(told);
    expect(await asked()).toBe(200);
    client.destroy();
  });
});
