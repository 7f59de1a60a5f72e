import type { Socket } from "node:net";

/** Tells a client that reads slowly from one that reads nothing at all, though bytes wait for it. */
export class StalledReader {
  readonly #socket: Socket;
  #taken = 0;
  #queued = 0;
  #stalledMs = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** To be called now and then; `sinceMs`: since the last call. Returns for how long nothing was taken. */
  look(sinceMs: number): number {
    const waiting = this.#socket.writableLength;
    const taken = this.#socket.bytesWritten - waiting;
    const queued = queuedBytes(this.#socket);
    // A write counts when all of it is with the kernel; how far a long one has come shows in the queue.
    const moves = taken !== this.#taken || queued < this.#queued;
    this.#taken = taken;
    this.#queued = queued;
    this.#stalledMs = waiting === 0 || moves ? 0 : this.#stalledMs + sinceMs;
    return this.#stalledMs;
  }
}

/** What was written and is not with the kernel. */
export function unsentBytes(socket: Socket): number {
  const given = (socket as { _handle?: { bytesWritten?: number } | null })._handle?.bytesWritten;
  // What libuv has not been given yet, and what it has left of the write under way.
  return given === undefined
    ? socket.writableLength
    : socket.bytesWritten - given + queuedBytes(socket);
}

/** What libuv still has of the write under way: node's own time limit of sockets looks at the same figure. */
function queuedBytes(socket: Socket): number {
  const handle = (socket as { _handle?: { writeQueueSize?: number } | null })._handle;
  return handle?.writeQueueSize ?? 0;
}
