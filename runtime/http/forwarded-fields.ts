/**
 * What we tell upstreams about the way a request took: `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto`, `-Host`,
 * `-Port`.
 *
 * From a peer that no one vouches for, whatever it claims is dropped: `Forwarded`, every `X-Forwarded-*` (also those that
 * we do not write, such as `-Prefix`) and `X-Real-IP`. From a trusted proxy the chain is kept and the proxy's own
 * address added. Of the two chains only the one that the client address was taken from is kept; the other one may have
 * passed through the proxy as the client sent it, so it is written anew.
 */
import { formatForwarded } from "./forwarded.ts";
import { isAuthority } from "./host.ts";
import { isNamed, type RawFields } from "./raw-fields.ts";

export interface ForwardedFacts {
  /** The client's address as resolved. */
  readonly address: string;
  /** The peer's, as the socket gives it. */
  readonly peerAddress: string;
  /** The peer is a trusted proxy. */
  readonly trusted: boolean;
  readonly scheme: "http" | "https";
  /** Empty for HTTP/1.0 without Host: then no host is told. */
  readonly authority: string;
  readonly localPort: number;
}

export interface ForwardedOptions {
  /** Write `Forwarded`. If not, a trusted proxy's passes as it is. */
  readonly forwarded: boolean;
  /** The same of the `X-Forwarded-*` fields. */
  readonly xForwarded: boolean;
}

/** Edits a list that holds no hop-by-hop fields any more: whatever Connection named is gone before ours are added. */
export type ForwardedWriter = (fields: RawFields, facts: ForwardedFacts) => void;

export function createForwardedWriter(options: ForwardedOptions): ForwardedWriter {
  const { forwarded, xForwarded } = options;
  const latest = new LatestElement();
  return (fields, facts) => {
    if (facts.trusted) {
      extend(fields, facts, forwarded, xForwarded);
    } else {
      drop(fields);
      begin(fields, facts, forwarded ? latest.of(facts) : undefined, xForwarded);
    }
  };
}

/** The element that was written last: a client's requests come in a row, and all of them say the same. */
class LatestElement {
  #address = "";
  #authority = "";
  #scheme = "";
  #text = "";

  of({ address, authority, scheme }: ForwardedFacts): string {
    const isSame =
      address === this.#address && authority === this.#authority && scheme === this.#scheme;
    if (isSame) return this.#text;
    this.#address = address;
    this.#authority = authority;
    this.#scheme = scheme;
    this.#text = formatForwarded({ for: address, host: authority, proto: scheme });
    return this.#text;
  }
}

/** One pass, in place. */
function drop(fields: RawFields): void {
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (isClaim(name)) continue;
    if (kept !== at) {
      fields[kept] = name;
      fields[kept + 1] = fields[at + 1] as string;
    }
    kept += 2;
  }
  if (kept < fields.length) fields.length = kept;
}

function isClaim(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  if (first === 0x78) return isXForwarded(name) || isNamed(name, "x-real-ip");
  return first === 0x66 && isNamed(name, "forwarded");
}

const X_FORWARDED = "x-forwarded-";

function isXForwarded(name: string): boolean {
  return (
    name.length > X_FORWARDED.length &&
    name.charCodeAt(11) === 0x2d &&
    name.charCodeAt(1) === 0x2d &&
    isNamed(name.slice(0, X_FORWARDED.length), X_FORWARDED)
  );
}

function begin(
  fields: RawFields,
  facts: ForwardedFacts,
  element: string | undefined,
  xForwarded: boolean,
): void {
  const { address, authority, scheme } = facts;
  if (element !== undefined) fields.push("Forwarded", element);
  if (xForwarded) {
    fields.push("X-Forwarded-For", address, "X-Forwarded-Proto", scheme);
    if (authority !== "") fields.push("X-Forwarded-Host", authority);
    fields.push("X-Forwarded-Port", String(facts.localPort));
  }
}

/** What a trusted proxy sent of each field; several lines are one list (RFC 9110 §5.3). */
interface Received {
  forwarded: string;
  for: string;
  host: string;
  port: string;
}

function extend(
  fields: RawFields,
  facts: ForwardedFacts,
  forwarded: boolean,
  xForwarded: boolean,
): void {
  const received = takeReceived(fields, facts.address, forwarded, xForwarded);
  const { address, authority, scheme } = facts;
  const peer = peerText(facts.peerAddress);
  if (forwarded) {
    const own = formatForwarded({ for: peer, host: authority, proto: scheme });
    const before =
      received.for === "" && received.forwarded !== ""
        ? received.forwarded
        : address === peer
          ? ""
          : formatForwarded({ for: address, host: authority, proto: scheme });
    fields.push("Forwarded", before === "" ? own : `${before}, ${own}`);
  }
  if (xForwarded) {
    const before = received.for !== "" ? received.for : address === peer ? "" : address;
    fields.push("X-Forwarded-For", before === "" ? peer : `${before}, ${peer}`);
    fields.push("X-Forwarded-Proto", scheme);
    const host = isAuthority(received.host) ? received.host : authority;
    if (host !== "") fields.push("X-Forwarded-Host", host);
    const port = /^\d{1,5}$/.test(received.port) ? received.port : portOf(host, scheme);
    fields.push("X-Forwarded-Port", port);
  }
}

/** Takes out of the list what is written anew; the rest of a trusted proxy's claims passes. */
function takeReceived(
  fields: RawFields,
  address: string,
  forwarded: boolean,
  xForwarded: boolean,
): Received {
  const received: Received = { forwarded: "", for: "", host: "", port: "" };
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    let value = fields[at + 1] as string;
    if (isClaim(name)) {
      if (isNamed(name, "x-real-ip")) {
        // The proxy may have passed on what the client sent.
        value = address;
      } else if (isNamed(name, "forwarded")) {
        received.forwarded = joined(received.forwarded, value);
        if (forwarded) continue;
      } else if (isNamed(name, "x-forwarded-for")) {
        received.for = joined(received.for, value);
        if (xForwarded) continue;
      } else if (isNamed(name, "x-forwarded-host")) {
        received.host = joined(received.host, value);
        if (xForwarded) continue;
      } else if (isNamed(name, "x-forwarded-port")) {
        received.port = joined(received.port, value);
        if (xForwarded) continue;
      } else if (isNamed(name, "x-forwarded-proto") && xForwarded) {
        continue;
      }
    }
    fields[kept] = name;
    fields[kept + 1] = value;
    kept += 2;
  }
  if (kept < fields.length) fields.length = kept;
  return received;
}

function joined(before: string, value: string): string {
  return before === "" || value === "" ? before + value : `${before}, ${value}`;
}

/** The socket's spelling of an address as it is told on: IPv4-mapped addresses as IPv4 (RFC 4291 §2.5.5.2), no zone. */
function peerText(address: string): string {
  if (address.startsWith("::ffff:") && address.includes(".")) return address.slice(7);
  const zone = address.indexOf("%");
  return zone === -1 ? address : address.slice(0, zone);
}

/** The port that the client asked for: of its authority, else its scheme's. Ours is the one behind the proxy. */
function portOf(authority: string, scheme: "http" | "https"): string {
  return /:(\d+)$/.exec(authority)?.[1] ?? (scheme === "https" ? "443" : "80");
}
