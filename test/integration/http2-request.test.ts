/** How a request of HTTP/2 reaches an upstream of HTTP/1.1, and what of it does not. */
import { describe, expect, it } from "vitest";

import {
  connectFrames,
  data,
  FLAG,
  headers,
  POST,
  request,
  rstStream,
  TYPE,
  type FieldList,
} from "../helpers/h2-frames.ts";
import type { ContentSource } from "../../runtime/http/content.ts";
import { answer, echo, listen, outcomeOf, readContent } from "../helpers/listening.ts";
import { throughProxy, type ThroughProxyOptions } from "../helpers/through-proxy.ts";

async function through(options: ThroughProxyOptions = {}) {
  const { proxy, upstream } = await throughProxy({
    ...options,
    config: { listen: { port: 0, h2c: true }, ...options.config },
  });
  return { proxy, upstream, client: await connectFrames(proxy.port) };
}

describe("Cookie crumbs (RFC 9113 §8.2.3, PUB-06)", () => {
  it("are one field to hooks and upstream, in order and at the place of the first", async () => {
    const seen: (string | null)[] = [];
    const { upstream, client } = await through({
      config: { onRequest: (incoming) => void seen.push(incoming.headers.get("cookie")) },
    });
    client.send(
      headers(
        1,
        request(["cookie", "a=1"], ["x-a", "1"], ["cookie", "b=2"], ["cookie", "c=3; d=4"]),
      ),
    );
    expect(await client.status(1)).toBe(200);
    const { fields } = await upstream.request(1);
    expect(fields.filter((_text, at) => fields[at - (at % 2)] === "cookie")).toEqual([
      "cookie",
      "a=1; b=2; c=3; d=4",
    ]);
    expect(fields.indexOf("cookie")).toBeLessThan(fields.indexOf("x-a"));
    expect(seen).toEqual(["a=1; b=2; c=3; d=4"]);
    client.destroy();
  });
});

describe(":authority and Host (RFC 9113 §8.3.1, PUB-07)", () => {
  it("is the upstream's Host, and what is forwarded about it", async () => {
    const { upstream, client } = await through();
    client.send(headers(1));
    expect(await client.status(1)).toBe(200);
    const { head, field } = await upstream.request(1);
    expect([field("host"), field("x-forwarded-host")]).toEqual(["a.test", "a.test"]);
    expect(head).not.toContain("undefined");
    expect(head).not.toMatch(/^:/m);
    client.destroy();
  });

  it.each<readonly [name: string, fields: FieldList]>([
    ["differs from :authority", request(["host", "b.test"])],
    ["differs by its port", request([":authority", "a.test:1"], ["host", "a.test:2"])],
    ["is no authority", request([":authority", "a_b,c.test"])],
    ["has an empty label", request([":authority", "a..test"])],
    ["has a port that is none", request([":authority", "a.test:99999"])],
  ])("a request whose Host %s is a 400, and nobody sees it", async (_name, fields) => {
    const { exchanges, refusals, port } = await listen(answer, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1, fields));
    expect(await client.status(1)).toBe(400);
    expect(exchanges).toHaveLength(0);
    expect(refusals).toMatchObject([{ code: "PROXY_REQUEST_HOST" }]);
    expect(await client.isAlive()).toBe(true);
    client.destroy();
  });
});

describe("what HTTP/1.1 could read differently", () => {
  const REFUSED: readonly (readonly [name: string, status: number, fields: FieldList])[] = [
    ["a foreign scheme", 400, request([":scheme", "ftp"])],
    ["an absolute :path", 400, request([":path", "/"], [":scheme", "javascript"])],
    ["a fragment", 400, request([":path", "/a#b"])],
    ["space before a value", 400, request(["x-a", " b"])],
    ["a tab after a value", 400, request(["x-a", "b\t"])],
    ["an unknown expectation", 417, request(["expect", "200-ok"])],
    ["a target that is too long", 414, request([":path", `/${"x".repeat(9000)}`])],
    ["a head that is too large", 431, request(["x-a", "x".repeat(17_000)])],
    [
      "a head of many small fields",
      431,
      request(...Array.from({ length: 900 }, (): [string, string] => ["x-aaaaaaaaaa", "bbbbb"])),
    ],
    [
      "CONNECT",
      405,
      [
        [":method", "CONNECT"],
        [":authority", "a.test:443"],
      ],
    ],
    [
      "an extended CONNECT for an unknown protocol",
      405,
      request([":method", "CONNECT"], [":protocol", "connect-udp"]),
    ],
  ];

  it.each(REFUSED)(
    "%s is refused with %i, before anybody sees it",
    async (_name, status, fields) => {
      const { exchanges, port } = await listen(answer, { h2c: true });
      const client = await connectFrames(port);
      client.send(...split(headers(1, fields)));
      expect(await client.status(1)).toBe(status);
      await client.content(1);
      expect(exchanges).toHaveLength(0);
      expect(await client.isAlive()).toBe(true);
      client.destroy();
    },
  );

  it.each<readonly [name: string, field: readonly [string, string]]>([
    ["CRLF in a value", ["x-bad", "a\r\nx-injected: 1"]],
    ["LF in a value", ["x-bad", "a\nx-injected: 1"]],
    ["NUL in a value", ["x-bad", "a\0x-injected"]],
    ["another control byte in a value", ["x-bad", "a\x01b"]],
    ["CRLF in a name", ["x-bad\r\nx-injected", "1"]],
    ["a colon in a name", ["x-bad:x-injected", "1"]],
    ["a space in a name", ["x-bad x-injected", "1"]],
    ["NUL in a name", ["x-bad\0", "1"]],
    ["an empty name", ["", "x-bad"]],
    ["CRLF in a cookie", ["cookie", "x-bad\r\nx-injected: 1"]],
    ["CRLF in a length", ["content-length", "0\r\nx-bad: 1"]],
  ])("a field with %s never leaves us: it is refused or not there at all", async (_name, field) => {
    const { upstream, client } = await through();
    client.send(headers(1, request(field, ["x-after", "1"])));
    const outcome = await Promise.race([
      client.status(1).catch(() => 0),
      client.refusal(1).catch(() => 0),
    ]);
    expect(outcome).not.toBe(0);
    if (typeof outcome === "number" && outcome === 200) {
      const { head } = await upstream.request(1);
      expect(head).toContain("x-after: 1");
      expect(head).not.toMatch(/x-bad|x-injected/);
    }
    client.destroy();
  });
});

