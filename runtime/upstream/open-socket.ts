import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import type { Target } from "./target.ts";

export interface UpstreamTls {
  /** Certificates to trust instead of the system's. */
  readonly ca?: string | Buffer | (string | Buffer)[];
  readonly rejectUnauthorized?: boolean;
}

const TCP_KEEP_ALIVE_MS = 60_000;
const SOCKET_BUFFER_BYTES = 65_536;

/** Begins a connection to the target; over TLS it offers these protocols (RFC 7301). */
export function openSocket(
  target: Target,
  tls: UpstreamTls | undefined,
  protocols: string[],
): Socket {
  const tcp = tcpOptions(target);
  return target.scheme === "http"
    ? connectTcp(tcp)
    : connectTls({ ...tcp, ...tlsOptions(target, tls, protocols) });
}

/** Begins the TCP connection alone, whatever the scheme. */
export function openTcp(target: Target): Socket {
  return connectTcp(tcpOptions(target));
}

/** Begins TLS on a connection that stands. */
export function secureSocket(
  socket: Socket,
  target: Target,
  tls: UpstreamTls | undefined,
  protocols: string[],
): Socket {
  // node's types do not know that TLS takes it too.
  const buffer = { highWaterMark: SOCKET_BUFFER_BYTES };
  return connectTls({ socket, ...buffer, ...tlsOptions(target, tls, protocols) });
}

function tcpOptions(target: Target) {
  return {
    host: target.hostname,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    highWaterMark: SOCKET_BUFFER_BYTES,
    // RFC 8305's idea: a name with addresses of both families is reached on whichever answers.
    autoSelectFamily: true,
  };
}

function tlsOptions(target: Target, tls: UpstreamTls | undefined, protocols: string[]) {
  return {
    ...tls,
    // RFC 6066 §3: an address is no server name.
    servername: isIP(target.hostname) === 0 ? target.hostname : "",
    ALPNProtocols: protocols,
  };
}
