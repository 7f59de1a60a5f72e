import type { Duplex } from "node:stream";

import { describe, expect, it } from "vitest";

import type { Exchange } from "../../runtime/downstream/exchange.ts";
import { connectRaw, fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { answer, echo, listen, outcomeOf } from "../helpers/listening.ts";
import { scaled } from "../helpers/scale.ts";

const upgrade = (token = "websocket", rest = "", method = "GET") =>
  `${method} /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: ${token}\r\n${rest}\r\n`;
const UPGRADES = { upgrades: ["websocket"] };

function accept(exchange: Exchange): Duplex {
  const stream = exchange.acceptUpgrade(["Upgrade", "websocket", "Sec-WebSocket-Accept", "x="]);
  stream.pipe(stream);
  return stream;
}

describe("an upgrade (RFC 9110 §7.8)", () => {
  it("hands the bytes over after 101, early ones included", async () => {
    const { port, exchanges, listener } = await listen((exchange) => {
      setTimeout(() => accept(exchange), 20);
    }, UPGRADES);
    const client = await connectRaw(port);
    await client.send(`${upgrade("WebSocket")}early `);
    await expect.poll(() => exchanges.length).toBe(1);
    await client.send("bytes ");
    const response = await client.response();
    expect(response.status).toBe(101);
    expect(response.fields).toEqual([
      "Connection",
      "Upgrade",
      "Upgrade",
      "websocket",
      "Sec-WebSocket-Accept",
      "x=",
    ]);
    expect(await client.readThrough("bytes ")).toBe("early bytes ");
    await client.send("more");
    expect(await client.readThrough("more")).toBe("more");
    expect(exchanges[0]).toMatchObject({ upgrade: "websocket", target: "/chat", headSent: true });
    expect(listener.stats().tunnels).toBe(1);
    expect(outcomeOf(exchanges[0]).closes).toBe(0);
    client.end();
    expect(await client.closes()).toBe(true);
    expect(await outcomeOf(exchanges[0]).closed).toBe(true);
    expect(exchanges[0]).toMatchObject({ bytesReceived: 16, bytesSent: 16 });
  });

  it("that is refused gets an ordinary response with its content, and a close (PUB-15)", async () => {
    const { port } = await listen((exchange) => {
      setImmediate(() => {
        if (exchange.fields.includes("X-Chunked")) {
          exchange.writeHead(401, ["WWW-Authenticate", "x"]);
          exchange.write(Buffer.from("no"));
          exchange.end(["X-T", "1"]);
        } else {
          answer(exchange, "nope", 401);
        }
      });
    }, UPGRADES);
    for (const [rest, framing] of [
      ["", "length"],
      ["X-Chunked: 1\r\n", "chunked"],
    ]) {
      const client = await connectRaw(port);
      await client.send(`${upgrade("websocket", rest)}early bytes of the client`);
      const response = await client.response();
      expect(response.status).toBe(401);
      expect(response.framing).toBe(framing);
      expect(fieldOf(response, "connection")).toBe("close");
      expect(await client.readUntilClose()).toEqual({ bytes: Buffer.alloc(0), reset: false });
    }
  });

  it("is checked like any request", async () => {
    const { port, exchanges } = await listen(accept, UPGRADES);
    const client = await connectRaw(port);
    await client.send(upgrade("websocket", "Host: b.test\r\n"));
    expect((await client.response()).status).toBe(400);
    expect(await client.closes()).toBe(true);
    expect(exchanges).toHaveLength(0);
  });

  it.each([
    ["a protocol that nobody upgrades to", upgrade("h2c"), ""],
    ["h2c with content", upgrade("h2c", "Content-Length: 5\r\n", "POST") + "hello", "hello"],
    [
      "h2c with chunked content",
      upgrade("h2c", "Transfer-Encoding: chunked\r\n", "POST") + "5\r\nhello\r\n0\r\n\r\n",
      "hello",
    ],
    ["another method", upgrade("websocket", "", "POST"), ""],
    ["a GET with content", upgrade("websocket", "Content-Length: 5\r\n") + "hello", "hello"],
    ["several protocols", upgrade("websocket, h2c"), ""],
    ["two lines", upgrade("websocket", "Upgrade: websocket\r\n"), ""],
    ["HTTP/1.0", upgrade().replace("HTTP/1.1", "HTTP/1.0"), ""],
  ])("is an ordinary request for %s", async (_what, request, content) => {
    const { port, exchanges } = await listen(echo, UPGRADES);
    const client = await connectRaw(port);
    await client.send(request);
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(response.content.toString()).toBe(content);
    expect(exchanges).toHaveLength(1);
    expect(exchanges[0]?.upgrade).toBeUndefined();
    client.destroy();
  });

  it("that is declined is the last request of its connection: nothing after it is misread", async () => {
    const { port, exchanges } = await listen(echo, UPGRADES);
    const client = await connectRaw(port);
    // node's parser loses what follows such a head in one packet; the half of it in the next would be taken for a request.
    await client.send(
      `${upgrade("h2c")}POST /victim HTTP/1.1\r\nHost: a.test\r\nContent-Length: 44\r\n\r\n`,
    );
    await client.send("GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n\r\n\r\n");
    const response = await client.response();
    expect(fieldOf(response, "connection")).toBe("close");
    expect((await client.readUntilClose()).bytes).toHaveLength(0);
    expect(exchanges).toHaveLength(1);
  });

  it("behind a request that still runs is an ordinary one", async () => {
    const { port, exchanges } = await listen((exchange) => {
      setImmediate(() => answer(exchange, exchange.target));
    }, UPGRADES);
    const client = await connectRaw(port);
    await client.send(`GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n${upgrade()}`);
    expect((await client.response()).content.toString()).toBe("/first");
    expect((await client.response()).content.toString()).toBe("/chat");
    expect(exchanges[1]?.upgrade).toBeUndefined();
    client.destroy();
  });

  it("after a finished request is an upgrade", async () => {
    const { port } = await listen((exchange) => {
      if (exchange.upgrade === undefined) answer(exchange);
      else accept(exchange);
    }, UPGRADES);
    const client = await connectRaw(port);
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await client.response();
    await client.send(`${upgrade()}hi`);
    expect((await client.response()).status).toBe(101);
    expect(await client.readThrough("hi")).toBe("hi");
    client.destroy();
  });

  it("sends informational responses before the answer, and Date only with a final one", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeInformational(103, ["Link", "</a>"]);
      accept(exchange);
    }, UPGRADES);
    const client = await connectRaw(port);
    await client.send(upgrade());
    expect((await client.response()).status).toBe(103);
    const response = await client.response();
    expect(response.status).toBe(101);
    expect(fieldsOf(response, "date")).toHaveLength(0);
    client.destroy();
  });

  it("cannot be accepted where none is asked for, or twice", async () => {
    const thrown: unknown[] = [];
    const { port } = await listen((exchange) => {
      try {
        exchange.acceptUpgrade(["Upgrade", "websocket"]);
        exchange.acceptUpgrade(["Upgrade", "websocket"]);
      } catch (error) {
        thrown.push(error);
      }
      if (exchange.upgrade === undefined) answer(exchange);
    }, UPGRADES);
    const client = await connectRaw(port);
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await client.response();
    await client.send(upgrade());
    await client.response();
    expect(thrown).toHaveLength(2);
    client.destroy();
  });
});

