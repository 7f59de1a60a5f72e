/**
 * The PROXY protocol (HAProxy's proxy-protocol.txt), versions 1 and 2: what a balancer writes before the first byte of a
 * connection to say whose connection it is. Read and written whole, sections 2.1 (the line) and 2.2 (the binary form).
 *
 * Not here: the extensions of version 2 (TLVs: TLS facts, checksum, namespaces), which are skipped unread and not
 * written. Their area is bounded and has no meaning of its own, so nothing in it can move the header's end.
 */
import { isIPv4, isIPv6, SocketAddress } from "node:net";

/** Both ends of a client's connection, as its first proxy saw them. */
export interface ProxiedEnds {
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

export type ProxyHeaderRead =
  /** So far it is the start of a header. */
  | { readonly kind: "incomplete" }
  | { readonly kind: "invalid"; readonly message: string }
  | {
      readonly kind: "header";
      /** Bytes of the header: what follows is the connection's own. */
      readonly length: number;
      /**
       * `undefined` where it names no addresses: the sender's own connection (LOCAL), an unknown protocol or a Unix
       * socket. The ends are then those of the connection itself.
       */
      readonly ends: ProxiedEnds | undefined;
    };

export type ProxyHeaderVersion = "v1" | "v2";

/** §2.1: the longest line there can be, CRLF included. */
export const MAX_V1_BYTES = 107;
/**
 * Ours: the largest version 2 header taken. The protocol's own limit is 65,551 bytes; addresses need 232 at most, and
 * balancers that add a client's certificate to them stay below this.
 */
export const MAX_V2_BYTES = 4096;

const V1_PREFIX = Buffer.from("PROXY ");
const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V2_FIXED_BYTES = 16;
const INCOMPLETE: ProxyHeaderRead = Object.freeze({ kind: "incomplete" });

/** Reads the header at the start of a connection's bytes. Call again with all of them when more have come. */
export function readProxyHeader(bytes: Buffer): ProxyHeaderRead {
  if (startsLike(bytes, V2_SIGNATURE)) {
    return bytes.length < V2_FIXED_BYTES ? readV2Start(bytes) : readV2(bytes);
  }
  return startsLike(bytes, V1_PREFIX) ? readV1(bytes) : invalid("no PROXY header");
}

/** The header for a connection made for this client; `undefined`: for ourselves. */
export function writeProxyHeader(
  version: ProxyHeaderVersion,
  ends: ProxiedEnds | undefined,
): Buffer {
  return version === "v1" ? writeV1(ends) : writeV2(ends);
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const compared = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, compared, 0, compared) === 0;
}

function invalid(message: string): ProxyHeaderRead {
  return { kind: "invalid", message };
}

// --- version 1 ---

function readV1(bytes: Buffer): ProxyHeaderRead {
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf(0x0a);
  if (end === -1) {
    return bytes.length < MAX_V1_BYTES ? INCOMPLETE : invalid("the PROXY line has no end");
  }
  const line = bytes.toString("latin1", 0, end - 1);
  // A receiver that took a bare CR or LF for the end would see another header than we do.
  if (bytes[end - 1] !== 0x0d || line.includes("\r")) {
    return invalid("the PROXY line ends without CRLF");
  }
  const length = end + 1;
  // The rest of such a line says nothing, whatever it is.
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) {
    return { kind: "header", length, ends: undefined };
  }
  const [, family, peerAddress = "", localAddress = "", peer = "", local = "", ...more] =
    line.split(" ");
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isBareIPv6 : undefined;
  if (isAddress === undefined) return invalid("the PROXY line names no known protocol");
  const peerPort = toPort(peer);
  const localPort = toPort(local);
  if (
    !isAddress(peerAddress) ||
    !isAddress(localAddress) ||
    peerPort === undefined ||
    localPort === undefined ||
    more.length > 0
  ) {
    return invalid("the PROXY line's addresses are not valid");
  }
  return { kind: "header", length, ends: { peerAddress, peerPort, localAddress, localPort } };
}

/** A zone is of the sender's machine and means nothing here. */
function isBareIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

