import { describe, expect, it } from "vitest";

import type { Exchange } from "../../runtime/downstream/exchange.ts";
import { connectRaw } from "../helpers/raw-client.ts";
import { answer, echo, listen } from "../helpers/listening.ts";

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

describe("requests of one connection", () => {
  it("run one after the other, in order (RFC 9112 §9.3.2)", async () => {
    let running = 0;
    let most = 0;
    const { port } = await listen((exchange) => {
      running += 1;
      most = Math.max(most, running);
      setImmediate(() => {
        running -= 1;
        answer(exchange, exchange.target);
      });
    });
    const client = await connectRaw(port);
    client.send(Array.from({ length: 17 }, (_, i) => get(`/${i}`)).join(""));
    for (let i = 0; i < 17; i++) {
      expect((await client.response()).content.toString()).toBe(`/${i}`);
    }
    expect(most).toBe(1);
    client.destroy();
  });

  it("close the connection when more than the limit wait", async () => {
    const { port, exchanges } = await listen(() => undefined, { limits: { pipelined: 2 } });
    const client = await connectRaw(port);
    client.send(get("/0") + get("/1") + get("/2"));
    await expect.poll(() => exchanges.length).toBe(1);
    expect(client.ended).toBe(false);
    client.send(get("/3"));
    expect(await client.closes()).toBe(true);
    expect(exchanges).toHaveLength(1);
  });

  it("pass content on to the request that it belongs to", async () => {
    const { port } = await listen(echo);
    const client = await connectRaw(port);
    const post = (content: string) =>
      `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${content.length}\r\n\r\n${content}`;
    const chunked =
      "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    client.send(post("one") + chunked + get("/") + post("x".repeat(200_000)) + post("end"));
    expect((await client.response()).content.toString()).toBe("one");
    expect((await client.response()).content.toString()).toBe("abc");
    expect((await client.response()).content.toString()).toBe("");
    expect((await client.response()).content).toHaveLength(200_000);
    expect((await client.response()).content.toString()).toBe("end");
    client.destroy();
  });

  it("do not go on after one that says close", async () => {
    const { port, exchanges } = await listen((exchange) => answer(exchange));
    const client = await connectRaw(port);
    client.send(`GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n${get("/after")}`);
    await client.response();
    expect((await client.readUntilClose()).bytes).toHaveLength(0);
    expect(exchanges).toHaveLength(1);
  });

  it("never become a flood: of 20,000 in one write at most 17 are taken", async () => {
    const open: Exchange[] = [];
    const { port } = await listen((exchange) => void open.push(exchange));
    const client = await connectRaw(port);
    client.send(get("/").repeat(20_000));
    expect(await client.closes()).toBe(true);
    expect(open).toHaveLength(1);
  });
});
