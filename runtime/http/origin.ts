import { parseAuthority } from "./host.ts";

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** `https://a.test`, however the host is written: in lower case, without the scheme's own port (RFC 9110 §4.2.3). */
export function originText(scheme: "http" | "https", authority: string): string {
  const parts = parseAuthority(authority);
  if (parts === undefined) return `${scheme}://${authority.toLowerCase()}`;
  const { host, port } = parts;
  return port === undefined || port === DEFAULT_PORTS[scheme]
    ? `${scheme}://${host}`
    : `${scheme}://${host}:${port}`;
}
