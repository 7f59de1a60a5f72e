import { once } from "node:events";

import { describe, expect, it } from "vitest";

import { writeProxyHeader } from "../../runtime/http/proxy-protocol.ts";
import { connectRaw } from "../helpers/raw-client.ts";
import { answer, echo, listen, ManualTime } from "../helpers/listening.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const LINE = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
const ENDS = {
  peerAddress: "192.0.2.7",
  peerPort: 56_324,
  localAddress: "198.51.100.1",
  localPort: 443,
};
const V2 = writeProxyHeader("v2", ENDS);
const anyPeer = { mayProxy: () => true };

const whose = (exchange: Parameters<typeof answer>[0]): void => {
  const { peerAddress, peerPort, localAddress, localPort } = exchange.connection;
  answer(exchange, `${peerAddress} ${peerPort} ${localAddress} ${localPort}`);
};

describe("a listener with the PROXY protocol", () => {
  it.each([
    ["version 1", Buffer.from(LINE)],
    ["version 2", V2],
  ])("takes both ends of the connection from the header (%s)", async (_version, header) => {
    const { port } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    await client.send(Buffer.concat([header, Buffer.from(GET)]));
    const text = (await client.response()).content.toString();
    expect(text).toBe("192.0.2.7 56324 198.51.100.1 443");
    // For the whole connection.
    await client.send(GET);
    expect((await client.response()).content.toString()).toBe(text);
  });

  it.each([
    ["UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n")],
    ["LOCAL", writeProxyHeader("v2", undefined)],
  ])("keeps the connection's own ends where the header names none (%s)", async (_name, header) => {
    const { port } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    await client.send(Buffer.concat([header, Buffer.from(GET)]));
    const { localPort } = client.socket;
    expect((await client.response()).content.toString()).toBe(
      `127.0.0.1 ${localPort} 127.0.0.1 ${port}`,
    );
  });

  it.each([
    ["version 1", Buffer.from(LINE)],
    ["version 2", V2],
  ])("reads it in pieces of any size, and loses no byte after it (%s)", async (_name, header) => {
    const { port, exchanges } = await listen(echo, anyPeer);
    const content = "0123456789".repeat(20);
    const request = `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200\r\n\r\n${content}`;
    const bytes = Buffer.concat([header, Buffer.from(request + request)]);
    for (const cut of [1, 5, header.length - 1, header.length, header.length + 1, 100, 300]) {
      const client = await connectRaw(port);
      await client.send(bytes.subarray(0, cut));
      // The first piece is read by the time that another connection is answered.
      const other = await connectRaw(port);
      await other.send(Buffer.concat([header, Buffer.from(GET)]));
      await other.response();
      await client.send(bytes.subarray(cut));
      expect((await client.response()).content.toString()).toBe(content);
      expect((await client.response()).content.toString()).toBe(content);
      client.socket.destroy();
      other.socket.destroy();
    }
    expect(exchanges.every(({ connection }) => connection.peerAddress === "192.0.2.7")).toBe(true);
  });

  it("reads it byte by byte", async () => {
    const { port } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    for (const byte of Buffer.concat([V2, Buffer.from(GET)])) {
      await client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.response()).content.toString()).toContain("192.0.2.7");
  });

  it("takes content of megabytes after it", async () => {
    const { port } = await listen(echo, anyPeer);
    const client = await connectRaw(port);
    const content = "abcdefgh".repeat(400_000);
    const head = `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${content.length}\r\n\r\n`;
    void client.send(Buffer.concat([V2, Buffer.from(head + content)]));
    expect((await client.response()).content.equals(Buffer.from(content))).toBe(true);
  });

  it("answers a client that closes its side right after its request", async () => {
    const { port } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    client.socket.end(`${LINE}${GET}`);
    expect((await client.response()).content.toString()).toContain("192.0.2.7");
  });

  it("refuses peers that may not say who their clients are, header or not", async () => {
    const { port, exchanges, refusals } = await listen(whose, { mayProxy: () => false });
    for (const text of [LINE + GET, GET]) {
      const client = await connectRaw(port);
      void client.send(text);
      const { bytes } = await client.readUntilClose();
      expect(bytes.length).toBe(0);
    }
    expect(exchanges).toEqual([]);
    expect(refusals.map(({ code, peerAddress }) => [code, peerAddress])).toEqual([
      ["PROXY_PROTOCOL_HEADER", "127.0.0.1"],
      ["PROXY_PROTOCOL_HEADER", "127.0.0.1"],
    ]);
  });

  it.each([
    ["none", GET],
    ["TLS instead of it", "\x16\x03\x01\x02\x00\x01"],
    ["a broken line", `PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n${GET}`],
    ["a line without end", `PROXY UNKNOWN ${"x".repeat(200)}`],
    ["an unknown command", Buffer.concat([V2.subarray(0, 12), Buffer.from([0x2f, 0x11, 0, 0])])],
  ])("closes a connection whose header is invalid: %s", async (_name, bytes) => {
    const { port, exchanges, refusals, listener } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    void client.send(bytes);
    expect((await client.readUntilClose()).bytes.length).toBe(0);
    expect(exchanges).toEqual([]);
    expect(refusals.map(({ code }) => code)).toEqual(["PROXY_PROTOCOL_HEADER"]);
    expect(listener.stats()).toMatchObject({ connections: 0, refused: 1, accepted: 1 });
  });

  it("takes one header: a second is a broken request", async () => {
    const { port } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    await client.send(LINE + LINE + GET);
    expect((await client.response()).status).toBe(400);
  });

  it.each(["", "PROXY TCP4 192.0"])(
    "closes a connection that stops after %j when the time for a head is over",
    async (start) => {
      const time = new ManualTime();
      const { port, refusals, listener } = await listen(whose, {
        ...anyPeer,
        limits: { headTimeMs: 1000 },
        wheel: time.wheel,
      });
      const client = await connectRaw(port);
      if (start !== "") await client.send(start);
      await expect.poll(() => listener.stats().connections).toBe(1);
      await time.pass(900);
      expect(client.ended).toBe(false);
      await time.pass(200);
      expect((await client.readUntilClose()).bytes.length).toBe(0);
      expect(refusals.map(({ message }) => message)).toEqual(["no PROXY header in time"]);
    },
  );

  it("says nothing of a port check, and something of a header that is cut", async () => {
    const { port, refusals, listener } = await listen(whose, anyPeer);
    const check = await connectRaw(port);
    check.socket.end();
    await check.readUntilClose();
    const reset = await connectRaw(port);
    reset.socket.resetAndDestroy();
    await expect.poll(() => listener.stats()).toMatchObject({ connections: 0, accepted: 2 });
    expect(refusals).toEqual([]);
    const cut = await connectRaw(port);
    cut.socket.end("PROXY TCP4");
    await cut.readUntilClose();
    expect(refusals.map(({ message }) => message)).toEqual([
      "the connection ended within the PROXY header",
    ]);
  });

  it("gives connections without a whole header a moment when it drains", async () => {
    const time = new ManualTime();
    const { port, listener } = await listen(whose, { ...anyPeer, wheel: time.wheel });
    const silent = await connectRaw(port);
    const late = await connectRaw(port);
    await expect.poll(() => listener.stats().connections).toBe(2);
    const drained = listener.drain();
    await late.send(LINE + GET);
    const response = await late.response();
    expect(response.content.toString()).toContain("192.0.2.7");
    await late.readUntilClose();
    late.socket.destroy();
    await time.pass(1100);
    await silent.readUntilClose();
    await drained;
  });

  it("cuts connections without a whole header with all others", async () => {
    const { port, listener } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    await client.send("PROXY ");
    await expect.poll(() => listener.stats().connections).toBe(1);
    listener.cutAll();
    await client.readUntilClose();
    await expect.poll(() => listener.stats().connections).toBe(0);
  });

  it("follows a change of its peers for new connections", async () => {
    const { port, listener } = await listen(whose);
    const before = await connectRaw(port);
    await before.send(GET);
    expect((await before.response()).content.toString()).toContain("127.0.0.1 ");
    listener.setPeers(() => true);
    await before.send(GET);
    expect((await before.response()).status).toBe(200);
    const after = await connectRaw(port);
    await after.send(LINE + GET);
    expect((await after.response()).content.toString()).toContain("192.0.2.7");
    listener.setPeers(undefined);
    const plain = await connectRaw(port);
    await plain.send(GET);
    expect((await plain.response()).content.toString()).toContain("127.0.0.1 ");
  });

  it("names the header's client where a request is refused", async () => {
    const { port, refusals } = await listen(whose, anyPeer);
    const client = await connectRaw(port);
    await client.send(`${LINE}GET / HTTP/1.1\r\n\r\n`);
    expect((await client.response()).status).toBe(400);
    expect(refusals.map(({ peerAddress }) => peerAddress)).toEqual(["192.0.2.7"]);
  });

  it("carries upgrades", async () => {
    const { port } = await listen(
      (exchange) => {
        const stream = exchange.acceptUpgrade(["Upgrade", "echo"]);
        stream.pipe(stream);
      },
      { ...anyPeer, upgrades: ["echo"] },
    );
    const client = await connectRaw(port);
    await client.send(
      `${LINE}GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly`,
    );
    expect((await client.response()).status).toBe(101);
    expect((await client.read(5)).toString()).toBe("early");
    client.socket.destroy();
    await once(client.socket, "close");
  });
});

describe("a listener without the PROXY protocol", () => {
  it.each([
    ["version 1", Buffer.from(LINE)],
    ["version 2", V2],
  ])("takes the header for the broken request that it is: 400 (%s)", async (_version, header) => {
    const { port, exchanges } = await listen(whose);
    const client = await connectRaw(port);
    await client.send(Buffer.concat([header, Buffer.from(GET)]));
    expect((await client.response()).status).toBe(400);
    expect(await client.closes()).toBe(true);
    expect(exchanges).toEqual([]);
  });
});
