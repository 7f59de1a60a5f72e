import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const request = (line: string, ...lines: string[]): string =>
  `${[`${line} HTTP/1.1`, "Host: a.test", ...lines].join("\r\n")}\r\n\r\n`;

describe("OPTIONS * (RFC 9110 §9.3.7)", () => {
  it.each(["OPTIONS *", "OPTIONS http://a.test"])("%s is answered by us", async (line) => {
    const { ask, upstream } = await throughProxy();
    const response = await ask(request(line));
    expect(response.status).toBe(204);
    expect(fieldOf(response, "Allow")).toContain("GET");
    expect(upstream.connections).toHaveLength(0);
  });

  it("OPTIONS of a path goes to the upstream", async () => {
    const { ask, upstream } = await throughProxy();
    expect((await ask(request("OPTIONS /a"))).status).toBe(200);
    expect((await upstream.request(1)).method).toBe("OPTIONS");
  });
});

describe("Max-Forwards (RFC 9110 §7.6.2)", () => {
  it("0 with OPTIONS is answered by us", async () => {
    const { ask, upstream } = await throughProxy();
    const response = await ask(request("OPTIONS /a", "Max-Forwards: 0"));
    expect(response.status).toBe(204);
    expect(upstream.connections).toHaveLength(0);
  });

  it("is counted down with OPTIONS", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(request("OPTIONS /a", "Max-Forwards: 10"));
    expect((await upstream.request(1)).field("Max-Forwards")).toBe("9");
  });

  it("is no concern of other methods", async () => {
    const { ask, upstream } = await throughProxy();
    await ask(request("GET /a", "Max-Forwards: 0"));
    expect((await upstream.request(1)).field("Max-Forwards")).toBe("0");
  });
});

describe("TRACE (RFC 9110 §9.3.8)", () => {
  it("is refused with 405 and Allow, because it can show fields that we added", async () => {
    const { ask, upstream } = await throughProxy();
    const response = await ask(request("TRACE /a"));
    expect(response.status).toBe(405);
    expect(fieldOf(response, "Allow")).not.toContain("TRACE");
    expect(upstream.connections).toHaveLength(0);
  });

  it("is forwarded where the config says so, and ends here at Max-Forwards 0", async () => {
    const { ask, upstream } = await throughProxy({ config: { trace: true } });
    expect((await ask(request("TRACE /a", "Max-Forwards: 1"))).status).toBe(200);
    const { method, field } = await upstream.request(1);
    expect([method, field("Max-Forwards")]).toEqual(["TRACE", "0"]);
    await ask(request("TRACE /a", "Max-Forwards: 0"));
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("CONNECT (RFC 9110 §9.3.6)", () => {
  it("is refused with 405, Allow and a close: we are no open proxy", async () => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    await client.send("CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n");
    const response = await client.response();
    expect(response.status).toBe(405);
    expect(fieldOf(response, "Allow")).toContain("GET");
    expect(await client.closes()).toBe(true);
    expect(upstream.connections).toHaveLength(0);
  });
});
