import { describe, expect, it } from "vitest";

import { createListener } from "../../runtime/downstream/listener.ts";
import { connectRaw, fieldOf, type RawClient } from "../helpers/raw-client.ts";
import { answer, LIMITS, listen, ManualTime } from "../helpers/listening.ts";
import { scaled } from "../helpers/scale.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

describe("drain (PUB-49)", () => {
  it("closes idle connections at once and frees the port", async () => {
    const { port, listener } = await listen((exchange) => answer(exchange));
    const clients: RawClient[] = [];
    for (let i = 0; i < 50; i++) {
      const client = await connectRaw(port);
      await client.send(GET);
      await client.response();
      clients.push(client);
    }
    const drained = listener.drain();
    for (const client of clients) {
      expect(await client.readUntilClose(1000)).toEqual({ bytes: Buffer.alloc(0), reset: false });
    }
    await drained;
    await expect(connectRaw(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const again = createListener({
      host: "127.0.0.1",
      port,
      limits: LIMITS,
      serve: () => undefined,
      onError: () => undefined,
    });
    await again.ready;
    await again.drain();
  });

  it("lets a response that is being made finish, with Connection: close", async () => {
    const { port, listener, exchanges } = await listen(() => undefined);
    const client = await connectRaw(port);
    await client.send(GET);
    await expect.poll(() => exchanges.length).toBe(1);
    const drained = listener.drain();
    answer(exchanges[0] as never, "done");
    const response = await client.response();
    expect(response.content.toString()).toBe("done");
    expect(fieldOf(response, "connection")).toBe("close");
    expect((await client.readUntilClose()).reset).toBe(false);
    await drained;
  });

  it("closes after a response whose head was out before", async () => {
    const { port, listener, exchanges } = await listen((exchange) => {
      exchange.writeHead(200, ["Content-Length", "4"]);
      exchange.write(Buffer.from("do"));
    });
    const client = await connectRaw(port);
    await client.send(GET);
    await client.readThrough("do");
    const drained = listener.drain();
    exchanges[0]?.write(Buffer.from("ne"));
    exchanges[0]?.end();
    expect((await client.readUntilClose()).bytes.toString()).toBe("ne");
    await drained;
  });

  it("serves what was pipelined before it, and closes after the last", async () => {
    const { port, listener, exchanges } = await listen((exchange) => {
      if (exchanges.length > 1) answer(exchange, exchange.target);
    });
    const client = await connectRaw(port);
    await client.send(GET + GET.replace("/", "/2") + GET.replace("/", "/3"));
    await expect.poll(() => exchanges.length).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    const drained = listener.drain();
    answer(exchanges[0] as never, "/1");
    for (const [target, connection] of [
      ["/1", undefined],
      ["/2", undefined],
      ["/3", "close"],
    ]) {
      const response = await client.response();
      expect(response.content.toString()).toBe(target);
      expect(fieldOf(response, "connection")).toBe(connection);
    }
    expect(await client.closes()).toBe(true);
    await drained;
  });

  it("does not close a connection that was accepted and has sent nothing yet", async () => {
    const time = new ManualTime();
    const { port, listener } = await listen((exchange) => answer(exchange), { wheel: time.wheel });
    const client = await connectRaw(port);
    const silent = await connectRaw(port);
    await expect.poll(() => listener.stats().connections).toBe(2);
    const drained = listener.drain();
    await time.pass(500);
    await client.send(GET);
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(fieldOf(response, "connection")).toBe("close");
    expect(silent.ended).toBe(false);
    await time.pass(1000);
    expect((await silent.readUntilClose()).reset).toBe(false);
    client.destroy();
    await drained;
  });

  it("leaves tunnels and long responses until they are cut", async () => {
    const { port, listener } = await listen(
      (exchange) => {
        if (exchange.upgrade === undefined) {
          exchange.writeHead(200, ["Content-Type", "text/event-stream"]);
          exchange.write(Buffer.from("data: 1\n\n"));
        } else {
          const stream = exchange.acceptUpgrade(["Upgrade", "websocket"]);
          stream.pipe(stream);
        }
      },
      { upgrades: ["websocket"] },
    );
    const events = await connectRaw(port);
    await events.send(GET);
    await events.readThrough("data: 1\n\n\r\n");
    const tunnel = await connectRaw(port);
    await tunnel.send(
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    await tunnel.response();
    let over = false;
    const drained = listener.drain().then(() => void (over = true));
    await tunnel.send("ping");
    expect(await tunnel.readThrough("ping")).toBe("ping");
    expect(events.ended).toBe(false);
    expect(over).toBe(false);
    listener.cutAll();
    expect((await events.readUntilClose()).bytes.toString()).not.toContain("0\r\n\r\n");
    expect(await tunnel.closes()).toBe(true);
    await drained;
  });

  it("answers every connection that was accepted, under load", async () => {
    let total = 0;
    for (let round = 0; round < scaled(5, 50); round++) {
      const { port, listener } = await listen((exchange) => {
        setImmediate(() => answer(exchange));
      });
      let served = 0;
      let stopped = false;
      const client = async (): Promise<void> => {
        while (!stopped) {
          try {
            const raw = await connectRaw(port);
            await raw.send(GET);
            await raw.response();
            raw.destroy();
            served += 1;
          } catch {
            // Refused, or reset in the kernel's queue: never accepted, as the count below shows.
          }
        }
      };
      const clients = Array.from({ length: 8 }, client);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const drained = listener.drain();
      stopped = true;
      await Promise.all(clients);
      await drained;
      expect(served).toBe(listener.stats().accepted);
      total += served;
    }
    expect(total).toBeGreaterThan(0);
  });

  it("before the port is open leaves nothing behind", async () => {
    const listener = createListener({
      host: "127.0.0.1",
      port: 0,
      limits: LIMITS,
      serve: () => undefined,
      onError: () => undefined,
    });
    await listener.drain();
    const { port } = await listener.ready;
    await expect(connectRaw(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
