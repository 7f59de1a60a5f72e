import { closest } from "./closest.ts";
import type { RawIssue } from "./issue.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";

/** A rule may challenge only where there is a challenge, and be named only if it is there. */
export function rateLimitIssues(config: UserConfig): RawIssue[] {
  return [...challengeIssues(config), ...routeIssues(config)];
}

function challengeIssues(config: UserConfig): RawIssue[] {
  const { rateLimits, challenge } = config as { rateLimits?: unknown; challenge?: unknown };
  if (typeof rateLimits !== "object" || rateLimits === null || challenge !== undefined) return [];
  return Object.entries(rateLimits)
    .filter(([, rule]) => (rule as { action?: unknown } | null)?.action === "challenge")
    .map(([name]) => ({
      path: ["rateLimits", name, "action"],
      message: "The rule challenges clients, and there is no challenge.",
      got: '"challenge"',
      fix: "Add `challenge: {}`.",
    }));
}

/** Names in routes: each must be a rule, and one that does not count every request anyway. */
function routeIssues(config: UserConfig): RawIssue[] {
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