describe("a client that leaves during its upgrade (PUB-14)", () => {
  it("by a reset or FIN before the answer ends the exchange, and nothing else", async () => {
    const { port, exchanges } = await listen((exchange) => {
      if (exchange.target !== "/chat") accept(exchange);
    }, UPGRADES);
    const bystander = await connectRaw(port);
    await bystander.send(upgrade().replace("/chat", "/other"));
    expect((await bystander.response()).status).toBe(101);
    for (let round = 0; round < scaled(20, 200); round++) {
      const client = await connectRaw(port);
      const served = exchanges.length;
      client.send(upgrade());
      if (round % 3 === 0) {
        client.reset();
        continue;
      }
      await expect.poll(() => exchanges.length, { interval: 1 }).toBe(served + 1);
      if (round % 3 === 1) client.reset();
      else client.end();
      expect(await outcomeOf(exchanges[served]).closed).toBe(false);
      client.destroy();
    }
    await bystander.send("still here");
    expect(await bystander.readThrough("still here")).toBe("still here");
    bystander.destroy();
  });

  it("by a reset after 101 closes the stream, whoever resets", async () => {
    const streams: Duplex[] = [];
    const { port, exchanges } = await listen(
      (exchange) => void streams.push(accept(exchange)),
      UPGRADES,
    );
    for (let round = 0; round < scaled(20, 200); round++) {
      const client = await connectRaw(port);
      await client.send(`${upgrade()}half a fra`);
      expect((await client.response()).status).toBe(101);
      if (round % 2 === 0) client.reset();
      else streams.at(-1)?.destroy(new Error("the other side broke"));
      expect(await outcomeOf(exchanges.at(-1)).closed).toBe(true);
      client.destroy();
    }
  });
});
