import type { Socket } from "node:net";

interface SocketHandle {
  getpeername?(out: object): number;
}

/**
 * Whether the peer has reset the connection, asked of the kernel, which then has no peer for it any more.
 *
 * A socket that is paused (back pressure) is watched for nothing, so a reset tells itself only with the next read, which
 * may never come. An orderly end stands behind the bytes that wait and cannot be seen without reading them.
 */
export function isPeerGone(socket: Socket): boolean {
  const handle = (socket as { _handle?: SocketHandle | null })._handle;
  // What `remoteAddress` is made of, though node documents only that, which it remembers. Without it we learn later.
  if (typeof handle?.getpeername !== "function") return false;
  return handle.getpeername({}) !== 0;
}
