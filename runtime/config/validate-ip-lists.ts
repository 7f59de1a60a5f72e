import type { RawIssue } from "./issue.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";

export function ipListIssues(config: UserConfig): RawIssue[] {
  return [...challengeIssues(config), ...nameIssues(config)];
}

function challengeIssues(config: UserConfig): RawIssue[] {
  const { blocklists, challenge } = config as { blocklists?: unknown; challenge?: unknown };
  if (typeof blocklists !== "object" || blocklists === null || challenge !== undefined) return [];
  return Object.entries(blocklists)
    .filter(([, list]) => (list as { mode?: unknown } | null)?.mode === "challenge")
    .map(([name]) => ({
      path: ["blocklists", name, "mode"],
      message: "The list challenges clients, and there is no challenge.",
      got: '"challenge"',
      fix: "Add `challenge: {}`.",
    }));
}

/** `ctx.list(name)` and the admin API name lists of both kinds: one name for two would leave one of them out of reach. */
function nameIssues(config: UserConfig): RawIssue[] {
  const { allowlists, blocklists } = config as { allowlists?: unknown; blocklists?: unknown };
  if (typeof allowlists !== "object" || allowlists === null) return [];
  if (typeof blocklists !== "object" || blocklists === null) return [];
  return Object.keys(blocklists)
    .filter((name) => Object.hasOwn(allowlists, name))
    .map((name) => ({
      path: ["blocklists", name],
      message: `There is an allowlist ${renderValue(name)} already.`,
      got: renderValue(name),
      fix: "Rename one of them: ctx.list() finds lists by their names.",
    }));
}
