/** Certificates for tests, made when they are needed: nothing in the repository expires. */
import { execFileSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

import {
  issue,
  type IssuedCertificate,
  type IssueOptions,
} from "../../runtime/primitives/tls/issuing.ts";

const DAY_MS = 86_400_000;

export type TestCertificate = IssuedCertificate;

/** A certificate for these names; self-signed unless an authority is given. */
export function certificateFor(
  names: readonly string[],
  options: Partial<IssueOptions> & { readonly days?: number } = {},
): Promise<TestCertificate> {
  const { days = 90, ...rest } = options;
  return issue({
    commonName: names[0] ?? "nobody",
    dns: names,
    notBefore: new Date(Date.now() - (days > 0 ? 1 : -days + 1) * DAY_MS),
    notAfter: new Date(Date.now() + days * DAY_MS),
    ...rest,
  });
}

export function authority(name = "Test authority"): Promise<TestCertificate> {
  return certificateFor([], { commonName: name, isAuthority: true });
}

export function fingerprintOf(certificate: TestCertificate): string {
  return new X509Certificate(certificate.cert).fingerprint256;
}

export function encryptedKey(certificate: TestCertificate, passphrase: string): string {
  return createPrivateKey(certificate.key)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase })
    .toString();
}

/** A finished handshake. The socket is open: end it. */
export async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed before the handshake was over")));
  });
  socket.on("error", () => {});
  return socket;
}

/** Fingerprint of what is served under a name (`undefined`: no name is sent). */
export async function servedFor(
  port: number,
  servername: string | undefined,
  options: ConnectionOptions = {},
): Promise<string> {
  const name = servername === undefined ? {} : { servername };
  const socket = await handshake(port, { ...name, ...options });
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** What `openssl s_client` prints; standard input is empty. */
export function sClient(port: number, ...args: string[]): string {
  return execFileSync("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...args], {
    input: "",
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
    timeout: 10_000,
  });
}
