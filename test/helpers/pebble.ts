/**
 * Let's Encrypt's test CA `pebble` (Debian package of that name) with a resolver that takes every name for 127.0.0.1.
 *
 * ```ts
 * const ca = await startPebble({ httpPort, tlsPort });
 * ```
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { onTestFinished } from "vitest";

import { issue } from "../../runtime/primitives/tls/issuing.ts";

export interface PebbleOptions {
  /** Where it looks for http-01 and tls-alpn-01, on 127.0.0.1. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Of issued certificates. Default: five years. */
  readonly validSeconds?: number;
  /** Share of valid nonces that it refuses, in percent. Default 0. */
  readonly refusedNonces?: number;
  /** The same port again, for a CA that comes back. */
  readonly port?: number;
}

export interface Pebble {
  readonly directory: string;
  readonly port: number;
  /** PEM of the authority that signed the directory's own certificate. */
  readonly ca: string;
  /** Everything it has said. */
  readonly output: () => string;
  stop(): Promise<void>;
}

export const hasPebble: boolean = isInstalled("pebble") && isInstalled("pebble-challtestsrv");

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

let identity: Promise<{ ca: string; cert: string; key: string }> | undefined;

export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const { ca, cert, key } = await (identity ??= createIdentity());
  const folder = await mkdtemp(join(tmpdir(), "gatewright-pebble-"));
  const port = options.port ?? (await freePort());
  const [dnsPort, dnsManagement] = [await freePort(), await freePort()];
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${await freePort()}`,
      certificate: join(folder, "cert.pem"),
      privateKey: join(folder, "key.pem"),
      httpPort: options.httpPort,
      tlsPort: options.tlsPort,
      ocspResponderURL: "",
      externalAccountBindingRequired: false,
      ...(options.validSeconds === undefined
        ? {}
        : { certificateValidityPeriod: options.validSeconds }),
    },
  };
  await writeFile(join(folder, "cert.pem"), cert);
  await writeFile(join(folder, "key.pem"), key);
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  let said = "";
  const run = (command: string, args: readonly string[]): ChildProcess => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PEBBLE_VA_NOSLEEP: "1",
        PEBBLE_WFE_NONCEREJECT: String(options.refusedNonces ?? 0),
        PEBBLE_AUTHZREUSE: "0",
      },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
    }
    return child;
  };
  const children = [
    run("pebble-challtestsrv", [
      ...["-defaultIPv6", "", "-defaultIPv4", "127.0.0.1"],
      ...["-dns01", `127.0.0.1:${dnsPort}`, "-management", `127.0.0.1:${dnsManagement}`],
      ...["-http01", "", "-https01", "", "-tlsalpn01", ""],
    ]),
    run("pebble", ["-config", join(folder, "config.json"), "-dnsserver", `127.0.0.1:${dnsPort}`]),
  ];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    })());
  onTestFinished(stop);
  const [resolver, server] = children;
  if (resolver !== undefined) await untilOpen(resolver, dnsManagement, () => said);
  if (server !== undefined) await untilOpen(server, port, () => said);
  return {
    directory: `https://127.0.0.1:${port}/dir`,
    port,
    ca,
    output: () => said,
    stop,
  };
}

/** It says that it listens a moment before it does. */
async function untilOpen(child: ChildProcess, port: number, said: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the test CA ended:\n${said()}`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await wait(20);
  }
}

async function createIdentity(): Promise<{ ca: string; cert: string; key: string }> {
  const dates = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
  };
  const authority = await issue({ commonName: "directory authority", isAuthority: true, ...dates });
  const leaf = await issue({
    commonName: "directory",
    addresses: ["127.0.0.1"],
    authority,
    ...dates,
  });
  return { ca: authority.cert, ...leaf };
}

function isInstalled(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
