import type { WafCollection, WafRule } from "./rule.ts";

/** What is not to be found. All given conditions must hold; without `rules` and `tags` it is every rule. */
export interface Exclusion {
  /** `/a` or `/a/*`: it and everything below. */
  readonly path?: string | undefined;
  /** Name of a parameter, cookie, field or JSON path, in any case; `*` at the end stands for anything. */
  readonly parameter?: string | undefined;
  /** Ids, `*` at the end included. */
  readonly rules?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** Asked only when something has matched, so that exclusions cost honest requests nothing. */
export function isExcluded(
  exclusions: readonly Exclusion[],
  path: string,
  rule: WafRule,
  collection: WafCollection,
  name: string,
): boolean {
  return exclusions.some(
    (one) =>
      (one.path === undefined || covers(one.path, path)) &&
      (one.parameter === undefined ||
        (collection !== "ANOMALIES" && startsOrIs(one.parameter, name))) &&
      namesRule(one, rule),
  );
}

function namesRule({ rules, tags }: Exclusion, rule: WafRule): boolean {
  if (rules === undefined && tags === undefined) return true;
  return (
    rules?.some((pattern) => startsOrIs(pattern, rule.id)) === true ||
    tags?.some((tag) => rule.tags?.includes(tag) === true) === true
  );
}

function covers(pattern: string, path: string): boolean {
  if (!pattern.endsWith("/*")) return pattern === path;
  const folder = pattern.slice(0, -2);
  return path === folder || path.startsWith(`${folder}/`);
}

function startsOrIs(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase();
  const text = name.toLowerCase();
  return wanted.endsWith("*") ? text.startsWith(wanted.slice(0, -1)) : text === wanted;
}
