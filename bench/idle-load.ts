/**
 * Holds connections: opens them, makes one request on each, says so on standard output ("ready"), and keeps them until
 * its standard input ends.
 *
 * node bench/idle-load.ts PORT COUNT
 */
import { connect } from "node:tls";

const [port, count] = process.argv.slice(2).map(Number);
const AT_ONCE = 50;

function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port: port ?? 0,
      host: "127.0.0.1",
      servername: "bench.test",
      rejectUnauthorized: false,
      ecdhCurve: "X25519",
      ALPNProtocols: ["http/1.1"],
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server has closed a connection")));
    socket.on("secureConnect", () =>
      socket.write("GET /small HTTP/1.1\r\nHost: bench.test\r\n\r\n"),
    );
    socket.on("data", () => resolve());
  });
}

let left = count ?? 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await open();
  }),
);
process.stdout.write("ready\n");
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
