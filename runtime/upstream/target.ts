/** One address of an upstream. */
export interface Target {
  readonly scheme: "http" | "https";
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** What a Host field for it says: brackets for IPv6, no default port. */
  readonly authority: string;
  readonly weight: number;
  /** 0 is used first. */
  readonly priority?: number | undefined;
  /** Most connections to it, below the upstream's own cap. */
  readonly maxConnections?: number | undefined;
  /** The one address of `hostname` that is meant. Absent: whatever the name resolves to when connecting. */
  readonly address?: string | undefined;
  /** A Unix domain socket instead of host and port, which then only name it. */
  readonly socketPath?: string | undefined;
}

/** `host:port` for logs, brackets for IPv6; `unix:/path` for a socket. */
export function targetAddress(target: Target): string {
  if (target.socketPath !== undefined) return `unix:${target.socketPath}`;
  const host = target.address ?? target.hostname;
  return host.includes(":") ? `[${host}]:${target.port}` : `${host}:${target.port}`;
}

/** What tells one target from another, whatever its weight: `http://10.0.0.1:9000`, `unix:/run/app.sock`. */
export function targetKey(target: Target): string {
  const address = targetAddress(target);
  return target.socketPath === undefined ? `${target.scheme}://${address}` : address;
}
