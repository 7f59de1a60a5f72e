/**
 * What a ClientHello asks for, before TLS reads it: RFC 8446 §4.1.2 and §5.1, server name of RFC 6066 §3, protocols of
 * RFC 7301 §3.1.
 *
 * Certificate, versions and whether a client certificate is asked for may all depend on the name, and node wants to know
 * the last two when a connection begins. It also serves no two certificates (ECDSA and RSA) by its own SNICallback: that
 * adds one to those of the default context, so that a client could be given another host's.
 *
 * Only read, never judged: what cannot be understood is left to TLS, as a client that sends no name.
 */

export interface HelloFacts {
  /** As sent. */
  readonly servername: string | undefined;
  readonly protocols: readonly string[];
}

/** Far above any real one, post-quantum key shares included. */
export const MAX_HELLO_BYTES = 32 * 1024;

const NOTHING: HelloFacts = { servername: undefined, protocols: [] };
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const PROTOCOLS = 16;

/** `undefined`: not all of it is here yet. */
export function readHello(received: Buffer): HelloFacts | undefined {
  const message = joinRecords(received);
  if (message === undefined) return NOTHING;
  const isFull = received.length >= MAX_HELLO_BYTES;
  if (message.length < 4) return isFull ? NOTHING : undefined;
  if (message[0] !== CLIENT_HELLO) return NOTHING;
  const length = message.readUIntBE(1, 3);
  if (length + 4 > MAX_HELLO_BYTES) return NOTHING;
  if (message.length < length + 4) return isFull ? NOTHING : undefined;
  return factsOf(message.subarray(4, length + 4));
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

function factsOf(hello: Buffer): HelloFacts {
  // Version and random; then session id, cipher suites and compression methods, each with its length before it.
  let at = 34;
  for (const lengthBytes of [1, 2, 1]) {
    if (at + lengthBytes > hello.length) return NOTHING;
    at += lengthBytes + hello.readUIntBE(at, lengthBytes);
  }
  if (at + 2 > hello.length) return NOTHING;
  const end = Math.min(at + 2 + hello.readUInt16BE(at), hello.length);
  at += 2;
  let servername: string | undefined;
  let protocols: readonly string[] = [];
  while (at + 4 <= end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    at += 4;
    if (at + length > end) break;
    if (type === SERVER_NAME) servername = hostNameOf(hello.subarray(at, at + length));
    else if (type === PROTOCOLS) protocols = protocolsOf(hello.subarray(at, at + length));
    at += length;
  }
  return { servername, protocols };
}

function hostNameOf(extension: Buffer): string | undefined {
  // The list's length, then type, length and text of the only entry that any client sends.
  if (extension.length < 5 || extension[2] !== HOST_NAME) return undefined;
  const length = extension.readUInt16BE(3);
  if (length === 0 || 5 + length > extension.length) return undefined;
  return extension.toString("latin1", 5, 5 + length);
}

function protocolsOf(extension: Buffer): string[] {
  const protocols: string[] = [];
  let at = 2;
  while (at < extension.length) {
    const length = extension[at] as number;
    at += 1;
    if (length === 0 || at + length > extension.length) break;
    protocols.push(extension.toString("latin1", at, at + length));
    at += length;
  }
  return protocols;
}
