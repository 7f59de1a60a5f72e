/**
 * What h2spec asks of a server, as frames of ours against our listener. Most of it is nghttp2's doing; that it stays so,
 * and that nothing of it leaves a stream or a session behind in our part, is what these tests hold.
 */
import { describe, expect, it } from "vitest";

import {
  CODE,
  connectFrames,
  data,
  fieldBlock,
  FLAG,
  frame,
  GET,
  goaway,
  headers,
  ping,
  POST,
  PREFACE,
  request,
  rstStream,
  settings,
  TYPE,
  uint32,
  windowUpdate,
  type FieldList,
  type FrameClient,
} from "../helpers/h2-frames.ts";
import { answer, listen, outcomeOf, readContent, type TestListener } from "../helpers/listening.ts";

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
  TYPE;
const { END_STREAM, END_HEADERS, PADDED, ACK } = FLAG;

/** Large enough not to fit the client's window: streams that are asked for it stay open. */
const LONG = "x".repeat(200_000);

async function server(): Promise<TestListener> {
  return listen(
    (exchange) => {
      const text = exchange.target === "/long" ? LONG : "ok";
      if (exchange.content === undefined) {
        answer(exchange, text);
        return;
      }
      readContent(exchange.content).then(
        () => answer(exchange, text),
        () => exchange.abort(),
      );
    },
    { h2c: true },
  );
}

/** Nothing is left of a client that has gone, nor of one that was told to go. */
async function expectNothingLeft(
  { listener, exchanges }: TestListener,
  client: FrameClient,
): Promise<void> {
  if (client.count(GOAWAY) > 0) await client.closed();
  client.destroy();
  for (const exchange of exchanges) await outcomeOf(exchange).closed;
  for (const exchange of exchanges) expect(outcomeOf(exchange).closes).toBe(1);
  await expect.poll(() => listener.stats().connections).toBe(0);
}

type Refused = [name: string, frames: readonly Buffer[], ...codes: number[]];

const LONG_GET = headers(1, request([":path", "/long"]));

const post = (length: string): Buffer => headers(1, [...POST, ["content-length", length]], false);

