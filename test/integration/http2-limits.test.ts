/** What one client of HTTP/2 can cost: streams, resets, floods, windows and time. */
import { once } from "node:events";
import { connect, constants } from "node:http2";

import { describe, expect, it } from "vitest";

import {
  CODE,
  connectFrames,
  data,
  fieldBlock,
  FLAG,
  frame,
  GET,
  headers,
  ping,
  POST,
  PREFACE,
  request,
  rstStream,
  settings,
  TYPE,
} from "../helpers/h2-frames.ts";
import type { Exchange } from "../../runtime/downstream/exchange.ts";
import { answer, echo, listen, ManualTime, outcomeOf } from "../helpers/listening.ts";
import { scaled } from "../helpers/scale.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

/** A bystander on a connection of its own is served as if nothing were. */
async function expectOthersServed(port: number): Promise<void> {
  const client = await connectFrames(port);
  client.send(headers(1));
  expect(await client.status(1)).toBe(200);
  client.destroy();
}

describe("cancelled requests (PUB-08)", () => {
  it("by the hundreds do not end an honest session", async () => {
    // First a page that cancels 900 at once, then 100 a second: node's own limit is 1000 at once and 33 a second.
    const rounds = [
      ...Array<number>(15).fill(0),
      ...Array<number>(scaled(5, 100)).fill(scaled(400, 600)),
    ];
    const { proxy, upstream } = await throughProxy({
      config: { listen: { port: 0, h2c: true } },
      onRequest: ({ target }) => (target === "/page" ? toyResponse(200, "ok") : undefined),
    });
    const session = connect(proxy.url);
    await once(session, "connect");
    for (const pauseMs of rounds) {
      const streams = Array.from({ length: 60 }, () => session.request({ ":path": "/image" }));
      const reset = Promise.all(
        streams.map((stream) =>
          once(
            stream.on("error", () => {}),
            "close",
          ),
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
      await reset;
    }
    const stream = session.request({ ":path": "/page" });
    const [fields] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(fields[":status"]).toBe(200);
    expect(session.destroyed).toBe(false);
    await upstream.openAtMost(1);
    // Those given up within the packet that began them were never served.
    const ends = new Set(proxy.access.map(({ outcome }) => outcome));
    expect(ends).toEqual(new Set(["aborted", "complete"]));
    session.destroy();
  });

  it("and begun anew in one packet do not end it either", async () => {
    const { port } = await listen(answer, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1));
    expect(await client.status(1)).toBe(200);
    const burst: Buffer[] = [];
    for (let id = 3; id < 1003; id += 2) burst.push(headers(id), rstStream(id));
    client.send(...burst);
    expect(await client.isAlive()).toBe(true);
    client.send(headers(1003));
    expect(await client.status(1003)).toBe(200);
    client.destroy();
  });

  it("as fast as they come cut the session, and nothing of it stays", async () => {
    const { proxy, upstream } = await throughProxy({
      config: { listen: { port: 0, h2c: true } },
      onRequest: ({ target }) => (target === "/" ? toyResponse(200, "ok") : undefined),
    });
    const client = await connectFrames(proxy.port);
    const slow = request([":path", "/slow"]);
    for (let id = 1; id < 40_000 && !client.ended; id += 200) {
      const burst: Buffer[] = [];
      for (let next = id; next < id + 200; next += 2)
        burst.push(headers(next, slow), rstStream(next));
      client.send(...burst);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.closed();
    await expectOthersServed(proxy.port);
    await upstream.openAtMost(1);
    expect(proxy.access.length).toBeLessThan(3000);
  });

  it("that the client makes us reset count too (CVE-2025-8671)", async () => {
    const { port, exchanges } = await listen(() => {}, { h2c: true, limits: { resets: 50 } });
    const client = await connectFrames(port);
    for (let id = 1; id < 400; id += 2) {
      client.send(headers(id), frame(TYPE.WINDOW_UPDATE, 0, id, Buffer.alloc(4)));
    }
    await client.closed();
    for (const exchange of exchanges) expect(await outcomeOf(exchange).closed).toBe(false);
    client.destroy();
  });

  it("leave the budget of those who also wait for answers", async () => {
    const { port } = await listen(answer, { h2c: true, limits: { resets: 10 } });
    const client = await connectFrames(port);
    for (let id = 1; id < 200; id += 2) {
      client.send(headers(id));
      await client.content(id);
      client.send(rstStream(id));
    }
    expect(await client.isAlive()).toBe(true);
    client.destroy();
  });
});

describe("concurrent streams", () => {
  it("up to the limit are served, and beyond it cost the connection, as nghttp2 has it", async () => {
    const { port, exchanges } = await listen(() => {}, {
      h2c: true,
      limits: { concurrentStreams: 3 },
    });
    const client = await connectFrames(port);
    client.send(headers(1), headers(3), headers(5));
    expect(await client.isAlive()).toBe(true);
    answer(exchanges[0] as Exchange);
    await client.content(1);
    client.send(headers(7));
    expect(await client.isAlive()).toBe(true);
    expect(exchanges).toHaveLength(4);
    client.send(headers(9));
    expect((await client.refusal(9)).code).toBe(CODE.PROTOCOL_ERROR);
    await client.closed();
    for (const exchange of exchanges.slice(1)) expect(await outcomeOf(exchange).closed).toBe(false);
  });

  it("beyond the limit before the client can know of it are refused one by one (RFC 9113 §5.1.2)", async () => {
    const { port, exchanges } = await listen(() => {}, {
      h2c: true,
      limits: { concurrentStreams: 3 },
    });
    const client = await connectFrames(port, { greet: false });
    client.send(PREFACE, settings(), headers(1), headers(3), headers(5), headers(7));
    expect(await client.refusal(7)).toEqual({ kind: "stream", code: CODE.REFUSED_STREAM });
    expect(exchanges).toHaveLength(3);
    client.destroy();
  });
});

describe("floods", () => {
  const FLOODS: readonly (readonly [name: string, before: readonly Buffer[], flood: Buffer])[] = [
    ["PING", [], ping()],
    ["SETTINGS", [], settings([4, 65_535])],
    ["empty SETTINGS", [], settings()],
    ["empty DATA", [headers(1, POST, false)], data(1, "")],
    [
      "CONTINUATION",
      [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, fieldBlock(GET))],
      frame(TYPE.CONTINUATION, 0, 1, fieldBlock([["x-a", "1"]])),
    ],
    [
      "empty CONTINUATION",
      [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, fieldBlock(GET))],
      frame(TYPE.CONTINUATION, 0, 1),
    ],
  ];

  it.each(FLOODS)("of %s frames cut the session, and no other", async (_name, before, flood) => {
    const { port, exchanges, listener } = await listen(
      (exchange) => (exchange.content === undefined ? answer(exchange) : echo(exchange)),
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(...before);
    const many = Buffer.concat(Array.from({ length: 100 }, () => flood));
    for (let sent = 0; sent < 200 && !client.ended; sent++) {
      client.send(many);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.closed();
    client.destroy();
    for (const exchange of exchanges) await outcomeOf(exchange).closed;
    await expect.poll(() => listener.stats().connections).toBe(0);
    await expectOthersServed(port);
  });

  it("of answers that the client does not read cut the session", async () => {
    const { port, listener } = await listen(answer, {
      h2c: true,
      limits: { controlFrames: 100_000 },
    });
    const client = await connectFrames(port);
    client.socket.pause();
    const many = Buffer.concat(Array.from({ length: 1000 }, () => ping()));
    for (let sent = 0; sent < 2000 && listener.stats().connections > 0; sent++) {
      client.send(many);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => listener.stats().connections).toBe(0);
    client.destroy();
  });

  it("of fields that are small on the wire and large here are refused (HPACK bomb)", async () => {
    const { port, exchanges } = await listen(answer, { h2c: true });
    const client = await connectFrames(port);
    // One field of 4 KB goes into the table; an index of one byte then stands for it, thousands of times.
    const name = Buffer.concat([Buffer.from([0x40, 3]), Buffer.from("x-a")]);
    const value = Buffer.concat([Buffer.from([0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, "x")]);
    const block = Buffer.concat([fieldBlock(GET), name, value, Buffer.alloc(8000, 0xbe)]);
    client.send(frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 1, block));
    expect((await client.refusal(1)).kind).not.toBe("close");
    expect(exchanges).toHaveLength(0);
    client.destroy();
  });
});

describe("time", () => {
  it("without a preface, and without SETTINGS, ends at limits.headTime", async () => {
    const { port, listener } = await listen(answer, { h2c: true, limits: { headTimeMs: 100 } });
    for (const bytes of [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE]) {
      const client = await connectFrames(port, { greet: false });
      client.send(bytes);
      await client.closed();
    }
    await expect.poll(() => listener.stats().connections).toBe(0);
  });

  it("without a stream ends at limits.keepAlive, with GOAWAY; with one it does not", async () => {
    const time = new ManualTime();
    const { port, listener, exchanges } = await listen(
      (exchange) => {
        if (exchange.target !== "/held") answer(exchange);
      },
      { h2c: true, wheel: time.wheel, limits: { keepAliveMs: 4000 } },
    );
    const idle = await connectFrames(port);
    const busy = await connectFrames(port);
    busy.send(headers(1, request([":path", "/held"])));
    await expect.poll(() => exchanges.length).toBe(1);
    idle.send(headers(1));
    await idle.content(1);
    await time.pass(3000);
    expect(await idle.isAlive()).toBe(true);
    await time.pass(4000);
    await idle.frame(({ type }) => type === TYPE.GOAWAY);
    await time.pass(2000);
    await idle.closed();
    expect(await busy.isAlive()).toBe(true);
    expect(listener.stats()).toMatchObject({ connections: 1 });
    busy.destroy();
  });

  it("in which a client takes nothing of what waits for it ends its stream, and others go on", async () => {
    const time = new ManualTime();
    const { port, exchanges } = await listen(
      (exchange) => answer(exchange, exchange.target === "/long" ? "x".repeat(100_000) : "ok"),
      { h2c: true, wheel: time.wheel, limits: { sendIdleMs: 4000 } },
    );
    const client = await connectFrames(port, { settings: settings([4, 10]) });
    client.send(headers(1, request([":path", "/long"])));
    await client.frame(({ type }) => type === TYPE.DATA);
    for (let id = 3; id < 19; id += 2) {
      client.send(headers(id));
      await client.content(id);
      await time.pass(1000);
    }
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: CODE.INTERNAL_ERROR });
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
    expect(await client.isAlive()).toBe(true);
    client.destroy();
  });

  it("in which nothing at all moves ends the session", async () => {
    const time = new ManualTime();
    const { port, exchanges, listener } = await listen(
      (exchange) => answer(exchange, "x".repeat(100_000)),
      {
        h2c: true,
        wheel: time.wheel,
        limits: { sendIdleMs: 4000 },
      },
    );
    const client = await connectFrames(port, { settings: settings([4, 0]) });
    for (let id = 1; id < 201; id += 2) client.send(headers(id));
    await expect.poll(() => exchanges.length).toBe(100);
    await time.pass(7000);
    await client.closed();
    for (const exchange of exchanges) expect(await outcomeOf(exchange).closed).toBe(false);
    await time.pass(1000);
    await expect.poll(() => listener.stats().connections).toBe(0);
  });
});

describe("one plain port for both protocols", () => {
  it("tells them apart by the first bytes, in pieces too", async () => {
    const { port, exchanges } = await listen(answer, { h2c: true });
    const h1 = await fetch(`http://127.0.0.1:${port}/one`);
    expect(await h1.text()).toBe("ok");
    const client = await connectFrames(port, { greet: false });
    for (const byte of PREFACE) {
      client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.send(settings(), headers(1));
    expect(await client.status(1)).toBe(200);
    client.destroy();
    expect(exchanges.map(({ protocol }) => protocol)).toEqual(["HTTP/1.1", "HTTP/2"]);
  });

  it("takes no HTTP/2 unless it was told to", async () => {
    const { port, exchanges } = await listen(answer);
    const client = await connectFrames(port, { greet: false });
    client.send(PREFACE, settings(), headers(1));
    await client.closed();
    expect(exchanges).toHaveLength(0);
  });
});
