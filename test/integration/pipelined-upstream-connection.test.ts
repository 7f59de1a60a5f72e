import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

describe("requests that a client sends ahead", () => {
  it.each([
    ["with a length", toyResponse(200, "ok")],
    ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
  ])("share one connection to the upstream where answers come %s", async (_name, answer) => {
    const { connect, upstream } = await throughProxy({ onRequest: () => answer });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(8));
    for (let i = 0; i < 8; i++) {
      expect((await client.response()).content.toString()).toBe("ok");
    }
    expect(upstream.connections).toHaveLength(1);
    client.destroy();
  });
});
