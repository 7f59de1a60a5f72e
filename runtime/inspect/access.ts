/**
 * Who may talk to the admin listener.
 *
 * The attack that matters on loopback is DNS rebinding: a page in the operator's browser resolves its own host name to
 * 127.0.0.1 and reads or reloads through it. Its requests name that host in Host and Origin, so both are checked on
 * every request, reading ones too. The second is a page of another local site posting across origins: Origin must
 * name the same authority as Host.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

export interface AccessRules {
  readonly token: string | undefined;
  /** Host names besides loopback ones, lower case, without port. */
  readonly hosts: readonly string[];
}

export interface AccessFacts {
  /** Address of the peer of the connection. */
  readonly peer: string;
  /** Our own end of the connection: an address is no name, so it cannot be rebound. */
  readonly local: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly authorization: string | undefined;
}

export type Access =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly status: 400 | 401 | 403; readonly detail: string };

const ALLOWED: Access = { allowed: true };

export function checkAccess(facts: AccessFacts, rules: AccessRules): Access {
  const host = facts.host === undefined ? undefined : parseAuthority(facts.host, "http:");
  if (host === undefined) return refuse(400, "The request needs a valid Host.");
  if (!isKnownHost(host.hostname, facts.local, rules.hosts)) {
    return refuse(403, "This Host is not one that the admin listener answers for.");
  }
  if (facts.origin !== undefined && !isSameAuthority(facts.origin, facts.host ?? "")) {
    return refuse(403, "Requests of other origins are refused.");
  }
  // Fetch metadata: browsers set it where they send no Origin (an image, a link).
  if (facts.fetchSite !== undefined && !["same-origin", "none"].includes(facts.fetchSite)) {
    return refuse(403, "Requests of other origins are refused.");
  }
  if (isLoopback(facts.peer)) return ALLOWED;
  if (rules.token === undefined) return refuse(403, "Only loopback may use this listener.");
  if (bearsToken(facts.authorization, rules.token)) return ALLOWED;
  return refuse(401, "A bearer token is needed.");
}

/** 127.0.0.0/8 or ::1, also as IPv4-mapped IPv6. */
export function isLoopback(address: string): boolean {
  const plain = toPlainAddress(address);
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

function isKnownHost(hostname: string, local: string, hosts: readonly string[]): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    isLoopback(hostname) ||
    hostname === toPlainAddress(local) ||
    hosts.includes(hostname)
  );
}

function isSameAuthority(origin: string, host: string): boolean {
  const scheme = /^(https?:)\/\/([^/?#]+)$/i.exec(origin);
  if (scheme === null) return false;
  const protocol = (scheme[1] ?? "").toLowerCase();
  const from = parseAuthority(scheme[2] ?? "", protocol);
  // The port that Host leaves out is that of the scheme, which only Origin names (TLS may end before us).
  const to = parseAuthority(host, protocol);
  return (
    from !== undefined && to !== undefined && from.hostname === to.hostname && from.port === to.port
  );
}

function parseAuthority(
  text: string,
  protocol: string,
): { hostname: string; port: number } | undefined {
  const parts = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(text);
  if (parts === null) return undefined;
  const hostname = (parts[1] ?? "").toLowerCase().replace(/^\[|\]$/g, "");
  const port = parts[2] === undefined ? (protocol === "https:" ? 443 : 80) : Number(parts[2]);
  return { hostname: hostname.endsWith(".") ? hostname.slice(0, -1) : hostname, port };
}

function toPlainAddress(address: string): string {
  const zone = address.indexOf("%");
  const plain = (zone === -1 ? address : address.slice(0, zone)).toLowerCase();
  return plain.startsWith("::ffff:") && plain.includes(".") ? plain.slice(7) : plain;
}

function bearsToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (given === undefined) return false;
  // Digests have one length, so the comparison takes the same time whatever is sent.
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function refuse(status: 400 | 401 | 403, detail: string): Access {
  return { allowed: false, status, detail };
}
