import type { ResolvedMatch, ResolvedRoute } from "../config/resolved-config.ts";

/** A route that never gets a request, because another one takes all of them first. */
export interface DeadRoute {
  readonly route: ResolvedRoute;
  readonly takenBy: ResolvedRoute;
}

/** Routes that no request can reach. Only what is certain: patterns, functions and expressions are not guessed at. */
export function findDeadRoutes(routes: readonly ResolvedRoute[]): DeadRoute[] {
  const inOrder = [
    ...routes.filter((route) => !hasOnlyFunction(route)),
    ...routes.filter(hasOnlyFunction),
  ];
  const dead: DeadRoute[] = [];
  for (const [at, route] of inOrder.entries()) {
    const takenBy = inOrder.slice(0, at).find((earlier) => covers(earlier.match, route.match));
    if (takenBy !== undefined) dead.push({ route, takenBy });
  }
  return dead.toSorted((a, b) => a.route.index - b.route.index);
}

/** Routes that the index cannot help with: each costs a call for each request that no other route takes. */
export function hasOnlyFunction({ match }: ResolvedRoute): boolean {
  return match.when !== undefined && isUnconditional({ ...match, when: undefined });
}

function isUnconditional(match: ResolvedMatch): boolean {
  return (
    match.when === undefined &&
    [match.hosts, match.paths, match.methods, match.fields, match.query].every(
      (list) => list.length === 0,
    )
  );
}

/** True if every request that `later` could match is matched by `earlier`. */
function covers(earlier: ResolvedMatch, later: ResolvedMatch): boolean {
  return (
    earlier.when === undefined &&
    coversAll(earlier.hosts, later.hosts, coversHost) &&
    (earlier.paths.includes("/*") || coversAll(earlier.paths, later.paths, coversPath)) &&
    coversAll(earlier.methods, later.methods, (a, b) => a === b) &&
    earlier.fields.every((pair) => includesPair(later.fields, pair)) &&
    earlier.query.every((pair) => includesPair(later.query, pair))
  );
}

function coversAll(
  earlier: readonly string[],
  later: readonly string[],
  one: (a: string, b: string) => boolean,
): boolean {
  if (earlier.length === 0) return true;
  return later.length > 0 && later.every((b) => earlier.some((a) => one(a, b)));
}

type Pair = readonly [name: string, value: string | RegExp | true];

function includesPair(pairs: readonly Pair[], [name, value]: Pair): boolean {
  return pairs.some(([other, otherValue]) => {
    if (other !== name) return false;
    return (
      value === true ||
      value === otherValue ||
      (value instanceof RegExp && String(value) === String(otherValue))
    );
  });
}

/** `**.a.test` takes in `*.a.test` and `x.y.a.test`; `*.a.test` takes in `x.a.test`. */
function coversHost(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.startsWith("**.")) return b.replace(/^\*\*?\./, "x.").endsWith(a.slice(2));
  if (!a.startsWith("*.") || b.startsWith("*")) return false;
  return b.slice(b.indexOf(".")) === a.slice(1);
}

/** Segment by segment; `/a/*` takes in `/a` and all below it, `:name` one segment. */
function coversPath(a: string, b: string): boolean {
  const as = a.split("/");
  const bs = b.split("/");
  for (let at = 0; at < as.length; at++) {
    const segment = as[at]!;
    if (segment === "*" && at === as.length - 1) return true;
    const other = bs[at];
    if (other === undefined || other === "*") return false;
    if (segment.startsWith(":")) continue;
    if (segment !== other) return false;
  }
  return as.length === bs.length;
}
