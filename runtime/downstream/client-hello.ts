/**
 * The server name of a ClientHello, before TLS reads it: RFC 8446 §4.1.2 and §5.1, RFC 6066 §3. node decides on client
 * certificates and versions when a connection begins, so a listener whose hosts differ in them has to know the name by
 * then.
 *
 * Only read, never judged: what cannot be understood goes to the listener's own rules, and what was decided by the name
 * is compared with what TLS makes of it before any request is served.
 */

/** `"more"`: not all of it is here yet. `undefined`: it names none, or is nothing that could name one. */
export type HelloName = { readonly name: string | undefined } | "more";

/** Far above any real one, post-quantum key shares included. */
export const MAX_HELLO_BYTES = 32 * 1024;

const NONE: HelloName = { name: undefined };
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

export function readServerName(received: Buffer): HelloName {
  const message = joinRecords(received);
  if (message === undefined) return NONE;
  if (message.length < 4) return "more";
  if (message[0] !== CLIENT_HELLO) return NONE;
  const length = message.readUIntBE(1, 3);
  if (length + 4 > MAX_HELLO_BYTES) return NONE;
  if (message.length < length + 4) return received.length < MAX_HELLO_BYTES ? "more" : NONE;
  return nameOf(message.subarray(4, length + 4));
}

/** The handshake bytes of all records that are here, the last one perhaps in part. */
function joinRecords(received: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < received.length) {
    if (received[at] !== HANDSHAKE_RECORD) return undefined;
    if (received.length - at < 5) break;
    const length = received.readUInt16BE(at + 3);
    if (length === 0) return undefined;
    parts.push(received.subarray(at + 5, Math.min(at + 5 + length, received.length)));
    at += 5 + length;
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

function nameOf(hello: Buffer): HelloName {
  // Version and random; then session id, cipher suites and compression methods, each with its length before it.
  let at = 34;
  for (const lengthBytes of [1, 2, 1]) {
    if (at + lengthBytes > hello.length) return NONE;
    at += lengthBytes + hello.readUIntBE(at, lengthBytes);
  }
  if (at + 2 > hello.length) return NONE;
  const end = Math.min(at + 2 + hello.readUInt16BE(at), hello.length);
  at += 2;
  while (at + 4 <= end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    at += 4;
    if (at + length > end) return NONE;
    if (type === SERVER_NAME) return hostNameOf(hello.subarray(at, at + length));
    at += length;
  }
  return NONE;
}

function hostNameOf(extension: Buffer): HelloName {
  // The list's length, then type, length and text of the only entry that any client sends.
  if (extension.length < 5 || extension[2] !== HOST_NAME) return NONE;
  const length = extension.readUInt16BE(3);
  if (length === 0 || 5 + length > extension.length) return NONE;
  return { name: extension.toString("latin1", 5, 5 + length) };
}
