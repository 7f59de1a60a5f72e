/** As much of Deno as uNetworking/h1spec uses, over node:net. Preloaded into the process that runs the suite. */
import { connect } from "node:net";
import { argv, exit } from "node:process";

globalThis.Deno = {
  args: argv.slice(2),
  exit,
  async connect({ hostname, port }) {
    const socket = connect({ host: hostname, port });
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    // The suite leaves connections open and waits on timers of its own.
    socket.unref();
    const chunks = [];
    let over = false;
    let closed = false;
    let wake = () => {};
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      wake();
    });
    const end = () => {
      over = true;
      wake();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
    return {
      write: (bytes) =>
        new Promise((resolve) => {
          socket.write(bytes, () => resolve(bytes.length));
        }),
      async read(target) {
        while (chunks.length === 0 && !over) await new Promise((resolve) => (wake = resolve));
        if (closed) throw new Error("closed while reading");
        const chunk = chunks.shift();
        if (chunk === undefined) return null;
        const size = Math.min(chunk.length, target.length);
        target.set(chunk.subarray(0, size));
        return size;
      },
      close() {
        closed = true;
        socket.destroy();
      },
    };
  },
};
