import type { RawIssue } from "./issue.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";

/** `ctx.list(name)` and the admin API name lists of both kinds: one name for two would leave one of them out of reach. */
export function ipListIssues(config: UserConfig): RawIssue[] {
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
