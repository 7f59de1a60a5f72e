import { describe, expect, it } from "vitest";

import { createListener } from "../../runtime/downstream/listener.ts";
import { connectRaw, fieldOf } from "../helpers/raw-client.ts";
import { answer, LIMITS, listen, ManualTime } from "../helpers/listening.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

describe("limits of a listener", () => {
  it("cut a slow head with 408 (PUB-48)", async () => {
    const { port, exchanges, refusals } = await listen((exchange) => answer(exchange), {
      limits: { headTimeMs: 300 },
    });
    const client = await connectRaw(port);
    const trickle = setInterval(() => void client.send("x"), 50);
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX: ");
    const response = await client.response();
    clearInterval(trickle);
    expect(response.status).toBe(408);
    expect(fieldOf(response, "connection")).toBe("close");
    expect((await client.readUntilClose()).reset).toBe(false);
    expect(exchanges).toHaveLength(0);
    expect(refusals[0]?.code).toBe("PROXY_REQUEST_HEAD_TIMEOUT");
  });

  it("cut a slow head on a connection that was used before", async () => {
    const { port } = await listen((exchange) => answer(exchange), { limits: { headTimeMs: 300 } });
    const client = await connectRaw(port);
    await client.send(`${GET}GET / HT`);
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).status).toBe(408);
    expect(await client.closes()).toBe(true);
  });

  it("cut a connection that never sends anything", async () => {
    const { port } = await listen((exchange) => answer(exchange), { limits: { headTimeMs: 200 } });
    const client = await connectRaw(port);
    expect(await client.closes(3000)).toBe(true);
  });

  it("close an idle connection after the keep-alive time, with a FIN", async () => {
    const time = new ManualTime();
    const { port, listener } = await listen((exchange) => answer(exchange), {
      limits: { keepAliveMs: 1000 },
      wheel: time.wheel,
    });
    const client = await connectRaw(port);
    for (let i = 0; i < 3; i++) {
      await client.send(GET);
      await client.response();
      await time.pass(900);
      expect(client.ended).toBe(false);
    }
    await time.pass(600);
    expect(await client.readUntilClose()).toEqual({ bytes: Buffer.alloc(0), reset: false });
    await expect.poll(() => listener.stats().connections).toBe(0);
  });

  it("do not count the time of a response as idle", async () => {
    const time = new ManualTime();
    const { port, exchanges } = await listen(() => undefined, {
      limits: { keepAliveMs: 1000 },
      wheel: time.wheel,
    });
    const client = await connectRaw(port);
    await client.send(GET);
    await expect.poll(() => exchanges.length).toBe(1);
    await time.pass(5000);
    answer(exchanges[0] as never);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it("keep the number of connections, and let new ones in when others end", async () => {
    const { port, listener } = await listen((exchange) => answer(exchange), {
      limits: { connections: 2 },
    });
    const first = await connectRaw(port);
    const second = await connectRaw(port);
    await expect.poll(() => listener.stats().connections).toBe(2);
    const third = await connectRaw(port);
    expect(await third.closes()).toBe(true);
    expect(listener.stats()).toMatchObject({ connections: 2, accepted: 2, dropped: 1 });
    await first.send(GET);
    expect((await first.response()).status).toBe(200);
    first.destroy();
    await expect.poll(() => listener.stats().connections).toBe(1);
    const fourth = await connectRaw(port);
    await fourth.send(GET);
    expect((await fourth.response()).status).toBe(200);
    second.destroy();
    fourth.destroy();
  });

  it("can be changed while connections are open, for those too", async () => {
    const { port, listener } = await listen((exchange) => answer(exchange));
    const before = await connectRaw(port);
    const other = await connectRaw(port);
    const long = GET.replace("\r\n\r\n", `\r\nX: ${"a".repeat(5000)}\r\n\r\n`);
    const longTarget = `GET /${"a".repeat(500)} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
    await before.send(long + longTarget);
    expect((await before.response()).status).toBe(200);
    expect((await before.response()).status).toBe(200);
    await other.send(long);
    expect((await other.response()).status).toBe(200);
    listener.adjust({ ...LIMITS, headBytes: 4096, targetBytes: 100, connections: 3 });
    const after = await connectRaw(port);
    await after.send(long);
    expect((await after.response()).status).toBe(431);
    await before.send(longTarget);
    expect((await before.response()).status).toBe(414);
    await other.send(long);
    expect((await other.response()).status).toBe(431);
    listener.adjust({ ...LIMITS, headTimeMs: 100 });
    const slow = await connectRaw(port);
    await slow.send("GET");
    expect((await slow.response()).status).toBe(408);
    for (const client of [before, other, after, slow]) client.destroy();
  });
});

describe("an address", () => {
  const options = {
    host: "127.0.0.1",
    limits: LIMITS,
    serve: () => undefined,
    onError: () => undefined,
  };

  it("that is taken rejects `ready`, and drains at once", async () => {
    const { port } = await listen(() => undefined);
    const listener = createListener({ ...options, port });
    await expect(listener.ready).rejects.toMatchObject({ code: "EADDRINUSE" });
    await listener.drain();
  });

  it("is told as host, port and URL", async () => {
    const listener = createListener({ ...options, port: 0 });
    const { host, port, url } = await listener.ready;
    expect(host).toBe("127.0.0.1");
    expect(url).toBe(`http://127.0.0.1:${port}`);
    await listener.drain();
  });
});