/** Each is answered by RST_STREAM or GOAWAY with one of the codes, or by the end of the connection. */
const REFUSED: readonly Refused[] = [
  [
    "4.2: a DATA frame beyond the maximum size",
    [headers(1, POST, false), data(1, "x".repeat(16_385), true)],
    CODE.FRAME_SIZE_ERROR,
  ],
  [
    "4.2: a HEADERS frame beyond the maximum size",
    [headers(1, [...POST, ["x-a", "x".repeat(16_385)]])],
    CODE.FRAME_SIZE_ERROR,
  ],
  [
    "4.3: a field block that cannot be decoded",
    [frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0x80]))],
    CODE.COMPRESSION_ERROR,
  ],
  [
    "4.3: PRIORITY within a field block",
    [
      frame(HEADERS, END_STREAM, 1, fieldBlock(GET)),
      frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 255])),
    ],
    CODE.PROTOCOL_ERROR,
  ],
  [
    "4.3: HEADERS of another stream within a field block",
    [frame(HEADERS, END_STREAM, 1, fieldBlock(GET)), headers(3)],
    CODE.PROTOCOL_ERROR,
  ],
  ["5.1: DATA on an idle stream", [data(1, "x", true)], CODE.PROTOCOL_ERROR],
  ["5.1: RST_STREAM on an idle stream", [rstStream(1)], CODE.PROTOCOL_ERROR],
  ["5.1: WINDOW_UPDATE on an idle stream", [windowUpdate(1, 100)], CODE.PROTOCOL_ERROR],
  [
    "5.1: CONTINUATION on an idle stream",
    [frame(CONTINUATION, END_HEADERS, 1, fieldBlock(GET))],
    CODE.PROTOCOL_ERROR,
  ],
  ["5.1: DATA after END_STREAM", [LONG_GET, data(1, "x")], CODE.STREAM_CLOSED],
  ["5.1: HEADERS after END_STREAM", [LONG_GET, headers(1)], CODE.STREAM_CLOSED],
  [
    "5.1: CONTINUATION after END_STREAM",
    [LONG_GET, frame(CONTINUATION, END_HEADERS, 1, fieldBlock(GET))],
    CODE.STREAM_CLOSED,
    CODE.PROTOCOL_ERROR,
  ],
  ["5.1.1: an even stream identifier", [headers(2)], CODE.PROTOCOL_ERROR],
  [
    "5.4.1: GOAWAY with a length that is too short",
    [frame(GOAWAY, 0, 0, Buffer.alloc(4))],
    CODE.FRAME_SIZE_ERROR,
  ],
  ["6.1: DATA on stream 0", [data(0, "x")], CODE.PROTOCOL_ERROR],
  [
    "6.1: padding as long as the frame",
    [headers(1, POST, false), frame(DATA, END_STREAM | PADDED, 1, Buffer.from([6, 1, 2, 3, 4, 5]))],
    CODE.PROTOCOL_ERROR,
  ],
  ["6.2: HEADERS on stream 0", [headers(0)], CODE.PROTOCOL_ERROR],
  [
    "6.2: padding as long as the frame",
    [
      frame(
        HEADERS,
        END_HEADERS | END_STREAM | PADDED,
        1,
        Buffer.concat([Buffer.from([250]), fieldBlock(GET)]),
      ),
    ],
    CODE.PROTOCOL_ERROR,
  ],
  [
    "6.3: PRIORITY with a length other than 5",
    [headers(1, POST, false), frame(PRIORITY, 0, 1, Buffer.alloc(4))],
    CODE.FRAME_SIZE_ERROR,
  ],
  ["6.4: RST_STREAM on stream 0", [rstStream(0)], CODE.PROTOCOL_ERROR],
  [
    "6.4: RST_STREAM with a length other than 4",
    [headers(1, POST, false), frame(RST_STREAM, 0, 1, Buffer.alloc(3))],
    CODE.FRAME_SIZE_ERROR,
  ],
  [
    "6.5: SETTINGS with ACK and a payload",
    [frame(SETTINGS, ACK, 0, Buffer.alloc(6))],
    CODE.FRAME_SIZE_ERROR,
  ],
  ["6.5: SETTINGS on a stream", [frame(SETTINGS, 0, 1)], CODE.PROTOCOL_ERROR],
  [
    "6.5: SETTINGS with a length that is no multiple of 6",
    [frame(SETTINGS, 0, 0, Buffer.alloc(3))],
    CODE.FRAME_SIZE_ERROR,
  ],
  ["6.5.2: ENABLE_PUSH other than 0 and 1", [settings([2, 2])], CODE.PROTOCOL_ERROR],
  [
    "6.5.2: INITIAL_WINDOW_SIZE beyond the maximum",
    [settings([4, 0x8000_0000])],
    CODE.FLOW_CONTROL_ERROR,
  ],
  ["6.5.2: MAX_FRAME_SIZE below 2^14", [settings([5, 16_383])], CODE.PROTOCOL_ERROR],
  ["6.5.2: MAX_FRAME_SIZE above 2^24-1", [settings([5, 16_777_216])], CODE.PROTOCOL_ERROR],
  ["6.7: PING on a stream", [frame(PING, 0, 1, Buffer.alloc(8))], CODE.PROTOCOL_ERROR],
  [
    "6.7: PING with a length other than 8",
    [frame(PING, 0, 0, Buffer.alloc(6))],
    CODE.FRAME_SIZE_ERROR,
  ],
  ["6.8: GOAWAY on a stream", [frame(GOAWAY, 0, 1, Buffer.alloc(8))], CODE.PROTOCOL_ERROR],
  ["6.9: WINDOW_UPDATE of 0 on the connection", [windowUpdate(0, 0)], CODE.PROTOCOL_ERROR],
  ["6.9: WINDOW_UPDATE of 0 on a stream", [LONG_GET, windowUpdate(1, 0)], CODE.PROTOCOL_ERROR],
  [
    "6.9: WINDOW_UPDATE with a length other than 4",
    [frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    CODE.FRAME_SIZE_ERROR,
  ],
  [
    "6.9.1: a connection window beyond 2^31-1",
    [windowUpdate(0, 0x7fff_ffff), windowUpdate(0, 0x7fff_ffff)],
    CODE.FLOW_CONTROL_ERROR,
  ],
  [
    "6.9.2: a window that a change of settings takes beyond 2^31-1",
    [LONG_GET, windowUpdate(1, 0x7fff_0000), settings([4, 0x7fff_ffff])],
    CODE.FLOW_CONTROL_ERROR,
  ],
  [
    "6.10: CONTINUATION on stream 0",
    [
      frame(HEADERS, END_STREAM, 1, fieldBlock(GET)),
      frame(CONTINUATION, END_HEADERS, 0, fieldBlock([["x-a", "1"]])),
    ],
    CODE.PROTOCOL_ERROR,
  ],
  [
    "6.10: CONTINUATION after END_HEADERS",
    [LONG_GET, frame(CONTINUATION, END_HEADERS, 1, fieldBlock([["x-a", "1"]]))],
    CODE.PROTOCOL_ERROR,
    CODE.STREAM_CLOSED,
  ],
  [
    "6.10: CONTINUATION after DATA",
    [
      headers(1, POST, false),
      data(1, "x"),
      frame(CONTINUATION, END_HEADERS, 1, fieldBlock([["x-a", "1"]])),
    ],
    CODE.PROTOCOL_ERROR,
  ],
  [
    "8.2: PUSH_PROMISE from a client",
    [frame(TYPE.PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), fieldBlock(GET)]))],
    CODE.PROTOCOL_ERROR,
  ],
  [
    "HPACK 2.3.3: an index beyond the tables",
    [frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0xff, 0x50]))],
    CODE.COMPRESSION_ERROR,
  ],
  [
    "HPACK 4.2: a table size beyond the setting",
    [
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([Buffer.from([0x3f, 0xe2, 0x5f]), fieldBlock(GET)]),
      ),
    ],
    CODE.COMPRESSION_ERROR,
  ],
  [
    "HPACK 4.2: a change of the table's size after a field",
    [
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([fieldBlock(GET), Buffer.from([0x20])]),
      ),
    ],
    CODE.COMPRESSION_ERROR,
  ],
  [
    "HPACK 5.2: Huffman padding of more than 7 bits",
    [
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([
          fieldBlock(GET),
          Buffer.from([0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]),
        ]),
      ),
    ],
    CODE.COMPRESSION_ERROR,
  ],
  [
    "HPACK 5.2: Huffman padding that is not EOS",
    [
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([
          fieldBlock(GET),
          Buffer.from([0, 0x85, 0xf2, 0xb2, 0x4a, 0x87, 0xff, 0x83, 0x49, 0x50, 0x90]),
        ]),
      ),
    ],
    CODE.COMPRESSION_ERROR,
  ],
  [
    "HPACK 6.1: index 0",
    [frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0x80]))],
    CODE.COMPRESSION_ERROR,
  ],
  // Malformed messages too, but node ends the whole connection over DATA beyond the length.
  [
    "8.1.1: a length short of the DATA",
    [post("1"), data(1, "xx", true)],
    CODE.PROTOCOL_ERROR,
    CODE.INTERNAL_ERROR,
  ],
  [
    "8.1.1: a length that several DATA frames exceed",
    [post("3"), data(1, "xx"), data(1, "xx", true)],
    CODE.PROTOCOL_ERROR,
    CODE.INTERNAL_ERROR,
  ],
];

