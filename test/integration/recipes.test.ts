/** Recipes that need a listener: the config of their page, over sockets. The others: test/unit/docs/recipes.test.ts. */
import { once } from "node:events";
import type { Server } from "node:http";
import { createServer as createHttps, request as httpsRequest } from "node:https";
import type { AddressInfo, Server as NetServer } from "node:net";
import type { TLSSocket } from "node:tls";

import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, type ClientOptions } from "ws";

import { createChatServer } from "../../examples/websocket/chat-server.ts";
import { authority, certificateFor } from "../helpers/certificates.ts";
import { getNote, grpcService, notesClient } from "../helpers/grpc-service.ts";
import { recipeBlock } from "../helpers/recipe-blocks.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

/** The first block of a page, with ports that are free: `replace` has what stands there and what is put there. */
async function startRecipe(
  name: string,
  replace: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Promise<TestProxy> {
  const text = recipeBlock(name, "ts", replace);
  return startProxy({ files: { "proxy.config.ts": text, ...files }, watch: false });
}

async function portOf(server: NetServer | Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("websocket", () => {
  async function start(): Promise<TestProxy> {
    const port = await portOf(createChatServer());
    return startRecipe("websocket", {
      "127.0.0.1:9000": `127.0.0.1:${port}`,
      "defineConfig({": "defineConfig({ listen: { port: 0 },",
    });
  }

  function connect(proxy: TestProxy, path: string, options: ClientOptions): WebSocket {
    return new WebSocket(proxy.url.replace("http", "ws") + path, options);
  }

  /** The status that a handshake was refused with. */
  async function refusal(socket: WebSocket): Promise<number | undefined> {
    const [, response] = (await once(socket, "unexpected-response")) as [
      unknown,
      { statusCode: number },
    ];
    socket.on("error", () => {});
    socket.terminate();
    return response.statusCode;
  }

  it("hands a socket over with the name of who it is", async () => {
    const proxy = await start();
    const socket = connect(proxy, "/chat", { headers: { cookie: "user=ada" }, origin: proxy.url });
    await once(socket, "open");
    socket.send("hello");
    const [message] = (await once(socket, "message")) as [Buffer];
    expect(String(message)).toBe("ada: hello");
    socket.close();
    await once(socket, "close");
  });

  it("refuses strangers and foreign pages", async () => {
    const proxy = await start();
    expect(await refusal(connect(proxy, "/chat", {}))).toBe(401);
    const foreign = { headers: { cookie: "user=ada" }, origin: "https://evil.example" };
    expect(await refusal(connect(proxy, "/chat", foreign))).toBe(403);
  });
});

describe("gRPC", () => {
  it("takes calls with a token, and tells the others by their own codes", async () => {
    const service = await grpcService();
    const certificate = await certificateFor(["localhost"]);
    const proxy = await startRecipe(
      "grpc",
      { "127.0.0.1:50051": `127.0.0.1:${service.port}`, "port: 8443": "port: 0" },
      { "certs/server.pem": certificate.cert, "certs/server.key": certificate.key },
    );
    const client = notesClient(`localhost:${proxy.port}`, Buffer.from(certificate.cert));
    const metadata = new Metadata();
    metadata.set("authorization", "Bearer let-me-in");
    const { error, value } = await getNote(client, "7", { metadata });
    expect([error, String(value?.content)]).toEqual([null, "note 7"]);
    expect((await getNote(client, "7")).error?.code).toBe(status.UNAUTHENTICATED);
    const other = await new Promise<{ code?: number } | null>((resolve) =>
      client.makeUnaryRequest(
        "/notes.v1.Notes/Delete",
        () => Buffer.alloc(0),
        () => null,
        {},
        metadata,
        (failure) => resolve(failure),
      ),
    );
    expect(other?.code).toBe(status.UNIMPLEMENTED);
  });
});

describe("mutual TLS", () => {
  it("knows partners by their certificate and shows its own to the service", async () => {
    const [partners, internal] = await Promise.all([authority("Partners"), authority("Internal")]);
    const [server, acme, stranger, billing, own] = await Promise.all([
      certificateFor(["localhost"]),
      certificateFor([], { commonName: "acme", authority: partners }),
      certificateFor([], { commonName: "acme" }),
      certificateFor(["billing.internal"], { authority: internal }),
      certificateFor([], { commonName: "proxy", authority: internal }),
    ]);
    const service = createHttps(
      { ...billing, ca: internal.cert, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const { subject } = (request.socket as TLSSocket).getPeerCertificate();
        response.end(`${String(request.headers["x-partner"])} by ${String(subject.CN)}`);
      },
    );
    const port = await portOf(service);
    const proxy = await startRecipe(
      "mutual-tls",
      { "port: 8443": "port: 0", "127.0.0.1:9443": `127.0.0.1:${port}` },
      {
        "certs/server.pem": server.cert,
        "certs/server.key": server.key,
        "certs/partners-ca.pem": partners.cert,
        "certs/internal-ca.pem": internal.cert,
        "certs/proxy.pem": own.cert,
        "certs/proxy.key": own.key,
      },
    );
    const ask = (path: string, certificate?: { cert: string; key: string }): Promise<string> =>
      new Promise((resolve, reject) => {
        const { cert, key } = certificate ?? {};
        const options = { ca: server.cert, cert, key, agent: false as const };
        httpsRequest(`https://localhost:${proxy.port}${path}`, options, (response) => {
          let text = `${response.statusCode} `;
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve(text));
        })
          .on("error", reject)
          .end();
      });
    expect(await ask("/invoices", acme)).toBe("200 acme by proxy");
    expect(await ask("/invoices")).toMatch(/^403 /);
    expect(await ask("/invoices", stranger)).toMatch(/^403 /);
    expect(await ask("/health")).toBe("200 undefined by proxy");
  });
});
