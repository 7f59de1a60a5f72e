import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

import { describe, expect, it, onTestFinished } from "vitest";

import { createTransport } from "../../runtime/primitives/tls/acme/transport.ts";
import { authority, certificateFor } from "../helpers/certificates.ts";

const never = new AbortController().signal;

async function startCa(listener: RequestListener): Promise<{ url: string; ca: string }> {
  const ca = await authority();
  const leaf = await certificateFor(["ca.test"], { authority: ca, addresses: ["127.0.0.1"] });
  const server = createServer(leaf, listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: ca.cert };
}

describe("the way to the CA", () => {
  it("is https with a certificate that is checked (RFC 8555 §6.1)", async () => {
    const { url, ca } = await startCa((request, response) => {
      response.end(`${request.headers["user-agent"]}`);
    });
    const trusting = createTransport({ ca, userAgent: "gatewright" });
    expect(await trusting("GET", url, undefined, never)).toMatchObject({
      status: 200,
      text: "gatewright",
    });
    const plain = createTransport({ ca: undefined, userAgent: "gatewright" });
    await expect(plain("GET", url, undefined, never)).rejects.toMatchObject({
      kind: "unreachable",
      message: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED/),
    });
    await expect(trusting("POST", url.replace("https", "http"), "{}", never)).rejects.toMatchObject(
      { kind: "unreachable" },
    );
  });

  it("follows no redirect", async () => {
    const { url, ca } = await startCa((_request, response) => {
      response.writeHead(302, { location: "https://elsewhere.test/" }).end();
    });
    const answer = await createTransport({ ca, userAgent: "x" })("POST", url, "{}", never);
    expect(answer.status).toBe(302);
  });

  it("gives up on an answer that is too long, too slow or cut", async () => {
    const { url, ca } = await startCa((request, response) => {
      if (request.url === "/long") {
        const more = (): void => {
          while (response.write("x".repeat(10_000)));
          response.once("drain", more);
        };
        more();
      } else if (request.url === "/cut") {
        response.write("half");
        response.socket?.end();
      } else response.write("half");
    });
    const transport = createTransport({ ca, userAgent: "x", timeoutMs: 300 });
    for (const [path, message] of [
      ["/long", /larger than 512 KB/],
      ["/slow", /did not answer within 0.3 s/],
      ["/cut", /ECONNRESET|aborted/],
    ] as const) {
      await expect(transport("GET", url + path, undefined, never)).rejects.toThrow(message);
    }
  });

  it("ends when it is told to", async () => {
    const { url, ca } = await startCa(() => {});
    const stop = new AbortController();
    const asking = createTransport({ ca, userAgent: "x" })("GET", url, undefined, stop.signal);
    setImmediate(() => stop.abort());
    await expect(asking).rejects.toThrow("given up");
  });
});
