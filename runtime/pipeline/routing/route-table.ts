/**
 * Which route a request takes: the first in declaration order whose host, path and other conditions hold.
 *
 * Found through an index, not a scan: hosts by name (exact, one label, any depth, any), below each a tree of paths. What
 * the index yields are the routes whose host and path match, usually one or two of a thousand; only their conditions are
 * evaluated. Routes with nothing but a function cannot be indexed and are tried in order after all others.
 */
import type { ProxyRequest } from "@gatewright/sdk";

import type { ReadonlyRawFields } from "../../http/raw-fields.ts";
import { compileConditions, firstUnmet, Subject, type ConditionsInput } from "./conditions.ts";
import { findDeadRoutes, type DeadRoute } from "./dead-routes.ts";
import { HostIndex } from "./host-index.ts";
import { ANY_HOST, parseHostPattern, type HostPattern } from "./host-pattern.ts";
import {
  ANY_PATH,
  NO_PARAMS,
  parsePathPattern,
  pathParams,
  type PathParams,
  type PathPattern,
} from "./path-pattern.ts";
import type { CompiledRoute } from "./compiled-route.ts";

export interface RouteMatchInput extends ConditionsInput {
  /** Empty: any. */
  readonly hosts: readonly string[];
  /** Empty: any. */
  readonly paths: readonly string[];
}

export interface RouteInput<P> {
  /** Position in the config, from 0. */
  readonly index: number;
  readonly name: string;
  readonly match: RouteMatchInput;
  /** What a match returns. */
  readonly payload: P;
}

export interface RouteMatch<P> {
  readonly route: P;
  /** By name, and `*` for the rest; as in the normalised path. */
  readonly params: PathParams;
}

export interface RouteTable<P> {
  /**
   * @param host Lower case, without port; IPv6 in brackets.
   * @param path Normalised.
   * @param search With its `?`, or `""`.
   * @param request Called only if a route with `when` gets that far.
   * @throws ProxyError if a route's function throws or returns a promise.
   */
  match(
    host: string,
    path: string,
    method: string,
    fields: ReadonlyRawFields,
    search: string,
    request: () => ProxyRequest,
  ): RouteMatch<P> | undefined;
  /** One line for each route that was considered, up to the one that matched, with what spoke against it. */
  explain(
    host: string,
    path: string,
    method: string,
    fields: ReadonlyRawFields,
    search: string,
    request: () => ProxyRequest,
  ): string[];
  /** Routes that no request can reach, because earlier ones take all of theirs. Only those where that is certain. */
  deadRoutes(): DeadRoute[];
  /** How many routes are tried one by one after the index. */
  readonly functionOnlyCount: number;
}

/** A route under one of its host and path patterns. */
interface Candidate<P> {
  readonly index: number;
  readonly route: CompiledRoute<P>;
  readonly path: PathPattern;
}

/** Throws a `TypeError` naming the route for a pattern that is none. */
export function createRouteTable<P>(routes: readonly RouteInput<P>[]): RouteTable<P> {
  const ordered = routes.map(compileRoute).sort((one, other) => one.index - other.index);
  return new IndexedRoutes(ordered);
}

class IndexedRoutes<P> implements RouteTable<P> {
  readonly functionOnlyCount: number;
  readonly #routes: readonly CompiledRoute<P>[];
  readonly #functionOnly: readonly Candidate<P>[];
  readonly #index = new HostIndex<Candidate<P>>();
  /** Kept between requests: a match allocates no lists. Taken out while in use, in case a route's function comes back here. */
  #lists: (readonly Candidate<P>[])[] | undefined = [];

  constructor(routes: readonly CompiledRoute<P>[]) {
    this.#routes = routes;
    this.#functionOnly = routes
      .filter((route) => route.functionOnly)
      .map((route) => ({ index: route.index, route, path: ANY_PATH }));
    this.functionOnlyCount = this.#functionOnly.length;
    for (const route of routes) {
      if (route.functionOnly) continue;
      for (const host of route.hosts) {
        for (const path of route.paths)
          this.#index.add(host, path, { index: route.index, route, path });
      }
    }
  }

