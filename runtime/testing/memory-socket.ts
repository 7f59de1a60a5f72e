import type { Socket } from "node:net";
import { Duplex } from "node:stream";

import { activity } from "./activity.ts";

/** The two ends of a connection within this process. The client's end becomes one when it is opened. */
export interface SocketPair {
  readonly client: Socket;
  readonly server: Socket;
  /** The connection stands; `secure` says so for TLS, which is not spoken here. */
  readonly open: (secure: boolean, protocol: string | undefined) => void;
}

export function createSocketPair(): SocketPair {
  // A client's half closes by itself when the other side has ended, as that of net.connect does.
  const client = new MemorySocket(false);
  const server = new MemorySocket(true);
  client.peer = server;
  server.peer = client;
  // Whatever breaks is told to the client; the other side may not even have been asked.
  server.on("error", () => {});
  return {
    client: client as unknown as Socket,
    server: server as unknown as Socket,
    open: (secure, protocol) => {
      if (client.destroyed) return;
      client.connecting = false;
      if (secure) client.alpnProtocol = protocol;
      client.emit("connect");
      if (secure) client.emit("secureConnect");
    },
  };
}

/** As much of a Socket as node's and undici's HTTP look at. */
class MemorySocket extends Duplex {
  peer: MemorySocket | undefined;
  connecting = true;
  /** Undefined: no TLS. */
  alpnProtocol: string | undefined;
  bytesRead = 0;
  bytesWritten = 0;
  readonly remoteAddress = "127.0.0.1";
  readonly remoteFamily = "IPv4";
  readonly remotePort = 1;
  readonly localAddress = "127.0.0.1";
  readonly localPort = 1;
  /** The other side's write, until there is room here. */
  #onRoom: (() => void) | undefined;

  constructor(allowHalfOpen: boolean) {
    super({ allowHalfOpen, highWaterMark: 65_536 });
  }

  override _read(): void {
    const onRoom = this.#onRoom;
    this.#onRoom = undefined;
    if (onRoom !== undefined) process.nextTick(onRoom);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const { peer } = this;
    if (peer === undefined || peer.destroyed) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" }));
      return;
    }
    activity.count += 1;
    this.bytesWritten += chunk.length;
    peer.bytesRead += chunk.length;
    // A copy, as a kernel makes it: either side may free or fill its own memory again.
    const copy = Buffer.allocUnsafeSlow(chunk.length);
    chunk.copy(copy);
    if (peer.push(copy)) process.nextTick(done);
    else peer.#onRoom = done;
  }

  override _final(done: () => void): void {
    activity.count += 1;
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    activity.count += 1;
    const { peer } = this;
    this.peer = undefined;
    this.#onRoom?.();
    this.#onRoom = undefined;
    if (peer !== undefined && !peer.destroyed) process.nextTick(() => peer.#lose(this));
    done(error);
  }

  /** The other side is gone: with a clean end if it had ended, else with a reset. */
  #lose(peer: MemorySocket): void {
    if (this.destroyed) return;
    if (peer.writableFinished && !peer.errored) {
      this.end();
      return;
    }
    const reset = { code: "ECONNRESET", syscall: "read" };
    this.destroy(Object.assign(new Error("read ECONNRESET"), reset));
  }

  destroySoon(): void {
    if (!this.writableEnded) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  // There is no operating system below that would have to know.

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
