import type { z } from "zod";

import { closest } from "./closest.ts";
import type { RawIssue } from "./issue.ts";
import { isLaterKey, knownKeysAt } from "./known-keys.ts";
import { formatPath, valueAt } from "./option-path.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";
import { configSchema } from "./schema.ts";
import { choiceIssues } from "./validate-choices.ts";
import { ipListIssues } from "./validate-ip-lists.ts";
import { listenIssues } from "./validate-listen.ts";
import { pluginIssues } from "./validate-plugins.ts";
import { rateLimitIssues } from "./validate-rate-limits.ts";
import { answerIssues, routeIssues } from "./validate-routes.ts";
import { upstreamIssues } from "./validate-upstreams.ts";
import { wafIssues } from "./validate-waf.ts";

export type ValidateResult =
  | { readonly kind: "valid"; readonly config: UserConfig }
  | { readonly kind: "invalid"; readonly issues: readonly RawIssue[] };

/** Checks what the config file exports and says everything that is wrong with it at once. */
export function validate(value: unknown): ValidateResult {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return {
      kind: "invalid",
      issues: [
        {
          path: [],
          message: "The default export is no config.",
          expected: "an object, a promise of one, or a function that makes one",
          got: renderValue(value),
          ...(value === undefined
            ? { fix: "Check that the factory returns the config on every path." }
            : {}),
        },
      ],
    };
  }
  const config = value as UserConfig;
  const issues = (configSchema.safeParse(value).error?.issues ?? []).flatMap((issue) =>
    toIssues(issue, value),
  );
  issues.push(
    ...listenIssues(config),
    ...upstreamIssues(config),
    ...choiceIssues(config),
    ...routeIssues(config),
    ...rateLimitIssues(config),
    ...ipListIssues(config),
    ...wafIssues(config),
    ...pluginIssues(config.plugins),
  );
  // Only if all else is right: half of a config always seems unable to answer.
  if (issues.length === 0) issues.push(...answerIssues(config));
  return issues.length === 0
    ? { kind: "valid", config }
    : { kind: "invalid", issues: withoutRepeats(issues) };
}

function toIssues(issue: z.core.$ZodIssue, root: unknown): RawIssue[] {
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKeyIssue(issue.path, key, root));
    case "custom": {
      const params = (issue.params ?? {}) as { expected?: string; fix?: string; got?: string };
      const value = valueAt(root, issue.path);
      const message = value === undefined ? MISSING : issue.message;
      return [{ path: issue.path, message, got: renderValue(value), ...params }];
    }
    default: {
      const value = valueAt(root, issue.path);
      const expected = issue.code === "invalid_type" ? EXPECTED_TYPES[issue.expected] : undefined;
      return [
        {
          path: issue.path,
          message: value === undefined ? MISSING : "Wrong type.",
          expected: expected ?? issue.message,
          got: renderValue(value),
        },
      ];
    }
  }
}

const MISSING = "The value is missing.";

const EXPECTED_TYPES: Readonly<Record<string, string>> = {
  object: "an object",
  record: "an object",
  array: "a list",
  string: "a text",
  tuple: "a pair [name, value]",
};

function unknownKeyIssue(path: readonly PropertyKey[], key: string, root: unknown): RawIssue {
  const full = [...path, key];
  if (isLaterKey(path, key)) {
    return {
      path: full,
      message: `${key} is not available in this version.`,
      fix: "Remove it, or use a version of Gatewright that has it.",
    };
  }
  const known = knownKeysAt(path);
  const near = closest(key, known);
  return {
    path: full,
    message: `Unknown key ${JSON.stringify(key.slice(0, 60))}.`,
    ...(known.length === 0 || near !== undefined ? {} : { expected: `one of ${known.join(", ")}` }),
    got: renderValue(valueAt(root, full)),
    fix: near === undefined ? "Remove it." : `Did you mean "${near}"?`,
  };
}

function withoutRepeats(issues: readonly RawIssue[]): RawIssue[] {
  const seen = new Set<string>();
  return issues.filter((issue) => {
    const key = JSON.stringify([formatPath(issue.path), issue.message]);
    return !seen.has(key) && seen.add(key);
  });
}
