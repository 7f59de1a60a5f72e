/** The peers with TLS in front: one ECDSA P-256 certificate, HTTP/2 and HTTP/1.1 by ALPN. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { issue } from "../runtime/primitives/tls/issuing.ts";
import { caddyPeer, gatewright, nginxPeer, nodePeer, type Peer } from "./peers.ts";
import {
  caddyTlsProxy,
  gatewrightConfig,
  nginxTlsProxy,
  type CertificateFiles,
} from "./peers/configs.ts";

const YEAR_MS = 365 * 86_400_000;
export const SERVER_NAME = "bench.test";

export interface TlsPeers {
  readonly gatewright: Peer;
  readonly nginx: Peer;
  readonly caddy: Peer;
  /** `tls.createServer` and no more. */
  readonly bareTls: Peer;
  /** node:http2 and undici's dispatch. */
  readonly bareHttp2: Peer;
}

export async function withTlsPeers(use: (peers: TlsPeers) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "gatewright-bench-tls-"));
  try {
    const files = { cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
    const made = await issue({
      commonName: SERVER_NAME,
      dns: [SERVER_NAME, "localhost"],
      addresses: ["127.0.0.1"],
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + YEAR_MS),
    });
    writeFileSync(files.cert, made.cert);
    writeFileSync(files.key, made.key, { mode: 0o600 });
    await use(peersWith(files));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function peersWith(files: CertificateFiles): TlsPeers {
  const here = (name: string): string => join(import.meta.dirname, name);
  const args = [files.cert, files.key];
  return {
    gatewright: gatewright("Gatewright", (_dir, port, origin) =>
      gatewrightConfig(port, origin, false, files),
    ),
    nginx: nginxPeer("nginx", (dir, port, origin) => nginxTlsProxy(dir, port, origin, files)),
    caddy: caddyPeer((_dir, port, origin) => caddyTlsProxy(port, origin, files)),
    bareTls: nodePeer("bare tls.createServer", here("yardstick-tls.ts"), undefined, args),
    bareHttp2: nodePeer(
      "yardstick (node:http2 + undici dispatch)",
      here("yardstick-h2.ts"),
      undefined,
      args,
    ),
  };
}
