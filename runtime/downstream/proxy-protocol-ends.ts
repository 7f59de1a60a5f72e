import type { Socket } from "node:net";

import type { ProxiedEnds } from "../http/proxy-protocol.ts";

/** By the socket that they belong to: gone with it. */
const told = new WeakMap<Socket, ProxiedEnds>();

/** Both ends of a connection, TLS or plain: those that its PROXY header named, else the socket's own. */
export function endsOf(socket: Socket): ProxiedEnds {
  const raw = beneath(socket);
  return (
    told.get(raw) ?? {
      peerAddress: raw.remoteAddress ?? "",
      peerPort: raw.remotePort ?? 0,
      localAddress: raw.localAddress ?? "",
      localPort: raw.localPort ?? 0,
    }
  );
}

/** The peer's address alone: the socket's own address is another question to the kernel. */
export function peerAddressOf(socket: Socket): string {
  const raw = beneath(socket);
  return told.get(raw)?.peerAddress ?? raw.remoteAddress ?? "";
}

/** From now on these are the ends of this socket and of TLS on it. */
export function setEnds(socket: Socket, ends: ProxiedEnds): void {
  told.set(socket, ends);
}

/** node keeps the socket that TLS was put on, without saying so in its documentation; a test holds it to that. */
function beneath(socket: Socket): Socket {
  return (socket as { _parent?: Socket | null })._parent ?? socket;
}