/** Malformed messages (§8.1.1): stream errors of the one kind. */
const MALFORMED: readonly (readonly [name: string, frames: readonly Buffer[]])[] = [
  [
    "8.1: a second HEADERS without END_STREAM",
    [headers(1, POST, false), headers(1, [["x-a", "1"]], false)],
  ],
  ["8.2.1: a name in upper case", [headers(1, request(["X-A", "1"]))]],
  ["8.2.2: Connection", [headers(1, request(["connection", "keep-alive"]))]],
  ["8.2.2: Keep-Alive", [headers(1, request(["keep-alive", "1"]))]],
  ["8.2.2: Proxy-Connection", [headers(1, request(["proxy-connection", "keep-alive"]))]],
  [
    "8.2.2: Transfer-Encoding (PUB-03)",
    [headers(1, [...POST, ["transfer-encoding", "chunked"]], false)],
  ],
  [
    "8.2.2: Transfer-Encoding beside a length (PUB-03)",
    [headers(1, [...POST, ["content-length", "5"], ["transfer-encoding", "chunked"]], false)],
  ],
  ["8.2.2: Upgrade", [headers(1, request(["upgrade", "websocket"]))]],
  ["8.2.2: TE other than trailers", [headers(1, request(["te", "trailers, deflate"]))]],
  ["8.3: an unknown pseudo-field", [headers(1, request([":test", "1"]))]],
  ["8.3: a pseudo-field of responses", [headers(1, request([":status", "200"]))]],
  ["8.3: a pseudo-field in trailers", [headers(1, POST, false), headers(1, [[":method", "GET"]])]],
  ["8.3: a pseudo-field after another field", [headers(1, [["x-a", "1"], ...GET])]],
  ["8.3.1: an empty :path", [headers(1, request([":path", ""]))]],
  ["8.3.1: no :method", [headers(1, without(":method"))]],
  ["8.3.1: no :scheme", [headers(1, without(":scheme"))]],
  ["8.3.1: no :path", [headers(1, without(":path"))]],
  ["8.3.1: neither :authority nor Host (PUB-07)", [headers(1, without(":authority"))]],
  ["8.3.1: two :method", [headers(1, [[":method", "GET"], ...GET])]],
  ["8.3.1: two :scheme", [headers(1, [[":scheme", "http"], ...GET])]],
  ["8.3.1: two :path", [headers(1, [[":path", "/"], ...GET])]],
  ["8.3.1: two :authority", [headers(1, [[":authority", "a.test"], ...GET])]],
  ["8.3.1: user information in :authority", [headers(1, request([":authority", "a.test@b.test"]))]],
  ["8.3.1: a :path that is none", [headers(1, request([":path", "a"]))]],
  ["8.3.1: a space in :path", [headers(1, request([":path", "/ HTTP/1.1"]))]],
  ["8.3.1: a line break in :path", [headers(1, request([":path", "/\r\nX-A: 1"]))]],
  ["8.3.1: a line break in :method", [headers(1, request([":method", "GET / HTTP/1.1\r\n"]))]],
  [
    "8.1.1: a length beyond the DATA",
    [headers(1, [...POST, ["content-length", "3"]], false), data(1, "xx", true)],
  ],
  ["8.1.1: a length without any DATA", [headers(1, [...POST, ["content-length", "3"]])]],
  [
    "8.1.1: two lengths (PUB-03)",
    [
      headers(1, [...POST, ["content-length", "2"], ["content-length", "2"]], false),
      data(1, "xx", true),
    ],
  ],
  [
    "8.1.1: a length with a sign (PUB-03)",
    [headers(1, [...POST, ["content-length", "+2"]], false), data(1, "xx", true)],
  ],
  [
    "8.1.1: a list of lengths (PUB-03)",
    [headers(1, [...POST, ["content-length", "2, 2"]], false), data(1, "xx", true)],
  ],
];

