/**
 * Whose request it is. The one place that decides it: lists, limits, logs, hooks and upstreams all use this address.
 *
 * Without trusted proxies it is the address of the socket, whatever the fields say. With them, the chain is walked from
 * the right (RFC 7239 §8.1: only what trusted hops added can be believed) to the first address that is no trusted proxy,
 * or over the configured number of hops. Anything in the way that is no address (`unknown`, obfuscated names, garbage)
 * ends the walk, and the peer is taken: it is the last one known to be true.
 *
 * `X-Forwarded-For` wins where a trusted proxy sends both it and `Forwarded`. Nearly every proxy writes the former and
 * passes the latter on as the client sent it; the other way round, or mixing the two, would let clients choose their
 * address. `Forwarded` counts only where there is no `X-Forwarded-For`.
 *
 * Addresses: IPv4-mapped IPv6 is folded to IPv4 (RFC 4291 §2.5.5.2), zones are cut, IPv6 is in its one form (RFC 5952).
 */
import ipaddr from "ipaddr.js";
import { isIP } from "node:net";

import { trimOws } from "../http/field-syntax.ts";
import {
  isBlank,
  lastElementStart,
  parseForwardedElement,
  parseForwardedNode,
} from "../http/forwarded.ts";
import { isNamed, type ReadonlyRawFields } from "../http/raw-fields.ts";

/** Which proxies in front of us are believed. */
export type TrustedProxies =
  | { readonly kind: "none" }
  /** This many hops, the peer included; at least 1. */
  | { readonly kind: "hops"; readonly count: number }
  /** Addresses and CIDR ranges. */
  | { readonly kind: "ranges"; readonly ranges: readonly string[] };

export interface ClientAddress {
  readonly address: string;
  /** 0 if the address came from a proxy that named no port. */
  readonly port: number;
  /** The peer is a trusted proxy: what it says about the request may be believed. */
  readonly trusted: boolean;
  /** What a trusted proxy says that the client used, if it says so. */
  readonly scheme: "http" | "https" | undefined;
}

export type ClientAddressResolver = (
  fields: ReadonlyRawFields,
  peerAddress: string,
  peerPort: number,
) => ClientAddress;

/** Compiles the trust once. Throws a `TypeError` for a range that is none. */
export function createClientAddress(trust: TrustedProxies): ClientAddressResolver {
  const known = new KnownAddresses(trustTest(trust));
  const hops = trust.kind === "hops" ? trust.count : 0;
  return (fields, peerAddress, peerPort) => {
    const peer = known.get(peerAddress);
    if (!peer.trusted) {
      return { address: peer.address, port: peerPort, trusted: false, scheme: undefined };
    }
    return resolve(fields, peer.address, peerPort, known, hops);
  };
}

/** Whether an address, in whatever form, is within one of these addresses and CIDR ranges. Throws as `createClientAddress`. */
export function createRangeTest(ranges: readonly string[]): (address: string) => boolean {
  const isWithin = trustTest({ kind: "ranges", ranges });
  return (text) => {
    const address = canonicalAddress(text);
    return address !== undefined && isWithin(address);
  };
}

/** The address in its one form, or `undefined` if the text is none. */
export function canonicalAddress(text: string): string | undefined {
  const zone = text.indexOf("%");
  const bare = zone === -1 ? text : text.slice(0, zone);
  // isIP first: the parser also takes octal, hexadecimal and shortened IPv4, which name other hosts to other programs.
  const family = isIP(bare);
  if (family === 4) return zone === -1 ? bare : undefined;
  if (family === 0) return undefined;
  const address = ipaddr.IPv6.parse(bare);
  return address.isIPv4MappedAddress()
    ? address.toIPv4Address().toString()
    : address.toRFC5952String();
}

interface KnownAddress {
  /** In its one form; the text itself if it is no address (a Unix socket's peer has none). */
  readonly address: string;
  readonly valid: boolean;
  readonly trusted: boolean;
}

/** Bounds the memory that clients can make us hold by coming from many addresses. */
const MAX_KNOWN = 4_096;
const MAX_ADDRESS_LENGTH = 64;

/** Parsed and judged once for each spelling. Full: emptied, since filling it again costs little. */
class KnownAddresses {
  readonly #entries = new Map<string, KnownAddress>();
  readonly #isTrusted: (address: string) => boolean;

  constructor(isTrusted: (address: string) => boolean) {
    this.#isTrusted = isTrusted;
  }

  get(text: string): KnownAddress {
    return this.#entries.get(text) ?? this.#add(text);
  }

  #add(text: string): KnownAddress {
    // Longer texts are no addresses, and not worth keeping.
    if (text.length > MAX_ADDRESS_LENGTH) return { address: text, valid: false, trusted: false };
    // A copy: a piece cut from a field would keep the whole field alive.
    const copy = Buffer.from(text, "latin1").toString("latin1");
    const address = canonicalAddress(copy);
    const entry: KnownAddress = {
      address: address ?? copy,
      valid: address !== undefined,
      trusted: this.#isTrusted(address ?? copy),
    };
    if (this.#entries.size >= MAX_KNOWN) this.#entries.clear();
    this.#entries.set(copy, entry);
    return entry;
  }
}

