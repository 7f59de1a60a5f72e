import { describe, expect, it } from "vitest";

import { certificateFor } from "../helpers/certificates.ts";
import { connectRaw, fieldOf } from "../helpers/raw-client.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = { demo: { fetch: () => new Response("hello") } };

async function start(redirectToHttps: boolean | number = true, more = {}) {
  const certificate = await certificateFor(["a.test"]);
  const proxy = await startProxy({
    config: {
      listen: [
        { port: 0, redirectToHttps },
        { port: 0, tls: { certificates: [certificate] } },
      ],
      upstreams,
      ...more,
    },
  });
  return { proxy, port: proxy.port, tlsPort: Number(new URL(proxy.urls[1] ?? "").port) };
}

async function locationOf(port: number, request: string): Promise<string | undefined> {
  const client = await connectRaw(port);
  await client.send(request);
  const response = await client.response();
  expect(response.status).toBe(308);
  client.socket.destroy();
  return fieldOf(response, "location");
}

describe("redirectToHttps", () => {
  it("sends everything to the port with TLS, method and query kept", async () => {
    const { port, tlsPort } = await start();
    const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a.test:80\r\n\r\n`;
    expect(await locationOf(port, get("/x/y?q=1&r=%20"))).toBe(
      `https://a.test:${tlsPort}/x/y?q=1&r=%20`,
    );
    expect(
      await locationOf(port, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi"),
    ).toBe(`https://a.test:${tlsPort}/`);
  });

  it("names the port that the outside sees, and none for 443", async () => {
    expect(
      await locationOf((await start(443)).port, "GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    ).toBe("https://[::1]/a");
    expect(
      await locationOf((await start(8443)).port, "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    ).toBe("https://a.test:8443/a");
  });

  it.each([
    "/old/%0d%0aSet-Cookie:%20x=1",
    "/a%0ab",
    "/%E5%98%8A%E5%98%8D",
    "//evil.test/%2e%2e",
    "/\\evil.test",
    "/@evil.test",
    "/?next=//evil.test",
  ])("stays on the host and makes no new field: %j (PUB-46)", async (target) => {
    const { port } = await start(443);
    const client = await connectRaw(port);
    await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const response = await client.response();
    expect(fieldOf(response, "set-cookie")).toBeUndefined();
    const location = fieldOf(response, "location");
    if (response.status === 400) expect(location).toBeUndefined();
    else expect(new URL(location ?? "").host).toBe("a.test");
    client.socket.destroy();
  });

  it("has nowhere to send a request without Host", async () => {
    const { port } = await start();
    const client = await connectRaw(port);
    await client.send("GET / HTTP/1.0\r\n\r\n");
    expect((await client.response()).status).toBe(400);
  });

  it("leaves alone what a trusted proxy has got by https", async () => {
    const { proxy } = await start(true, { trustedProxies: ["127.0.0.1"] });
    const response = await fetch(proxy.url, { headers: { "x-forwarded-proto": "https" } });
    expect(await response.text()).toBe("hello");
  });

  it("begins and ends with a reload", async () => {
    const { proxy, port, tlsPort } = await start(false);
    expect((await fetch(proxy.url, { redirect: "manual" })).status).toBe(200);
    const certificate = await certificateFor(["a.test"]);
    await proxy.update({
      listen: [
        { port: 0, redirectToHttps: true },
        { port: 0, tls: { certificates: [certificate] } },
      ],
      upstreams,
    });
    expect(proxy.port).toBe(port);
    expect(await locationOf(port, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")).toBe(
      `https://a.test:${tlsPort}/`,
    );
  });
});
