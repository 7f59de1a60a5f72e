/** An origin of long contents, and readers at a pace of their own: for tests of back pressure. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect as connectHttp2, type ClientHttp2Stream } from "node:http2";
import { createServer, type AddressInfo, type Socket } from "node:net";

import type { TestProtocol } from "./protocol-matrix.ts";

const PATTERN_BYTES = 64 * 1024;
/** Not a multiple of any buffer's size: a lost or repeated chunk moves everything behind it. */
const PATTERN = Buffer.from(
  Array.from({ length: PATTERN_BYTES - 15 }, (_, i) => (i * 31 + (i >> 8)) & 0xff),
);

export interface PatternOrigin {
  readonly url: string;
  /** Of the content, SHA-256. */
  readonly digest: string;
  /** Every request's transfer, in order. */
  readonly transfers: readonly Transfer[];
  close(): void;
}

/** One content on its way. */
export interface Transfer {
  /** Bytes of it that the kernel has taken. */
  readonly acceptedBytes: number;
  /** When its connection was closed, by `performance.now()`. */
  readonly closedAt: number | undefined;
  readonly closed: Promise<void>;
}

/** Answers every request with the same content of this length. */
export async function startPatternOrigin(bytes: number): Promise<PatternOrigin> {
  const transfers: Transfer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // One for each transfer, and a connection carries many.
    socket.setMaxListeners(0);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let head = "";
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      head = "";
      transfers.push(send(socket, bytes));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    digest: patternDigest(bytes),
    transfers,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** SHA-256 of a content of this length. */
export function patternDigest(bytes: number): string {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes; at += PATTERN.length) hash.update(piece(at, bytes));
  return hash.digest("hex");
}

function send(socket: Socket, bytes: number): Transfer {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const transfer = { acceptedBytes: 0, closedAt: undefined as number | undefined, closed };
  socket.once("close", () => {
    transfer.closedAt = performance.now();
    resolve();
  });
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
  let at = 0;
  const next = (): void => {
    if (at >= bytes || socket.destroyed) return;
    const chunk = piece(at, bytes);
    at += chunk.length;
    // One at a time: what the callback has not told is still ours.
    socket.write(chunk, (error) => {
      if (error) return;
      transfer.acceptedBytes += chunk.length;
      next();
    });
  };
  next();
  return transfer;
}

/** What a content of this length consists of, from this byte on: at most one buffer full. */
export function piece(at: number, bytes: number): Buffer {
  return PATTERN.subarray(0, Math.min(PATTERN.length, bytes - at));
}

/** A GET whose content is read only as far, or as fast, as the test says. */
export class PacedReader {
  receivedBytes = 0;
  readonly response: IncomingMessage | ClientHttp2Stream;
  readonly #hash = createHash("sha256");
  readonly #ended: Promise<void>;
  #limit = 0;
  #onLimit: (() => void) | undefined;

  private constructor(response: IncomingMessage | ClientHttp2Stream) {
    this.response = response;
    this.#ended = new Promise((resolve, reject) => {
      response.once("end", resolve);
      response.once("error", reject);
      response.once("aborted", () => reject(new Error("the response was cut")));
    });
    this.#ended.catch(() => {});
    response.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.#hash.update(chunk);
      if (this.receivedBytes < this.#limit) return;
      response.pause();
      this.#onLimit?.();
    });
    response.pause();
  }

  /** One request on a connection of its own. */
  static async open(url: string, protocol: TestProtocol = "HTTP/1.1"): Promise<PacedReader> {
    if (protocol === "HTTP/2") {
      const session = connectHttp2(url);
      session.on("error", () => {});
      const { pathname, search } = new URL(url);
      const stream = session.request({ ":path": pathname + search });
      stream.on("close", () => session.destroy());
      await once(stream, "response");
      return new PacedReader(stream);
    }
    const sent = request(url, { agent: false });
    sent.end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    sent.on("error", () => {});
    return new PacedReader(response);
  }

  /** Reads on until at least so many bytes are there, then stops. */
  async readThrough(bytes: number): Promise<void> {
    if (this.receivedBytes >= bytes) return;
    this.#limit = bytes;
    const reached = new Promise<void>((resolve) => (this.#onLimit = resolve));
    this.response.resume();
    await Promise.race([reached, this.#ended]);
  }

  /** Reads the rest; resolves with its SHA-256. Rejects if it was cut. */
  async readAll(): Promise<string> {
    this.#limit = Infinity;
    this.response.resume();
    await this.#ended;
    return this.#hash.digest("hex");
  }

  /** As `readAll`, at most so fast. */
  async readAllAt(bytesPerSecond: number): Promise<string> {
    const startedAt = performance.now();
    const had = this.receivedBytes;
    let ended = false;
    void this.#ended.then(() => (ended = true));
    while (!ended) {
      const allowed = had + ((performance.now() - startedAt) / 1000) * bytesPerSecond;
      await this.readThrough(Math.ceil(allowed));
      const aheadMs = ((this.receivedBytes - allowed) / bytesPerSecond) * 1000;
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, aheadMs)));
    }
    await this.#ended;
    return this.#hash.digest("hex");
  }

  abort(): void {
    this.response.destroy();
  }
}
