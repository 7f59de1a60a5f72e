import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";

import { send } from "../helpers/recording-receiver.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { openCount, upstreamOver } from "../helpers/upstream-fixture.ts";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** A TLS origin with a certificate for `localhost` that no system trusts. */
async function tlsOrigin(
  reply: (socket: TLSSocket) => void = (socket) => socket.write(toyResponse(200, "ok")),
) {
  const sockets: TLSSocket[] = [];
  const options = { cert: fixture("localhost.pem"), key: fixture("localhost.key") };
  const server = createServer({ ...options, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", () => reply(socket));
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

function target(hostname: string, port: number) {
  return { scheme: "https" as const, hostname, port, authority: `${hostname}:${port}`, weight: 1 };
}

describe("an https target", () => {
  it("speaks HTTP/1.1, names the target to the server and is verified, whatever Host the request has", async () => {
    const { port, sockets } = await tlsOrigin();
    const upstream = upstreamOver([], {
      targets: [target("localhost", port)],
      tls: { ca: fixture("localhost.pem") },
    });
    for (const authority of ["a.test", "b.test", "a.test"]) {
      const done = await send(upstream, { authority }).done();
      expect([done.status, done.text, done.error]).toEqual([200, "ok", undefined]);
    }
    expect(sockets.length).toBe(1);
    expect([sockets[0]?.alpnProtocol, sockets[0]?.servername]).toEqual(["http/1.1", "localhost"]);
  });

  it("is refused if nobody trusted signed its certificate, or if it is for another name", async () => {
    const { port } = await tlsOrigin();
    const untrusted = upstreamOver([], { targets: [target("localhost", port)] });
    const misnamed = upstreamOver([], {
      targets: [target("127.0.0.1", port)],
      tls: { ca: fixture("localhost.pem") },
    });
    for (const upstream of [untrusted, misnamed]) {
      const done = await send(upstream).done();
      expect(done.error?.code).toBe("PROXY_UPSTREAM_CONNECT");
      expect(upstream.stats().open).toBe(0);
    }
  });

  it("PUB-12: that closed its idle connection is asked again on a new one", async () => {
    let answered = 0;
    const { port, sockets } = await tlsOrigin((socket) => {
      if (socket === sockets[0] && answered > 0) socket.destroy();
      else socket.write(toyResponse(200, "ok"));
      answered += 1;
    });
    const upstream = upstreamOver([], {
      targets: [target("localhost", port)],
      tls: { ca: fixture("localhost.pem") },
    });
    expect((await send(upstream).done()).text).toBe("ok");
    expect((await send(upstream).done()).text).toBe("ok");
    expect(sockets.length).toBe(2);
  });

  it("that speaks no TLS is a connect error, and so is one that hangs up in the handshake", async () => {
    const { createServer: plainServer } = await import("node:net");
    for (const rude of ["HTTP/1.1 400 Bad\r\n\r\n", ""]) {
      const server = plainServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => socket.end(rude));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const upstream = upstreamOver([], { targets: [target("localhost", port)] });
      expect((await send(upstream).done()).error?.code).toBe("PROXY_UPSTREAM_CONNECT");
      await openCount(upstream, 0);
    }
  });
});
