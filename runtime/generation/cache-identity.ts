import { createHash } from "node:crypto";

import type { ResolvedRoute } from "../config/resolved-config.ts";

/**
 * What tells the stored responses of one route from those of another, in this generation and in the next: a route that
 * is the same after a reload finds what it has stored, wherever it stands in the list; one that asks for something else
 * does not.
 *
 * It is the route's name, or what it matches, and in both cases all that changes what is asked of the upstream. A
 * function cannot be compared: `when` of a route without a name counts as new with every edit. That costs a few fetches;
 * the other way would show one route's answers on another.
 */
export function cacheIdentities(
  routes: readonly ResolvedRoute[],
  digest: string,
): ReadonlyMap<ResolvedRoute, string> {
  const taken = new Set<string>();
  const identities = new Map<ResolvedRoute, string>();
  for (const route of routes) {
    if (route.cache === undefined) continue;
    const facts = identityOf(route, digest);
    // Two that look the same, of which nothing reaches the second: told apart all the same.
    const unique = taken.has(facts) ? `${facts}${digest}${route.index}` : facts;
    taken.add(unique);
    identities.set(route, createHash("sha256").update(unique).digest("base64url").slice(0, 22));
  }
  return identities;
}

function identityOf(route: ResolvedRoute, digest: string): string {
  const { match, action, rewrite, host, headers, cache } = route;
  const { when, ...compared } = match;
  const place = route.isNamed ? route.name : [compared, when && digest];
  const asked = [action, rewrite, host, headers.request];
  return JSON.stringify(
    [place, asked, cache?.ignoreQuery, cache?.vary, cache?.key],
    (_key, value) =>
      typeof value === "function" || value instanceof RegExp ? String(value) : (value as unknown),
  );
}
