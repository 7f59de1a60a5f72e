/** Certificates for tests, made when they are needed: nothing in the repository expires. */
import { spawn } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
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

/** What `openssl s_client` prints; its standard input is `input`. */
export async function sClient(
  port: number,
  args: readonly string[],
  input = "",
): Promise<{ text: string; code: number | null }> {
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...args]);
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { text, code };
}

export interface Visit {
  readonly isReused: boolean;
  readonly fingerprint: string;
  readonly status: number;
  readonly text: string;
  /** The newest session the server gave, for the next visit. */
  readonly session: Buffer | undefined;
}

/** One connection with one request. */
export async function visit(
  port: number,
  options: ConnectionOptions & { readonly host?: string; readonly authority?: string } = {},
): Promise<Visit> {
  const { authority: host = options.servername ?? "a.test", ...rest } = options;
  const socket = await handshake(port, rest);
  // TLS 1.2 has given it by now, TLS 1.3 does with the first content.
  let session: Buffer | undefined = socket.getSession();
  socket.on("session", (newest: Buffer) => (session = newest));
  const isReused = socket.isSessionReused();
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket) text += (chunk as Buffer).toString("latin1");
  socket.destroy();
  return {
    isReused,
    fingerprint: fingerprint256,
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0),
    text,
    session,
  };
}
