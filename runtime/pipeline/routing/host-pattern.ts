/**
 * Host patterns: `a.test` (that name), `*.a.test` (exactly one label more), `**.a.test` (one or more), `*` (any host).
 * Compared with hosts in lower case, without port and final dot (RFC 9110 §4.2.3).
 */
import { domainToASCII } from "node:url";

import { parseAuthority } from "../../http/host.ts";

export type HostPattern =
  | { readonly kind: "any" }
  | { readonly kind: "exact" | "one-label" | "any-depth"; readonly name: string };

export const ANY_HOST: HostPattern = Object.freeze({ kind: "any" });

/** Throws a `TypeError` that says what is wrong. */
export function parseHostPattern(text: string): HostPattern {
  if (text === "*" || text === "**") return ANY_HOST;
  if (text.startsWith("**.")) return { kind: "any-depth", name: hostName(text, 3) };
  if (text.startsWith("*.")) return { kind: "one-label", name: hostName(text, 2) };
  return { kind: "exact", name: hostName(text, 0) };
}

function hostName(pattern: string, from: number): string {
  const text = pattern.slice(from);
  // Internationalised names arrive in their ASCII form (RFC 5890), so that is what they are compared with.
  // eslint-disable-next-line no-control-regex -- "anything but ASCII" cannot be said otherwise
  const ascii = /^[\x00-\x7f]*$/.test(text) ? text : domainToASCII(text);
  const authority = parseAuthority(ascii);
  if (authority === undefined || authority.port !== undefined) {
    throw new TypeError(
      `"${pattern}" is no host pattern: expected a host name without port, "*.name" or "**.name"`,
    );
  }
  return authority.host;
}

/** Whether every host that `inner` matches is matched by `outer` too. */
export function hostCovers(outer: HostPattern, inner: HostPattern): boolean {
  if (outer.kind === "any") return true;
  if (inner.kind === "any") return false;
  switch (outer.kind) {
    case "exact":
      return inner.kind === "exact" && inner.name === outer.name;
    case "one-label":
      if (inner.kind === "one-label") return inner.name === outer.name;
      return inner.kind === "exact" && afterFirstLabel(inner.name) === outer.name;
    case "any-depth":
      if (inner.kind !== "exact" && inner.name === outer.name) return true;
      return inner.name.endsWith(`.${outer.name}`);
  }
}

/** The host without its first label, or `undefined` if it has only one. */
export function afterFirstLabel(host: string): string | undefined {
  const dot = host.indexOf(".");
  return dot === -1 ? undefined : host.slice(dot + 1);
}