const STREAMED: ThroughProxyOptions = { config: { requestContent: { buffer: false } } };

describe("request content", () => {
  it("arrives as chunks where no length is declared and it streams", async () => {
    const { upstream, client } = await through(STREAMED);
    client.send(headers(1, POST, false), data(1, "he"), data(1, "llo", true));
    expect(await client.status(1)).toBe(200);
    const got = await upstream.request(1);
    expect(got.field("transfer-encoding")).toBe("chunked");
    expect(got.content.toString()).toBe("hello");
    client.destroy();
  });

  it("gives its trailers to whoever reads it", async () => {
    const trailers: (readonly string[])[] = [];
    const { port } = await listen(
      (exchange) => {
        void readContent(exchange.content as ContentSource).then((read) => {
          trailers.push(read.trailers);
          answer(exchange, read.bytes.toString());
        });
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "hello"), headers(1, [["x-sum", "5"]]));
    expect((await client.content(1)).toString()).toBe("hello");
    expect(trailers).toEqual([["x-sum", "5"]]);
    client.destroy();
  });

  it("keeps its length", async () => {
    const { upstream, client } = await through();
    client.send(headers(1, [...POST, ["content-length", "5"]], false), data(1, "hello", true));
    expect(await client.status(1)).toBe(200);
    const got = await upstream.request(1);
    expect([got.field("content-length"), got.field("transfer-encoding")]).toEqual(["5", undefined]);
    expect(got.content.toString()).toBe("hello");
    client.destroy();
  });

  it("that is cut by RST_STREAM is never a whole request upstream", async () => {
    const { upstream, client } = await through(STREAMED);
    client.send(headers(1, POST, false), data(1, "half"));
    const connection = await upstream.connection(1);
    await expect.poll(() => connection.received.includes("half")).toBe(true);
    client.send(rstStream(1));
    await connection.closed;
    expect(connection.received.toString()).not.toContain("0\r\n\r\n");
    expect(connection.requests).toHaveLength(0);
    expect(await client.isAlive()).toBe(true);
    client.destroy();
  });

  it("that disagrees with its length ends its upstream request too (RFC 9113 §8.1.1)", async () => {
    const { upstream, client } = await through(STREAMED);
    client.send(headers(1, [...POST, ["content-length", "9"]], false), data(1, "half"));
    const connection = await upstream.connection(1);
    await expect.poll(() => connection.received.includes("half")).toBe(true);
    client.send(data(1, "!", true));
    expect((await client.refusal(1)).kind).not.toBe("close");
    await connection.closed;
    expect(connection.requests).toHaveLength(0);
    client.destroy();
  });

  it("may be empty, with END_STREAM in a frame of its own", async () => {
    const { port } = await listen(echo, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "", true), headers(3, POST, false));
    expect(await client.status(1)).toBe(200);
    client.send(data(3, "", true));
    expect(await client.status(3)).toBe(200);
    expect(await client.isAlive()).toBe(true);
    expect(client.count(TYPE.RST_STREAM)).toBe(0);
    client.destroy();
  });

  it.each([204, 304])(
    "that nobody wants does not lose a %i, which has no content to wait for",
    async (status) => {
      const { port } = await listen(
        (exchange) => {
          exchange.writeHead(status, []);
          exchange.end();
        },
        { h2c: true },
      );
      const client = await connectFrames(port);
      client.send(headers(1, POST, false), data(1, "x"));
      expect(await client.status(1)).toBe(status);
      expect(await client.refusal(1)).toEqual({ kind: "stream", code: 0 });
      client.destroy();
    },
  );

  it("that nobody wants does not lose trailers", async () => {
    const { port } = await listen(
      (exchange) => {
        exchange.writeHead(200, []);
        exchange.write(Buffer.from("no"));
        exchange.end(["x-sum", "1"]);
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "x"));
    await client.content(1);
    expect(client.count(TYPE.HEADERS)).toBe(2);
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: 0 });
    client.destroy();
  });

  it("may be over before anybody reads it, trailers and all", async () => {
    const { port } = await listen(
      (exchange) => {
        setTimeout(() => {
          void readContent(exchange.content as ContentSource).then(({ bytes, trailers }) =>
            answer(exchange, `${bytes.length} ${trailers.join("=")}`),
          );
        }, 50);
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "", true));
    client.send(headers(3, POST, false), data(3, "abc"), headers(3, [["x-sum", "1"]]));
    client.send(headers(5, POST, false), headers(5, [["x-sum", "2"]]));
    expect((await client.content(1)).toString()).toBe("0 ");
    expect((await client.content(3)).toString()).toBe("3 x-sum=1");
    expect((await client.content(5)).toString()).toBe("0 x-sum=2");
    client.destroy();
  });

  it("waits for 100 until somebody reads it (RFC 9110 §10.1.1)", async () => {
    const { port } = await listen(echo, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1, [...POST, ["expect", "100-continue"]], false));
    const first = await client.frame(({ type }) => type === TYPE.HEADERS);
    expect(first.flags & FLAG.END_STREAM).toBe(0);
    expect(client.count(TYPE.DATA)).toBe(0);
    client.send(data(1, "hello", true));
    expect((await client.content(1)).toString()).toBe("hello");
    expect(client.count(TYPE.HEADERS)).toBe(2);
    client.destroy();
  });

  it("that nobody wants is given up with NO_ERROR once the response is out (RFC 9113 §8.1, PUB-47)", async () => {
    const { port, exchanges } = await listen((exchange) => answer(exchange, "no", 413), {
      h2c: true,
    });
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "x".repeat(10_000)));
    expect(await client.status(1)).toBe(413);
    expect((await client.content(1)).toString()).toBe("no");
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: 0 });
    expect(await outcomeOf(exchanges[0]).closed).toBe(true);
    expect(await client.isAlive()).toBe(true);
    client.destroy();
  });

  it("that was being read is given up the same way, and its reader told", async () => {
    const failures: unknown[] = [];
    const { port, exchanges } = await listen(
      (exchange) => {
        exchange.content?.open({
          onData: () => answer(exchange, "no", 413),
          onEnd: () => failures.push("end"),
          onError: (error) => failures.push((error as { code?: string }).code),
        });
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "x"));
    expect(await client.status(1)).toBe(413);
    expect((await client.content(1)).toString()).toBe("no");
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: 0 });
    expect(await outcomeOf(exchanges[0]).closed).toBe(true);
    expect(failures).toEqual(["PROXY_REQUEST_CONTENT_INCOMPLETE"]);
    client.destroy();
  });

  it("that stops arriving is a 408, and the stream's end (limits.contentIdle)", async () => {
    const { port } = await listen(echo, { h2c: true, limits: { contentIdleMs: 100 } });
    const client = await connectFrames(port);
    client.send(headers(1, POST, false), data(1, "x"));
    expect(await client.status(1)).toBe(408);
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: 0 });
    expect(await client.isAlive()).toBe(true);
    client.destroy();
  });

  it("that nobody reads stops at the window, and does not stop other streams", async () => {
    const { port, exchanges } = await listen(
      (exchange) => {
        if (exchange.target !== "/held") echo(exchange);
      },
      { h2c: true },
    );
    const client = await connectFrames(port);
    client.send(headers(1, request([":method", "POST"], [":path", "/held"]), false));
    for (let sent = 0; sent < 256 * 1024; sent += 16_384) client.send(data(1, "x".repeat(16_384)));
    expect(await client.isAlive()).toBe(true);
    expect(
      client.frames.filter(({ type, stream }) => type === TYPE.WINDOW_UPDATE && stream === 1),
    ).toEqual([]);
    client.send(headers(3, POST, false), data(3, "other", true));
    expect((await client.content(3)).toString()).toBe("other");
    expect(exchanges[0]?.bytesReceived).toBe(0);
    client.destroy();
  });
});

/** A field block that is longer than a frame, as HEADERS and CONTINUATION. */
function split(frame: Buffer): Buffer[] {
  const block = frame.subarray(9);
  if (block.length <= 16_384) return [frame];
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_384) {
    const part = block.subarray(at, at + 16_384);
    const head = Buffer.from(frame.subarray(0, 9));
    head.writeUIntBE(part.length, 0, 3);
    head[3] = at === 0 ? TYPE.HEADERS : TYPE.CONTINUATION;
    const isLast = at + 16_384 >= block.length;
    head[4] = (at === 0 ? FLAG.END_STREAM : 0) | (isLast ? FLAG.END_HEADERS : 0);
    frames.push(Buffer.concat([head, part]));
  }
  return frames;
}