function toPort(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function writeV1(ends: ProxiedEnds | undefined): Buffer {
  const written = toWritten(ends);
  if (written === undefined) return Buffer.from("PROXY UNKNOWN\r\n");
  const { isV4, peer, peerPort, local, localPort } = written;
  const addresses = isV4 ? `TCP4 ${peer} ${local}` : `TCP6 ${peer} ${local}`;
  return Buffer.from(`PROXY ${addresses} ${peerPort} ${localPort}\r\n`, "latin1");
}

// --- version 2 ---

const LOCAL = 0x20;
const PROXY = 0x21;
const FAMILY_INET = 1;
const FAMILY_INET6 = 2;
const FAMILY_UNIX = 3;
/** Bytes of both addresses (and ports) by family; unspecified has none. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];

/** What can be told from less than the fixed part. */
function readV2Start(bytes: Buffer): ProxyHeaderRead {
  return bytes.length > 12 ? (v2Issue(bytes) ?? INCOMPLETE) : INCOMPLETE;
}

function readV2(bytes: Buffer): ProxyHeaderRead {
  const issue = v2Issue(bytes);
  if (issue !== undefined) return issue;
  const size = bytes.readUInt16BE(14);
  const length = V2_FIXED_BYTES + size;
  if (length > MAX_V2_BYTES) return invalid(`the PROXY header has ${length} bytes`);
  const family = (bytes[13] as number) >> 4;
  // §2.2: with LOCAL the rest says nothing about this connection, family and addresses included.
  const isLocal = bytes[12] === LOCAL;
  if (!isLocal && size < (ADDRESS_BYTES[family] as number)) {
    return invalid("the PROXY header is too short for its addresses");
  }
  if (bytes.length < length) return INCOMPLETE;
  return { kind: "header", length, ends: isLocal ? undefined : readV2Ends(bytes, family) };
}

/** §2.2: values that are not assigned end the connection. Datagrams are assigned: HTTP/3 in front of the sender. */
function v2Issue(bytes: Buffer): ProxyHeaderRead | undefined {
  const command = bytes[12];
  if (command !== LOCAL && command !== PROXY) {
    return invalid("the PROXY header has an unknown version or command");
  }
  const protocol = bytes[13];
  if (command === LOCAL || protocol === undefined) return undefined;
  return protocol >> 4 > FAMILY_UNIX || (protocol & 15) > 2
    ? invalid("the PROXY header has an unknown protocol")
    : undefined;
}

function readV2Ends(bytes: Buffer, family: number): ProxiedEnds | undefined {
  // Half a protocol is none (§2.2).
  if (((bytes[13] as number) & 15) === 0) return undefined;
  if (family === FAMILY_INET) {
    return {
      peerAddress: bytes.subarray(16, 20).join("."),
      localAddress: bytes.subarray(20, 24).join("."),
      peerPort: bytes.readUInt16BE(24),
      localPort: bytes.readUInt16BE(26),
    };
  }
  if (family === FAMILY_INET6) {
    return {
      peerAddress: toIPv6Text(bytes, 16),
      localAddress: toIPv6Text(bytes, 32),
      peerPort: bytes.readUInt16BE(48),
      localPort: bytes.readUInt16BE(50),
    };
  }
  return undefined;
}

function toIPv6Text(bytes: Buffer, at: number): string {
  const groups: string[] = [];
  for (let group = 0; group < 8; group++) {
    groups.push(bytes.readUInt16BE(at + 2 * group).toString(16));
  }
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address;
}

function writeV2(ends: ProxiedEnds | undefined): Buffer {
  const written = toWritten(ends);
  const family = written === undefined ? 0 : written.isV4 ? FAMILY_INET : FAMILY_INET6;
  const size = ADDRESS_BYTES[family] as number;
  const bytes = Buffer.alloc(V2_FIXED_BYTES + size);
  V2_SIGNATURE.copy(bytes);
  bytes[12] = ends === undefined ? LOCAL : PROXY;
  bytes[13] = family === 0 ? 0 : (family << 4) | 1;
  bytes.writeUInt16BE(size, 14);
  if (written === undefined) return bytes;
  const width = written.isV4 ? 4 : 16;
  const write = written.isV4 ? writeIPv4 : writeIPv6;
  write(bytes, 16, written.peer);
  write(bytes, 16 + width, written.local);
  bytes.writeUInt16BE(written.peerPort, 16 + 2 * width);
  bytes.writeUInt16BE(written.localPort, 18 + 2 * width);
  return bytes;
}

function writeIPv4(bytes: Buffer, at: number, text: string): void {
  for (const [index, part] of text.split(".").entries()) bytes[at + index] = Number(part);
}

function writeIPv6(bytes: Buffer, at: number, text: string): void {
  const [head = "", tail] = text.split("::");
  const first = toGroups(head);
  const last = tail === undefined ? [] : toGroups(tail);
  first.forEach((group, index) => bytes.writeUInt16BE(group, at + 2 * index));
  last.forEach((group, index) => bytes.writeUInt16BE(group, at + 16 - 2 * (last.length - index)));
}

/** The last group may be an IPv4 address, which is two. */
function toGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

// --- what both versions write ---

interface Written {
  readonly isV4: boolean;
  readonly peer: string;
  readonly peerPort: number;
  readonly local: string;
  readonly localPort: number;
}

/** Both addresses in one family, as both versions want them. `undefined`: what is no address cannot be told. */
function toWritten(ends: ProxiedEnds | undefined): Written | undefined {
  if (ends === undefined) return undefined;
  const peer = toBare(ends.peerAddress);
  const local = toBare(ends.localAddress);
  if (peer === undefined || local === undefined) return undefined;
  const isV4 = isIPv4(peer) && isIPv4(local);
  return {
    isV4,
    peer: isV4 || !isIPv4(peer) ? peer : `::ffff:${peer}`,
    local: isV4 || !isIPv4(local) ? local : `::ffff:${local}`,
    peerPort: ends.peerPort,
    localPort: ends.localPort,
  };
}

/** Without zone; the IPv4 address where IPv6 only wraps it (RFC 4291 §2.5.5.2). */
function toBare(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return undefined;
  const zone = text.indexOf("%");
  const bare = zone === -1 ? text : text.slice(0, zone);
  const mapped = /^::ffff:([\d.]+)$/i.exec(bare)?.[1];
  return mapped !== undefined && isIPv4(mapped) ? mapped : bare;
}
