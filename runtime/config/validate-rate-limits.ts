import { closest } from "./closest.ts";
import type { RawIssue } from "./issue.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";

/** Names in routes: each must be a rule, and one that does not count every request anyway. */
export function rateLimitIssues(config: UserConfig): RawIssue[] {
  const { routes, rateLimits } = config as { routes?: unknown; rateLimits?: unknown };
  if (!Array.isArray(routes)) return [];
  const rules = typeof rateLimits === "object" && rateLimits !== null ? rateLimits : {};
  return (routes as readonly unknown[]).flatMap((route, index) => {
    const names = (route as { rateLimits?: unknown } | null)?.rateLimits;
    if (!Array.isArray(names)) return [];
    return (names as readonly unknown[]).flatMap((name, at) =>
      typeof name === "string" ? nameIssues(["routes", index, "rateLimits", at], name, rules) : [],
    );
  });
}

function nameIssues(path: readonly PropertyKey[], name: string, rules: object): RawIssue[] {
  const known = Object.keys(rules);
  const got = renderValue(name);
  if (!known.includes(name)) {
    const near = closest(name, known);
    const fix = near === undefined ? "Add it to rateLimits." : `Did you mean "${near}"?`;
    return [{ path, message: `There is no rate limit ${got}.`, got, fix }];
  }
  const rule = (rules as Readonly<Record<string, { scope?: unknown } | null>>)[name];
  if (rule?.scope === "named") return [];
  return [
    {
      path,
      message: `The rate limit ${got} has the scope "all": it counts every request already.`,
      got,
      fix: `Give it scope: "named", or remove it here.`,
    },
  ];
}
