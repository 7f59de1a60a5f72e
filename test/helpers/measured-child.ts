/**
 * Loaded into a proxy under test (`--import`): collects its garbage and tells its sizes when asked over the channel, and
 * keeps account of what it holds between the sockets on both its sides.
 */
import { subscribe } from "node:diagnostics_channel";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";

declare const gc: (options: object) => void;

const SAMPLE_MS = 2;

/** One side's open sockets, and what those that are closed have carried. */
class Side {
  readonly #open = new Set<Socket>();
  readonly #bytesOf: (socket: Socket) => number;
  #before = 0;

  constructor(channel: string, bytesOf: (socket: Socket) => number) {
    this.#bytesOf = bytesOf;
    subscribe(channel, (message) => {
      const { socket } = message as { socket: Socket };
      this.#open.add(socket);
      socket.once("close", () => {
        this.#open.delete(socket);
        this.#before += bytesOf(socket);
      });
    });
  }

  get bytes(): number {
    let bytes = this.#before;
    for (const socket of this.#open) bytes += this.#bytesOf(socket);
    return bytes;
  }
}

const fromUpstreams = new Side("net.client.socket", (socket) => socket.bytesRead);
const toClients = new Side(
  "net.server.socket",
  (socket) => socket.bytesWritten - socket.writableLength,
);
let queuedBefore = 0;
let mostQueued = 0;
let sampler: NodeJS.Timeout | undefined;

function sample(): void {
  mostQueued = Math.max(mostQueued, fromUpstreams.bytes - toClients.bytes - queuedBefore);
}

process.on("message", (wanted) => {
  if (wanted === "queue") {
    queuedBefore = fromUpstreams.bytes - toClients.bytes;
    mostQueued = 0;
    sampler ??= setInterval(sample, SAMPLE_MS).unref();
    process.send?.({});
  } else if (wanted === "queued") {
    process.send?.({ bytes: mostQueued });
  } else if (wanted === "measure") {
    void collected().then(() => {
      process.send?.({
        heapBytes: process.memoryUsage().heapUsed,
        openFiles: readdirSync("/proc/self/fd").length,
      });
    });
  }
});
// The channel must not keep a proxy alive that has nothing else to do.
process.channel?.unref();

/**
 * Several times: what finalizers let go of is collected by the next one. Thoroughly: a plain collection leaves compiled
 * code of old scripts to later ones.
 */
async function collected(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