function trustTest(trust: TrustedProxies): (address: string) => boolean {
  if (trust.kind === "none") return () => false;
  if (trust.kind === "hops") return () => trust.count > 0;
  const ranges = trust.ranges.map(parseRange);
  return (address) => {
    if (isIP(address) === 0) return false;
    const parsed = ipaddr.parse(address);
    return ranges.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
  };
}

function parseRange(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const slash = text.indexOf("/");
  const base = slash === -1 ? text : text.slice(0, slash);
  const family = isIP(base);
  const width = family === 4 ? 32 : 128;
  const digits = slash === -1 ? String(width) : text.slice(slash + 1);
  const bits = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  if (family === 0 || base.includes("%") || !(bits <= width)) {
    throw new TypeError(`"${text}" is neither an IP address nor a CIDR range`);
  }
  const address = ipaddr.parse(base);
  // A range of mapped addresses is a range of IPv4: that is the form that addresses are compared in.
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
    return [address.toIPv4Address(), bits - 96];
  }
  return [address, bits];
}

/** The walk from the right. `hops` is 0 where ranges decide. */
class Walk {
  address: string;
  port: number;
  over = false;
  #left: number;
  readonly #known: KnownAddresses;
  readonly #peerAddress: string;
  readonly #peerPort: number;

  constructor(known: KnownAddresses, hops: number, peerAddress: string, peerPort: number) {
    this.#known = known;
    this.#left = hops;
    this.#peerAddress = peerAddress;
    this.#peerPort = peerPort;
    this.address = peerAddress;
    this.port = peerPort;
  }

  /** One more entry: the client, another proxy, or garbage. */
  step(node: string | undefined): void {
    const parsed = node === undefined ? undefined : parseForwardedNode(node);
    const entry = parsed === undefined ? undefined : this.#known.get(parsed.address);
    if (parsed === undefined || entry === undefined || !entry.valid) {
      this.address = this.#peerAddress;
      this.port = this.#peerPort;
      this.over = true;
      return;
    }
    this.address = entry.address;
    this.port = parsed.port;
    this.over = this.#left > 0 ? --this.#left === 0 : !entry.trusted;
  }
}

function resolve(
  fields: ReadonlyRawFields,
  peerAddress: string,
  peerPort: number,
  known: KnownAddresses,
  hops: number,
): ClientAddress {
  const walk = new Walk(known, hops, peerAddress, peerPort);
  let proto: string | undefined;
  let chained = false;
  for (let at = fields.length - 2; at >= 0; at -= 2) {
    const name = fields[at] as string;
    if (name.length === 15 && isNamed(name, "x-forwarded-for")) {
      chained = true;
      if (!walk.over) walkForwardedFor(walk, fields[at + 1] as string);
    } else if (name.length === 17 && proto === undefined && isNamed(name, "x-forwarded-proto")) {
      proto = lastEntry(fields[at + 1] as string);
    }
  }
  // A Forwarded that carries the chain says the scheme too: X-Forwarded-Proto beside it may be the client's own.
  const told = chained ? undefined : walkForwarded(walk, fields);
  const scheme = (told === undefined ? proto : told.proto)?.toLowerCase();
  return {
    address: walk.address,
    port: walk.port,
    trusted: true,
    scheme: scheme === "https" || scheme === "http" ? scheme : undefined,
  };
}

function walkForwardedFor(walk: Walk, line: string): void {
  for (let end = line.length; end >= 0 && !walk.over;) {
    const start = end === 0 ? 0 : line.lastIndexOf(",", end - 1) + 1;
    if (!isBlank(line, start, end)) walk.step(line.slice(start, end));
    end = start - 1;
  }
}

/** The same over Forwarded lines. Returns what was said about the client's connection, or `undefined` if there is no Forwarded. */
function walkForwarded(
  walk: Walk,
  fields: ReadonlyRawFields,
): { readonly proto: string | undefined } | undefined {
  let last: { readonly proto: string | undefined } | undefined;
  for (let at = fields.length - 2; at >= 0 && !walk.over; at -= 2) {
    if (!isNamed(fields[at] as string, "forwarded")) continue;
    const line = fields[at + 1] as string;
    for (let end = line.length; end >= 0 && !walk.over;) {
      const start = lastElementStart(line, end);
      if (!isBlank(line, start, end)) {
        const element = parseForwardedElement(line.slice(start, end));
        walk.step(element?.for);
        last = element?.for === undefined ? { proto: undefined } : element;
      }
      end = start - 1;
    }
  }
  return last;
}

/** Of several, the one that the proxy next to us added. */
function lastEntry(line: string): string {
  return trimOws(line.slice(line.lastIndexOf(",") + 1));
}