function without(name: string): FieldList {
  return GET.filter(([known]) => known !== name);
}

describe("what RFC 9113 and RFC 7541 forbid a client", () => {
  it.each(REFUSED)("%s is refused", async (...[, frames, ...codes]) => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(...frames);
    const refusal = await client.refusal(1);
    if (refusal.kind !== "close") expect(codes).toContain(refusal.code);
    await expectNothingLeft(served, client);
  });

  it.each(MALFORMED)("%s is a stream error, and others go on", async (_name, frames) => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(...frames);
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: CODE.PROTOCOL_ERROR });
    client.send(headers(3));
    expect(await client.status(3)).toBe(200);
    await expectNothingLeft(served, client);
  });

  it.each([
    ["bytes of something else", Buffer.from("INVALID CONNECTION PREFACE\r\n\r\n")],
    ["a preface that goes wrong at its end", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\t")],
  ])("3.4: %s instead of the preface is not HTTP/2", async (_name, bytes) => {
    const served = await server();
    const client = await connectFrames(served.port, { greet: false });
    client.send(bytes);
    await client.closed();
    expect(served.exchanges).toHaveLength(0);
    await expectNothingLeft(served, client);
  });

  it("3.4: a preface without SETTINGS is an error", async () => {
    const served = await server();
    const client = await connectFrames(served.port, { greet: false });
    client.send(PREFACE, headers(1));
    expect((await client.refusal(1)).code).toBe(CODE.PROTOCOL_ERROR);
    await expectNothingLeft(served, client);
  });
});

