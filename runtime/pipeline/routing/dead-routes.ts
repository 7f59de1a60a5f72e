import type { CompiledRoute } from "./compiled-route.ts";
import { ANY_HOST, hostCovers, type HostPattern } from "./host-pattern.ts";
import { ANY_PATH, pathCovers, type PathPattern } from "./path-pattern.ts";

export interface DeadRoute {
  readonly index: number;
  readonly name: string;
  /** The earlier routes that take its requests. */
  readonly coveredBy: readonly { readonly index: number; readonly name: string }[];
}

/**
 * Routes none of whose requests get past the earlier ones. Said only where it is certain: an earlier route counts if it
 * asks for nothing beyond host, path and methods, since fields, queries and functions may hold or not. Two routes that
 * cover a third only together are not found.
 *
 * For the config's check, not for the hot path: every pair of routes may be compared.
 */
export function findDeadRoutes(routes: readonly CompiledRoute<unknown>[]): DeadRoute[] {
  const covering: CompiledRoute<unknown>[] = [];
  const dead: DeadRoute[] = [];
  // In the order in which they are tried: functions come after the index.
  const tried = [
    ...routes.filter((route) => !route.functionOnly),
    ...routes.filter((route) => route.functionOnly),
  ];
  for (const route of tried) {
    const coveredBy = coversOf(route, covering);
    if (coveredBy !== undefined) {
      dead.push({
        index: route.index,
        name: route.name,
        coveredBy: coveredBy.map(({ index, name }) => ({ index, name })),
      });
    } else if (route.methodOnly) {
      covering.push(route);
    }
  }
  return dead.sort((one, other) => one.index - other.index);
}

/** For each host and path of the route, the first that takes it; `undefined` if one of them is free. */
function coversOf(
  route: CompiledRoute<unknown>,
  covering: readonly CompiledRoute<unknown>[],
): CompiledRoute<unknown>[] | undefined {
  const found = new Set<CompiledRoute<unknown>>();
  for (const host of route.functionOnly ? [ANY_HOST] : route.hosts) {
    for (const path of route.functionOnly ? [ANY_PATH] : route.paths) {
      const cover = covering.find((other) => covers(other, host, path, route.methods));
      if (cover === undefined) return undefined;
      found.add(cover);
    }
  }
  return [...found].sort((one, other) => one.index - other.index);
}

function covers(
  { hosts, paths, methods }: CompiledRoute<unknown>,
  host: HostPattern,
  path: PathPattern,
  wanted: readonly string[],
): boolean {
  const allMethods =
    methods.length === 0 ||
    (wanted.length > 0 && wanted.every((method) => methods.includes(method)));
  return (
    allMethods &&
    hosts.some((other) => hostCovers(other, host)) &&
    paths.some((other) => pathCovers(other, path))
  );
}
