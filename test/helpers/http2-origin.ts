/** Origins that speak HTTP/2: one of node:http2, and one that writes frames by hand for what node would never do. */
import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

import { DeadlineWheel } from "../../runtime/clock.ts";
import type { Http2Upstream, Http2UpstreamOptions } from "../../runtime/upstream/http2-upstream.ts";
import { createHttp2Upstream } from "../../runtime/upstream/http2-upstream.ts";
import { targetFor } from "./upstream-fixture.ts";

export interface Http2Request {
  readonly stream: ServerHttp2Stream;
  /** Pseudo-fields included, in order. */
  readonly fields: string[];
  readonly method: string;
  readonly path: string;
}

export interface Http2Origin {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly server: Http2Server;
  readonly requests: Http2Request[];
  /** Every connection that was ever made. */
  readonly sessions: ServerHttp2Session[];
  /** Resolves when this many requests have come. */
  arrived(count: number): Promise<Http2Request>;
}

export type OnRequest = (request: Http2Request) => void;

export interface Http2OriginOptions extends ServerOptions {
  /** PEM, for TLS. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly onRequest?: OnRequest;
}

/** Answers with 200 and the path unless told otherwise; closed with its test. */
export async function http2Origin(options: Http2OriginOptions = {}): Promise<Http2Origin> {
  const { onRequest = answerPath, ...rest } = options;
  const http2Options = { strictSingleValueFields: false, ...rest } as ServerOptions;
  const server =
    options.cert === undefined ? createServer(http2Options) : createSecureServer(http2Options);
  const requests: Http2Request[] = [];
  const sessions: ServerHttp2Session[] = [];
  const waiting = new Set<() => void>();
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, head, _flags, fields) => {
    stream.on("error", () => {});
    const request: Http2Request = {
      stream: stream as ServerHttp2Stream,
      fields: fields as unknown as string[],
      method: String(head[":method"]),
      path: String(head[":path"]),
    };
    requests.push(request);
    onRequest(request);
    for (const wake of waiting) wake();
    waiting.clear();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: "127.0.0.1",
    port,
    url: `${options.cert === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    server: server as Http2Server,
    requests,
    sessions,
    async arrived(count) {
      while (requests.length < count) await new Promise<void>((resolve) => waiting.add(resolve));
      return requests[count - 1] as Http2Request;
    },
  };
}

function answerPath({ stream, path }: Http2Request): void {
  stream.respond({ ":status": 200 });
  stream.end(path);
}

/** An HTTP/2 upstream over these places whose connections end with the test; a fault of a receiver fails it. */
export function http2UpstreamOver(
  places: readonly { host: string; port: number }[],
  options: Partial<Http2UpstreamOptions> = {},
): Http2Upstream {
  const faults: unknown[] = [];
  const upstream = createHttp2Upstream({
    name: "toys",
    targets: places.map((place) => targetFor(place)),
    maxConnections: 4,
    maxStreams: 100,
    maxQueue: 16,
    queueTimeoutMs: 5000,
    idleTimeoutMs: 60_000,
    wheel: new DeadlineWheel(),
    onFault: (error) => faults.push(error),
    ...options,
  });
  onTestFinished(() => {
    void upstream.close();
    if (faults.length > 0) throw faults[0];
  });
  return upstream;
}

// --- frames by hand (RFC 9113 §4.1) ---

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const;

export const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export class FrameConnection {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  #held = Buffer.alloc(0);
  #prefaceLeft = PREFACE.length;
  readonly #isMute: boolean;
  readonly #onFrame: (frame: Frame, connection: FrameConnection) => void;

  constructor(
    socket: Socket,
    isMute: boolean,
    onFrame: (frame: Frame, connection: FrameConnection) => void,
  ) {
    this.socket = socket;
    this.#isMute = isMute;
    this.#onFrame = onFrame;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  send(type: number, flags: number, stream: number, payload: Buffer | string = ""): void {
    const bytes = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
    const head = Buffer.alloc(9);
    head.writeUIntBE(bytes.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    this.socket.write(Buffer.concat([head, bytes]));
  }

  settings(entries: readonly (readonly [id: number, value: number])[] = []): void {
    const payload = Buffer.alloc(entries.length * 6);
    entries.forEach(([id, value], i) => {
      payload.writeUInt16BE(id, i * 6);
      payload.writeUInt32BE(value, i * 6 + 2);
    });
    this.send(FRAME.settings, 0, 0, payload);
  }

  /** A head of literal lines (RFC 7541 §6.2.2), `:status` first. */
  headers(stream: number, lines: readonly string[], flags = 0): void {
    const parts: Buffer[] = [];
    for (let at = 0; at < lines.length; at += 2) {
      const name = Buffer.from(lines[at] as string, "latin1");
      const value = Buffer.from(lines[at + 1] as string, "latin1");
      parts.push(Buffer.from([0, name.length]), name, Buffer.from([value.length]), value);
    }
    this.send(FRAME.headers, END_HEADERS | flags, stream, Buffer.concat(parts));
  }

  reset(stream: number, code: number): void {
    this.send(FRAME.reset, 0, stream, uint32(code));
  }

  goaway(lastStream: number, code: number): void {
    this.send(FRAME.goaway, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
  }

  #take(chunk: Buffer): void {
    const skipped = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skipped;
    this.#held = Buffer.concat([this.#held, chunk.subarray(skipped)]);
    while (this.#held.length >= 9) {
      const length = this.#held.readUIntBE(0, 3);
      if (this.#held.length < 9 + length) return;
      const frame = {
        type: this.#held.readUInt8(3),
        flags: this.#held.readUInt8(4),
        stream: this.#held.readUInt32BE(5),
        payload: this.#held.subarray(9, 9 + length),
      };
      this.#held = this.#held.subarray(9 + length);
      this.frames.push(frame);
      if (frame.type === FRAME.settings && (frame.flags & ACK) === 0 && !this.#isMute) {
        this.send(FRAME.settings, ACK, 0);
      }
      this.#onFrame(frame, this);
    }
  }
}

export interface FrameOrigin {
  readonly host: string;
  readonly port: number;
  readonly connections: FrameConnection[];
  /** Resolves when such a frame has come, on any connection. */
  saw(condition: (frame: Frame) => boolean): Promise<Frame>;
}

export interface FrameOriginOptions {
  /** Sent at once. Default: empty SETTINGS. `"none"`: nor are the client's acknowledged. */
  readonly settings?: readonly (readonly [id: number, value: number])[] | "none";
  readonly onFrame?: (frame: Frame, connection: FrameConnection) => void;
}

/** Writes what it is told to, right or wrong. It acknowledges SETTINGS and nothing else. */
export async function frameOrigin(options: FrameOriginOptions = {}): Promise<FrameOrigin> {
  const connections: FrameConnection[] = [];
  const waiting = new Set<() => void>();
  const server = createTcpServer({ noDelay: true }, (socket) => {
    const isMute = options.settings === "none";
    const connection = new FrameConnection(socket, isMute, (frame, on) => {
      options.onFrame?.(frame, on);
      for (const wake of waiting) wake();
      waiting.clear();
    });
    connections.push(connection);
    if (options.settings !== "none") connection.settings(options.settings);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const { socket } of connections) socket.destroy();
    server.close();
  });
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    connections,
    async saw(condition) {
      for (;;) {
        for (const { frames } of connections) {
          const found = frames.find(condition);
          if (found !== undefined) return found;
        }
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
  };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
