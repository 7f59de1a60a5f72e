/**
 * Makes handshakes: each connection is ended as soon as it stands, and the next one begins. Prints how many there were as
 * JSON.
 *
 * node bench/tls-load.ts PORT full|resumed TLSv1.2|TLSv1.3 SECONDS
 */
import { connect, type ConnectionOptions, type SecureVersion } from "node:tls";

const [port, kind, version, seconds] = process.argv.slice(2);
const AT_ONCE = 16;

/** The same work for every server: one group and one suite, neither of which depends on the OpenSSL behind it. */
const OPTIONS: ConnectionOptions = {
  port: Number(port),
  host: "127.0.0.1",
  servername: "bench.test",
  rejectUnauthorized: false,
  minVersion: version as SecureVersion,
  maxVersion: version as SecureVersion,
  // A P-256 certificate needs its group offered in TLS 1.2; the first one is taken.
  ecdhCurve: "X25519:P-256",
  ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
  ALPNProtocols: ["http/1.1"],
};

let done = 0;
let errors = 0;

function open(session: Buffer | undefined, over: () => void): void {
  const socket = connect(session === undefined ? OPTIONS : { ...OPTIONS, session });
  socket.on("secureConnect", () => {
    if (socket.isSessionReused() === (session !== undefined)) done += 1;
    else errors += 1;
    socket.end();
  });
  socket.on("error", () => (errors += 1));
  socket.on("close", over);
  socket.resume();
}

/** A session for all the connections to come. TLS 1.3 brings it after the handshake. */
function firstSession(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(OPTIONS);
    socket.on("session", (session: Buffer) => {
      resolve(session);
      socket.end();
    });
    socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n"));
    socket.on("error", reject);
    socket.resume();
  });
}

const session = kind === "resumed" ? await firstSession() : undefined;
const until = performance.now() + Number(seconds) * 1000;
await Promise.all(
  Array.from(
    { length: AT_ONCE },
    () =>
      new Promise<void>((resolve) => {
        const next = (): void => {
          if (performance.now() < until) open(session, next);
          else resolve();
        };
        next();
      }),
  ),
);
console.log(JSON.stringify({ done, errors }));
