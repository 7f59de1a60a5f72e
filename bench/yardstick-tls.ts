/**
 * The least that node can do for a handshake: one certificate, ALPN, the connection closed when the client closes it.
 *
 * node bench/yardstick-tls.ts PORT ORIGIN_PORT CERT KEY
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:tls";

const [port, , cert, key] = process.argv.slice(2);

createServer(
  {
    cert: readFileSync(cert ?? ""),
    key: readFileSync(key ?? ""),
    ALPNProtocols: ["h2", "http/1.1"],
  },
  (socket) => {
    socket.on("error", () => {});
    socket.resume();
  },
)
  .on("tlsClientError", () => {})
  .listen(Number(port), "127.0.0.1");
