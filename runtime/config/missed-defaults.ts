import type { PackageShape } from "./external-view.ts";
import type { RawIssue } from "./issue.ts";

/**
 * A plugin that is `undefined` is left out: that is how one is switched off by a condition. Where it is so because the
 * package has no default export, the proxy would run without what may be its guard, and nobody would be told.
 */
export function missedDefaultIssues(
  plugins: unknown,
  shapes: ReadonlyMap<string, PackageShape>,
): RawIssue[] {
  const missed = [...shapes].filter(([, shape]) => shape.defaultMissed);
  if (missed.length === 0 || !Array.isArray(plugins)) return [];
  const at = plugins.flat(8).findIndex((plugin) => plugin === undefined);
  if (at === -1) return [];
  return missed.map(([name, { names }]) => {
    const [first = "plugin"] = names;
    const listed = names.length === 0 ? "nothing" : names.slice(0, 5).join(", ");
    return {
      path: ["plugins"],
      message: `The package ${JSON.stringify(name)} has no default export, so a plugin of the list is undefined; it exports: ${listed}.`,
      fix: `Import what it exports: import { ${first} } from ${JSON.stringify(name)}.`,
    };
  });
}