describe("what RFC 9113 asks a server to bear", () => {
  it.each<readonly [name: string, frames: readonly Buffer[]]>([
    ["4.1: a frame of an unknown type", [frame(0x16, 0, 0, Buffer.alloc(8))]],
    ["4.1: undefined flags", [frame(PING, 0xfe, 0, Buffer.alloc(8))]],
    ["4.1: the reserved bit", [frame(PING, 0, 0x8000_0000, Buffer.alloc(8))]],
    ["5.1: PRIORITY on an idle stream", [frame(PRIORITY, 0, 3, Buffer.from([0, 0, 0, 0, 255]))]],
    ["5.5: an unknown extension on a stream", [frame(0x16, 0, 1, Buffer.alloc(8))]],
    ["6.5.2: an unknown setting", [settings([0xff, 1])]],
    ["6.5.2: two values for one setting", [settings([4, 100], [4, 65_535])]],
    ["6.5.3: settings", [settings([3, 10])]],
  ])("%s", async (_name, frames) => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(...frames, headers(1));
    expect(await client.status(1)).toBe(200);
    expect((await client.content(1)).toString()).toBe("ok");
    expect(await client.isAlive()).toBe(true);
    await expectNothingLeft(served, client);
  });

  it.each<readonly [name: string, frames: readonly Buffer[]]>([
    [
      "6.2: HEADERS with PRIORITY",
      [
        frame(
          HEADERS,
          END_HEADERS | END_STREAM | FLAG.PRIORITY,
          1,
          Buffer.concat([Buffer.from([0, 0, 0, 0, 15]), fieldBlock(GET)]),
        ),
      ],
    ],
    [
      "6.2: HEADERS with padding",
      [
        frame(
          HEADERS,
          END_HEADERS | END_STREAM | PADDED,
          1,
          Buffer.concat([Buffer.from([4]), fieldBlock(GET), Buffer.alloc(4)]),
        ),
      ],
    ],
    [
      "6.1: DATA with padding",
      [
        headers(1, POST, false),
        frame(
          DATA,
          END_STREAM | PADDED,
          1,
          Buffer.concat([Buffer.from([3]), Buffer.from("xx"), Buffer.alloc(3)]),
        ),
      ],
    ],
    [
      "6.10: a head in several frames",
      [
        frame(HEADERS, END_STREAM, 1, fieldBlock(GET)),
        frame(CONTINUATION, 0, 1, fieldBlock([["x-a", "1"]])),
        frame(CONTINUATION, END_HEADERS, 1, fieldBlock([["x-b", "2"]])),
      ],
    ],
    ["8.1: trailers", [headers(1, POST, false), data(1, "xx"), headers(1, [["x-sum", "1"]])]],
    ["8.2.2: TE with trailers", [headers(1, request(["te", "trailers"]))]],
    [
      "8.3.1: Host instead of :authority",
      [headers(1, [...without(":authority"), ["host", "a.test"]])],
    ],
    ["8.3.1: Host equal to :authority", [headers(1, request(["host", "A.TEST"]))]],
    ["8.3.1: POST without content", [headers(1, POST)]],
  ])("%s", async (_name, frames) => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(...frames);
    expect(await client.status(1)).toBe(200);
    await client.content(1);
    await expectNothingLeft(served, client);
  });

  it("6.7: PING is answered with its payload", async () => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(ping("abcdefgh"));
    const pong = await client.frame(({ type }) => type === PING);
    expect([pong.flags, pong.payload.toString()]).toEqual([ACK, "abcdefgh"]);
    await expectNothingLeft(served, client);
  });

  it("6.9: windows of one byte, and of none, are kept to (§6.9.2)", async () => {
    const served = await server();
    const client = await connectFrames(served.port, { settings: settings([4, 1]) });
    client.send(headers(1));
    await client.frame(({ type }) => type === DATA);
    expect(client.received(1).toString()).toBe("o");
    client.send(windowUpdate(1, 1));
    expect((await client.content(1)).toString()).toBe("ok");
    client.send(settings([4, 0]), headers(3));
    expect(await client.isAlive()).toBe(true);
    expect(client.received(3)).toHaveLength(0);
    client.send(settings([4, 2]));
    expect((await client.content(3)).toString()).toBe("ok");
    await expectNothingLeft(served, client);
  });

  it("6.9.2: a window that settings take below zero waits until it is above", async () => {
    const served = await server();
    const client = await connectFrames(served.port, { settings: settings([4, 3]) });
    client.send(headers(1, request([":path", "/long"])));
    await client.frame(({ type }) => type === DATA);
    client.send(settings([4, 2]), windowUpdate(1, 1));
    expect(await client.isAlive()).toBe(true);
    expect(client.received(1)).toHaveLength(3);
    client.send(windowUpdate(1, 1));
    await expect.poll(() => client.received(1).length).toBe(4);
    await expectNothingLeft(served, client);
  });

  it("7: RST_STREAM and GOAWAY with unknown codes", async () => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(headers(1, request([":path", "/long"])), rstStream(1, 0xff));
    expect(await client.isAlive()).toBe(true);
    client.send(goaway(0, 0xff));
    await client.closed();
    await expectNothingLeft(served, client);
  });
});

