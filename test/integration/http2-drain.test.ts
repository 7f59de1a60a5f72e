/** The end of a session of HTTP/2: GOAWAY, what is under way, and what comes too late. */
import { once } from "node:events";
import { connect } from "node:http2";

import { describe, expect, it } from "vitest";

import { CODE, connectFrames, goaway, headers, TYPE } from "../helpers/h2-frames.ts";
import { responseOf } from "../helpers/h2-text.ts";
import { answer, listen, outcomeOf } from "../helpers/listening.ts";

describe("drain (RFC 9113 §6.8)", () => {
  it("sends GOAWAY twice, finishes streams, and then closes", async () => {
    const { listener, port, exchanges } = await listen(() => {}, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1), headers(3));
    await expect.poll(() => exchanges.length).toBe(2);
    const drained = listener.drain();
    await expect.poll(() => client.count(TYPE.GOAWAY)).toBe(2);
    const goodbyes = client.frames
      .filter(({ type }) => type === TYPE.GOAWAY)
      .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);
    expect(goodbyes).toEqual([
      [0x7fff_ffff, CODE.NO_ERROR],
      [3, CODE.NO_ERROR],
    ]);
    for (const exchange of exchanges) answer(exchange);
    expect((await client.content(1)).toString()).toBe("ok");
    expect((await client.content(3)).toString()).toBe("ok");
    await client.closed();
    await drained;
    for (const exchange of exchanges) expect(await outcomeOf(exchange).closed).toBe(true);
  });

  it("does not serve what comes after it, and says so by the number: it may be sent again", async () => {
    const { listener, port, exchanges } = await listen(() => {}, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1));
    await expect.poll(() => exchanges.length).toBe(1);
    const drained = listener.drain();
    client.send(headers(3));
    await expect.poll(() => client.count(TYPE.GOAWAY)).toBe(2);
    answer(exchanges[0] as never);
    await client.closed();
    await drained;
    expect(exchanges).toHaveLength(1);
  });

  it("closes idle sessions at once, also those whose client does not", async () => {
    const { listener, port } = await listen(answer, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1));
    await client.content(1);
    await listener.drain();
    await client.closed();
    expect(listener.stats().connections).toBe(0);
  });

  it("gives a connection that has not said what it speaks a moment", async () => {
    const { listener, port } = await listen(answer, { h2c: true });
    const client = await connectFrames(port, { greet: false });
    await expect.poll(() => listener.stats().connections).toBe(1);
    await listener.drain();
    await client.closed();
  });

  it("waits for a long response, until it is cut", async () => {
    const { listener, port, exchanges } = await listen((exchange) => exchange.writeHead(200, []), {
      h2c: true,
    });
    const client = await connectFrames(port);
    client.send(headers(1));
    await client.status(1);
    const drained = listener.drain();
    expect(listener.stats()).toMatchObject({ connections: 1, idle: 0 });
    listener.cutAll();
    await drained;
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
    await client.closed();
  });

  it("is understood by node's client, whose response is whole", async () => {
    const { listener, port, exchanges } = await listen(() => {}, { h2c: true });
    const session = connect(`http://127.0.0.1:${port}`);
    const response = responseOf(session.request({ ":path": "/" }));
    await expect.poll(() => exchanges.length).toBe(1);
    const closed = once(session, "close");
    const drained = listener.drain();
    answer(exchanges[0] as never, "whole");
    expect((await response).content.toString()).toBe("whole");
    await drained;
    await closed;
  });
});

describe("a client's GOAWAY", () => {
  it("lets its streams end, then the session closes", async () => {
    const { listener, port, exchanges } = await listen(() => {}, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1), goaway(0, CODE.NO_ERROR));
    await expect.poll(() => exchanges.length).toBe(1);
    answer(exchanges[0] as never);
    expect((await client.content(1)).toString()).toBe("ok");
    await client.closed();
    await expect.poll(() => listener.stats().connections, { timeout: 3000 }).toBe(0);
  });

  it("with an error ends all at once", async () => {
    const { port, exchanges } = await listen(() => {}, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1));
    await expect.poll(() => exchanges.length).toBe(1);
    client.send(goaway(0, CODE.PROTOCOL_ERROR));
    await client.closed();
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
  });
});

describe("whoever serves a request and throws", () => {
  it("loses that stream, and nothing else", async () => {
    const { port, errors } = await listen(
      (exchange) => {
        if (exchange.target === "/throws") throw new Error("served badly");
        answer(exchange);
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(
      headers(1, [
        [":method", "GET"],
        [":scheme", "http"],
        [":authority", "a.test"],
        [":path", "/throws"],
      ]),
    );
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: CODE.INTERNAL_ERROR });
    client.send(headers(3));
    expect(await client.status(3)).toBe(200);
    expect(errors.splice(0)).toHaveLength(1);
    client.destroy();
  });

  it("also from a callback of the exchange", async () => {
    const { port, errors, exchanges } = await listen(
      (exchange) => {
        exchange.receiver = {
          onDrain: () => {},
          onClose() {
            throw new Error("closed badly");
          },
        };
        answer(exchange);
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(headers(1), headers(3));
    await client.content(3);
    await expect.poll(() => errors.length).toBe(2);
    errors.length = 0;
    expect(exchanges).toHaveLength(2);
    client.destroy();
  });
});
