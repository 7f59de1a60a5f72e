import { isIP } from "node:net";

import type { Target } from "../target.ts";

export interface FoundAddress {
  readonly address: string;
  readonly family: number;
}

/** Something to look up, not an address or a socket. */
export function isName(target: Target): boolean {
  return target.socketPath === undefined && isIP(target.hostname) === 0;
}

/**
 * One target for each address. Where a name has addresses of both families they are most likely the same machines twice,
 * so those of IPv6 come half a priority later: used when the others cannot be reached, not beside them.
 */
export function withAddress(target: Target, found: readonly FoundAddress[]): Target[] {
  const hasIPv4 = found.some(({ family }) => family === 4);
  const seen = new Set<string>();
  const targets: Target[] = [];
  for (const { address, family } of found) {
    if (seen.has(address)) continue;
    seen.add(address);
    const level = target.priority ?? 0;
    const priority = hasIPv4 && family === 6 ? level + 0.5 : level;
    targets.push({ ...target, address, priority });
  }
  return targets;
}