/**
 * Decided within nghttp2, before anything reaches JavaScript, and otherwise than h2spec would have it. None may leave a
 * stream or a session behind.
 */
const KNOWN: readonly (readonly [name: string, reason: string, frames: readonly Buffer[]])[] = [
  [
    "5.1: DATA after RST_STREAM",
    "ignored: it may have been under way",
    [headers(1, POST, false), rstStream(1), data(1, "x", true)],
  ],
  [
    "5.1: HEADERS after RST_STREAM",
    "ignored: it may have been under way",
    [headers(1, POST, false), rstStream(1), headers(1)],
  ],
  [
    "5.1: DATA on a closed stream",
    "ignored: closed streams are forgotten",
    [headers(1), data(1, "x", true)],
  ],
  [
    "5.1: HEADERS on a closed stream",
    "ignored: closed streams are forgotten",
    [headers(1), headers(1)],
  ],
  [
    "5.1.1: a lower stream identifier",
    "ignored: it counts as a stream that was closed",
    [headers(5), headers(3)],
  ],
  [
    "5.3.1: HEADERS that depend on themselves",
    "ignored: RFC 9113 §5.3 has no priorities",
    [
      frame(
        HEADERS,
        END_HEADERS | END_STREAM | FLAG.PRIORITY,
        1,
        Buffer.concat([Buffer.from([0, 0, 0, 1, 255]), fieldBlock(GET)]),
      ),
    ],
  ],
  [
    "5.3.1: PRIORITY that depends on itself",
    "ignored: RFC 9113 §5.3 has no priorities",
    [frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 1, 255]))],
  ],
  [
    "6.3: PRIORITY on stream 0",
    "ignored: RFC 9113 §5.3 has no priorities",
    [frame(PRIORITY, 0, 0, Buffer.alloc(5))],
  ],
  [
    "6.7: PING with ACK that nobody waits for",
    "ends the connection: node takes it for an error",
    [ping("abcdefgh", ACK)],
  ],
  [
    "6.9.1: a stream window beyond 2^31-1",
    "a stream error, unless its content is out already",
    [headers(1), windowUpdate(1, 0x7fff_ffff), windowUpdate(1, 0x7fff_ffff)],
  ],
];

describe("what nghttp2 decides by itself", () => {
  it.each(KNOWN)("%s: %s", async (_name, _reason, frames) => {
    const served = await server();
    const client = await connectFrames(served.port);
    client.send(...frames);
    client.send(headers(7));
    await Promise.race([
      client.status(7).catch(() => undefined),
      client.refusal(7).catch(() => undefined),
    ]);
    await expectNothingLeft(served, client);
  });
});
