/** One address of an upstream. */
export interface Target {
  readonly scheme: "http" | "https";
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** What a Host field for it says: brackets for IPv6, no default port. */
  readonly authority: string;
  readonly weight: number;
}

/** `host:port` for logs, brackets for IPv6. */
export function targetAddress(target: Target): string {
  return target.hostname.includes(":")
    ? `[${target.hostname}]:${target.port}`
    : `${target.hostname}:${target.port}`;
}