  match(
    host: string,
    path: string,
    method: string,
    fields: ReadonlyRawFields,
    search: string,
    request: () => ProxyRequest,
  ): RouteMatch<P> | undefined {
    const lists = this.#lists ?? [];
    this.#lists = undefined;
    this.#index.collect(host, path, lists);
    try {
      const subject = new Subject(method, fields, search, request);
      const found =
        firstMatch(lists, subject, undefined) ??
        firstInList(this.#functionOnly, subject, undefined);
      return found === undefined
        ? undefined
        : {
            route: found.route.payload,
            params: found.route.functionOnly ? NO_PARAMS : pathParams(found.path, path),
          };
    } finally {
      lists.length = 0;
      this.#lists = lists;
    }
  }

  explain(
    host: string,
    path: string,
    method: string,
    fields: ReadonlyRawFields,
    search: string,
    request: () => ProxyRequest,
  ): string[] {
    const lists: (readonly Candidate<P>[])[] = [];
    this.#index.collect(host, path, lists);
    const lines: string[] = [];
    const note = ({ route }: Candidate<P>, unmet: string | undefined): void => {
      lines.push(`${route.name} (position ${route.index + 1}): ${unmet ?? "matches"}`);
    };
    const subject = new Subject(method, fields, search, request);
    if (firstMatch(lists, subject, note) === undefined) {
      firstInList(this.#functionOnly, subject, note);
    }
    if (lines.length === 0) lines.push("no route has this host and path");
    return lines;
  }

  deadRoutes(): DeadRoute[] {
    return findDeadRoutes(this.#routes);
  }
}

type Note<P> = (candidate: Candidate<P>, unmet: string | undefined) => void;

/** The lists merged by declaration order; each is in that order itself. */
function firstMatch<P>(
  lists: readonly (readonly Candidate<P>[])[],
  subject: Subject,
  note: Note<P> | undefined,
): Candidate<P> | undefined {
  if (lists.length === 0) return undefined;
  if (lists.length === 1) {
    return firstInList(lists[0] as readonly Candidate<P>[], subject, note);
  }
  let last = -1;
  for (;;) {
    const candidate = nextCandidate(lists, last);
    if (candidate === undefined) return undefined;
    if (holds(candidate, subject, note)) return candidate;
    last = candidate.index;
  }
}

/** The earliest route after position `last`. The same route under two patterns comes once. */
function nextCandidate<P>(
  lists: readonly (readonly Candidate<P>[])[],
  last: number,
): Candidate<P> | undefined {
  let next: Candidate<P> | undefined;
  for (let at = 0; at < lists.length; at++) {
    const list = lists[at] as readonly Candidate<P>[];
    const candidate = list[firstAfter(list, last)];
    if (candidate !== undefined && (next === undefined || candidate.index < next.index)) {
      next = candidate;
    }
  }
  return next;
}

/** Binary search: hundreds of routes may share a host and path and differ in a field. */
function firstAfter<P>(list: readonly Candidate<P>[], last: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as Candidate<P>).index > last) high = middle;
    else low = middle + 1;
  }
  return low;
}

function firstInList<P>(
  list: readonly Candidate<P>[],
  subject: Subject,
  note: Note<P> | undefined,
): Candidate<P> | undefined {
  for (let at = 0; at < list.length; at++) {
    const candidate = list[at] as Candidate<P>;
    if (holds(candidate, subject, note)) return candidate;
  }
  return undefined;
}

function holds<P>(candidate: Candidate<P>, subject: Subject, note: Note<P> | undefined): boolean {
  const unmet = firstUnmet(candidate.route.conditions, subject);
  note?.(candidate, unmet);
  return unmet === undefined;
}

function compileRoute<P>({ index, name, match, payload }: RouteInput<P>): CompiledRoute<P> {
  const { hosts, paths, fields, query, when } = match;
  const methods = withHead(match.methods);
  try {
    return {
      index,
      name,
      payload,
      hosts: distinct<HostPattern>(hosts, parseHostPattern, ANY_HOST),
      paths: distinct<PathPattern>(paths, parsePathPattern, ANY_PATH),
      methods,
      conditions: compileConditions({ ...match, methods }, name),
      methodOnly: fields.length === 0 && query.length === 0 && when === undefined,
      functionOnly:
        when !== undefined &&
        hosts.length + paths.length + methods.length + fields.length + query.length === 0,
    };
  } catch (error) {
    if (error instanceof TypeError) error.message = `route ${name}: ${error.message}`;
    throw error;
  }
}

/** RFC 9110 §9.3.2: HEAD asks for what GET would answer, so a route for GET takes both. */
function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes("GET") && !methods.includes("HEAD") ? [...methods, "HEAD"] : methods;
}

/** Two spellings of one pattern would put the route into its list twice. */
function distinct<T>(texts: readonly string[], parse: (text: string) => T, any: T): T[] {
  if (texts.length === 0) return [any];
  const patterns = new Map(texts.map((text) => [JSON.stringify(parse(text)), parse(text)]));
  return [...patterns.values()];
}
