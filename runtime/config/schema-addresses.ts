import { isIP } from "node:net";

import ipaddr from "ipaddr.js";

import { hasControl, isToken, type LeafIssue } from "./schema-leaf.ts";
import { toHostPattern } from "./schema-patterns.ts";

const TARGET_EXPECTED = 'an origin such as "http://127.0.0.1:9000" or "https://api.internal"';

/** Why a text is no target. The url's user information is never shown. */
export function targetIssue(value: unknown): LeafIssue | undefined {
  const no = (message: string, fix?: string): LeafIssue => ({
    message,
    expected: TARGET_EXPECTED,
    ...(fix === undefined ? {} : { fix }),
  });
  if (typeof value !== "string") return no("Wrong type.");
  if (value.startsWith("unix:")) {
    return hasControl(value) || !/^unix:\/[^/]/.test(value) || Buffer.byteLength(value) > 112
      ? no("Not the path of a socket.", 'Write "unix:/run/app.sock": absolute, 107 bytes at most.')
      : undefined;
  }
  if (hasControl(value) || /\s|\\/.test(value)) return no("Not an address.");
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
    return no(
      "The scheme is missing.",
      `Write "http://${value.replace(/^\/+/, "").slice(0, 60)}".`,
    );
  }
  const url = URL.parse(value);
  if (url === null) return no("Not an address.");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return no("Only http and https are possible.");
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/]*@/.test(value)) {
    return no(
      "A target has no user and password.",
      "Set the Authorization field by a header rule or in a hook.",
    );
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(value))
    return no("A target has no query and no fragment.");
  if (url.pathname !== "/" || /^[^/]*\/\/[^/]*\/./.test(value)) {
    return no("A target has no path.", "Use `rewrite: { addPrefix }` in the route.");
  }
  return url.port === "0" ? no("Port 0 cannot be connected to.") : undefined;
}

/** Why a value is no name that a certificate can have. */
export function tlsServerNameIssue(value: unknown): LeafIssue | undefined {
  const expected = 'a host name such as "api.internal"';
  if (typeof value !== "string") return { message: "Wrong type.", expected };
  // RFC 6066 §3: an address is no server name.
  return isIP(value) !== 0 || value.includes("*") || toHostPattern(value) === undefined
    ? { message: "Not a host name.", expected }
    : undefined;
}

/** Why a value is no address or range of addresses. */
export function rangeIssue(value: unknown): LeafIssue | undefined {
  const expected = 'an address or a CIDR range, such as "10.0.0.0/8", "192.0.2.1" or "fd00::/8"';
  if (typeof value !== "string") return { message: "Wrong type.", expected };
  if (isIP(value) !== 0 && !value.includes("%")) return undefined;
  const slash = value.indexOf("/");
  const address = value.slice(0, slash);
  const bits = value.slice(slash + 1);
  // ipaddr.js is lenient with addresses ("10" is one): isIP first.
  if (
    slash === -1 ||
    isIP(address) === 0 ||
    !/^(?:0|[1-9]\d{0,2})$/.test(bits) ||
    !ipaddr.isValidCIDR(value)
  ) {
    return { message: "Not an address or range.", expected };
  }
  const network = ipaddr.parse(address);
  const isMapped = network.kind() === "ipv6" && (network as ipaddr.IPv6).isIPv4MappedAddress();
  if (isMapped) {
    return {
      message: "IPv4 addresses are compared in their own form.",
      expected,
      fix: "Write the IPv4 range.",
    };
  }
  const first =
    network.kind() === "ipv6"
      ? ipaddr.IPv6.networkAddressFromCIDR(value)
      : ipaddr.IPv4.networkAddressFromCIDR(value);
  if (first.toString() !== network.toString()) {
    return {
      message: "The address has bits beyond its prefix, so the range is not what it seems.",
      expected,
      fix: `Write "${first.toString()}/${bits}".`,
    };
  }
  return undefined;
}

/** Why a value is no host to listen on. */
export function listenHostIssue(value: unknown): LeafIssue | undefined {
  const expected = 'an address or name of this machine, such as "127.0.0.1", "::1", "0.0.0.0"';
  if (typeof value !== "string" || value === "") return { message: "Wrong type.", expected };
  if (/^\[.*\]$/.test(value))
    return {
      message: "Brackets belong only into URLs.",
      expected,
      fix: `Write "${value.slice(1, -1)}".`,
    };
  if (isIP(value) !== 0) return undefined;
  if (/[:/]/.test(value))
    return {
      message: "Not an address or name.",
      expected,
      fix: "The port has an option of its own.",
    };
  return toHostPattern(value) === undefined
    ? { message: "Not an address or name.", expected }
    : undefined;
}

/** Whether a host is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Why a value is no Host for an upstream: `"preserve"`, `"target"` or what a Host field can say. */
export function upstreamHostIssue(value: unknown): LeafIssue | undefined {
  const expected = '"preserve", "target" or a host such as "api.internal" or "api.internal:8080"';
  if (typeof value !== "string") return { message: "Wrong type.", expected };
  const url = URL.parse(`http://${value}/`);
  const isHost =
    url !== null &&
    !hasControl(value) &&
    !/[\s/\\?#@]/.test(value) &&
    url.username === "" &&
    value !== "";
  return isHost ? undefined : { message: "Not a host.", expected };
}

/** Why a value is no token for the admin listener. Never shows it. */
export function adminTokenIssue(value: unknown): LeafIssue | undefined {
  const expected = "at least 16 characters, no white space";
  if (typeof value !== "string") return { message: "Wrong type.", expected };
  const got = `a text of ${value.length} characters`;
  if (value.length < 16) {
    return {
      message: "The token is too short.",
      expected,
      got,
      fix: "Make one: openssl rand -hex 24",
    };
  }
  return /^[\u0021-\u007e]+$/.test(value)
    ? undefined
    : { message: "The token has characters that cannot be sent.", expected, got };
}

/** Why a value is no token of an upgradable protocol. */
export function upgradeIssue(value: unknown): LeafIssue | undefined {
  const expected = 'a protocol such as "websocket"';
  if (typeof value !== "string" || !value.split("/").every(isToken))
    return { message: "Not a protocol.", expected };
  if (/^h2c?$/i.test(value)) {
    // A tunnel opened by h2c carries requests that no rule of ours ever sees.
    return { message: "HTTP/2 by Upgrade is never passed on.", expected };
  }
  return undefined;
}
