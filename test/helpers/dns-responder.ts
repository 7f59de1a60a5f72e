import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { onTestFinished } from "vitest";

export type DnsRecord =
  | { type: "A" | "AAAA"; address: string; ttl?: number }
  | { type: "SRV"; target: string; port: number; priority?: number; weight?: number; ttl?: number };

export interface DnsResponder {
  /** `host:port`. */
  readonly server: string;
  /** By name, lower case. A name without an entry does not exist. Change it at any time. */
  readonly records: Map<string, DnsRecord[]>;
  /** Answers everything with SERVFAIL (`"fail"`) or not at all (`"silent"`). */
  mode: "answer" | "fail" | "silent";
  /** `NAME TYPE` of all that came. */
  readonly queries: string[];
}

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const DEFAULT_TTL_S = 60;

/** A name server on loopback (RFC 1035 §4: one question, uncompressed names), closed with its test. */
export async function startDnsResponder(
  records: Record<string, DnsRecord[]> = {},
): Promise<DnsResponder> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const responder: DnsResponder = {
    server: `127.0.0.1:${socket.address().port}`,
    records: new Map(Object.entries(records)),
    mode: "answer",
    queries: [],
  };
  socket.on("message", (message, from) => answer(responder, socket, message, from));
  onTestFinished(() => void socket.close());
  return responder;
}

function answer(responder: DnsResponder, socket: Socket, query: Buffer, from: RemoteInfo): void {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const name = labels.join(".").toLowerCase();
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(12, at + 5);
  const typeName = Object.entries(TYPES).find(([, number]) => number === type)?.[0] ?? String(type);
  responder.queries.push(`${name} ${typeName}`);
  if (responder.mode === "silent") return;
  const known = responder.records.get(name);
  const found = (known ?? []).filter((record) => TYPES[record.type] === type);
  const code = responder.mode === "fail" ? SERVFAIL : known === undefined ? NXDOMAIN : 0;
  const answers = code === 0 ? found.map((record) => toBytes(name, record)) : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8580 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address);
}

function toBytes(name: string, record: DnsRecord): Buffer {
  const content = contentOf(record);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(TYPES[record.type], 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(record.ttl ?? DEFAULT_TTL_S, 4);
  head.writeUInt16BE(content.length, 8);
  return Buffer.concat([nameBytes(name), head, content]);
}

function contentOf(record: DnsRecord): Buffer {
  if (record.type !== "SRV") return addressBytes(record.address);
  const head = Buffer.alloc(6);
  head.writeUInt16BE(record.priority ?? 0, 0);
  head.writeUInt16BE(record.weight ?? 0, 2);
  head.writeUInt16BE(record.port, 4);
  return Buffer.concat([head, nameBytes(record.target)]);
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [before = "", after] = address.split("::");
  const left = before === "" ? [] : before.split(":");
  const right = after === undefined || after === "" ? [] : after.split(":");
  const middle = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = after === undefined ? left : [...left, ...middle, ...right];
  const bytes = Buffer.alloc(16);
  for (const [i, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  return bytes;
}

function nameBytes(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    const bytes = Buffer.from(label, "latin1");
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([...labels, Buffer.from([0])]);
}
