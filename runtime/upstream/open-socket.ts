import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";

import type { OpenConnection } from "./network.ts";
import type { Target } from "./target.ts";
import type { TargetMember } from "./targets/target-member.ts";

export interface UpstreamTls {
  /** Certificates to trust instead of the system's. */
  readonly ca?: string | Buffer | (string | Buffer)[];
  /** Made once of what to trust and what to show: then `ca` says nothing. */
  readonly secureContext?: SecureContext;
  readonly rejectUnauthorized?: boolean;
  /** Asked for and looked for in the certificate. Default: the target's host. */
  readonly serverName?: string | undefined;
}

/** How connections to targets are made. */
export interface SocketTerms {
  readonly tls?: UpstreamTls | undefined;
  /** Default: the system's, once for each connection. */
  readonly lookup?: LookupFunction | undefined;
  /** In place of TCP and TLS. */
  readonly open?: OpenConnection | undefined;
}

const TCP_KEEP_ALIVE_MS = 60_000;
const SOCKET_BUFFER_BYTES = 65_536;

/** Begins a connection to the target; over TLS it offers these protocols (RFC 7301). */
export function openSocket(member: TargetMember, terms: SocketTerms, protocols: string[]): Socket {
  const { target } = member;
  if (terms.open !== undefined) return terms.open(target, protocols);
  const tcp = tcpOptions(target, terms);
  if (target.scheme === "http") return connectTcp(tcp);
  return resuming(member, connectTls({ ...tcp, ...tlsOptions(member, terms.tls, protocols) }));
}

/** Begins the TCP connection alone, whatever the scheme. */
export function openTcp(target: Target, terms: SocketTerms): Socket {
  return terms.open?.(target, []) ?? connectTcp(tcpOptions(target, terms));
}

/** Begins TLS on a connection that stands. */
export function secureSocket(
  socket: Socket,
  member: TargetMember,
  tls: UpstreamTls | undefined,
  protocols: string[],
): Socket {
  // node's types do not know that TLS takes it too.
  const buffer = { highWaterMark: SOCKET_BUFFER_BYTES };
  const options = { ...buffer, ...tlsOptions(member, tls, protocols) };
  return resuming(member, connectTls({ ...options, socket, host: member.target.hostname }));
}

/** The next connection to this target saves itself a full handshake (RFC 8446 §2.2). */
function resuming(member: TargetMember, socket: Socket): Socket {
  return socket.on("session", (session: Buffer) => {
    member.tlsSession = session;
  });
}

function tcpOptions(target: Target, terms: SocketTerms) {
  const place =
    target.socketPath === undefined
      ? { host: target.address ?? target.hostname, port: target.port }
      : { path: target.socketPath };
  return {
    ...place,
    ...(terms.lookup === undefined ? {} : { lookup: terms.lookup }),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    highWaterMark: SOCKET_BUFFER_BYTES,
    // RFC 8305's idea: a name with addresses of both families is reached on whichever answers.
    autoSelectFamily: true,
  };
}

function tlsOptions(member: TargetMember, tls: UpstreamTls | undefined, protocols: string[]) {
  const { hostname } = member.target;
  const { serverName, ...trust } = tls ?? {};
  return {
    ...trust,
    // RFC 6066 §3: an address is no server name.
    servername: serverName ?? (isIP(hostname) === 0 ? hostname : ""),
    ALPNProtocols: protocols,
    ...(member.tlsSession === undefined ? {} : { session: member.tlsSession }),
  };
}
