import { describe, expect, it } from "vitest";

import { closing } from "../helpers/protocol-matrix.ts";
import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const HEAD =
  "PUT /f HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n";

describe("Expect: 100-continue (PUB-05)", () => {
  it("is answered by us, and the upstream gets the content without the field (RFC 9110 §10.1.1)", async () => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    await client.send(HEAD);
    expect((await client.response({ timeoutMs: 2000 })).status).toBe(100);
    const content = Buffer.alloc(200_000, "abcdefghij");
    await client.send(content);
    expect((await client.response()).status).toBe(200);
    const request = await upstream.request(1);
    expect(request.content.equals(content)).toBe(true);
    expect(request.field("Expect")).toBeUndefined();
    expect(request.field("Content-Length")).toBe("200000");
    client.destroy();
  });

  it("works where the client does not wait", async () => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    void client.send(HEAD + "x".repeat(200_000));
    expect((await client.finalResponse()).status).toBe(200);
    expect((await upstream.request(1)).content.length).toBe(200_000);
    client.destroy();
  });

  it("gets no 100 where the request is refused", async () => {
    const { connect, upstream } = await throughProxy({
      config: { onRequest: (_request, ctx) => ctx.block("no uploads") },
    });
    const client = await connect();
    await client.send(HEAD);
    const response = await client.response({ timeoutMs: 2000 });
    expect(response.status).toBe(403);
    // The content may come or not: only a close is clear.
    expect(fieldOf(response, "Connection")).toBe(closing());
    expect(upstream.connections).toHaveLength(0);
    client.destroy();
  });

  it("gets 413 and no 100 where a hook reads more than it may and the length says so", async () => {
    const { connect, upstream } = await throughProxy({
      config: {
        requestContent: { memory: "100kb" },
        async onRequest(request) {
          await request.text();
        },
      },
    });
    const client = await connect();
    await client.send(HEAD);
    expect((await client.response({ timeoutMs: 2000 })).status).toBe(413);
    expect(upstream.connections).toHaveLength(0);
    client.destroy();
  });

  it("with another expectation is answered with 417", async () => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    await client.send(HEAD.replace("100-continue", "banana"));
    expect((await client.response()).status).toBe(417);
    expect(upstream.connections).toHaveLength(0);
    client.destroy();
  });
});
