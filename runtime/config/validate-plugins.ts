import { types } from "node:util";

import { closest } from "./closest.ts";
import { flattenPlugins } from "./flatten-plugins.ts";
import { renderValue } from "./render-value.ts";
import { hasControl } from "./schema-leaf.ts";
import { isAsyncFunction } from "./schema-functions.ts";
import { HOOK_NAMES } from "./schema.ts";
import type { RawIssue } from "./issue.ts";

/** The contract that this version speaks. */
const API = 1;
const PLUGIN_FUNCTIONS = [...HOOK_NAMES, "setup"] as const;

/** Everything that is wrong with the entries of `plugins`, with the plugin's name where it has one. */
export function pluginIssues(plugins: unknown): RawIssue[] {
  const issues: RawIssue[] = [];
  const taken = new Map<string, readonly PropertyKey[]>();
  for (const { path, value } of flattenPlugins(plugins)) {
    const shape = shapeIssue(value);
    if (shape !== undefined) {
      issues.push({ path, ...shape });
      continue;
    }
    const plugin = value as Readonly<Record<string, unknown>>;
    issues.push(...partIssues(path, plugin));
    const name = plugin["name"] as string;
    const other = taken.get(name);
    if (other === undefined) taken.set(name, path);
    else {
      issues.push({
        path,
        message: `The plugin ${JSON.stringify(name)} is there twice.`,
        got: `the same name at plugins[${other.slice(1).map(String).join("][")}]`,
        fix: "Remove one, or give each its own name if the plugin has an option for it.",
      });
    }
  }
  return issues;
}

function shapeIssue(value: unknown): Omit<RawIssue, "path"> | undefined {
  const got = renderValue(value);
  const expected = "a plugin: the result of a factory made with definePlugin";
  if (types.isPromise(value)) {
    return {
      message: "A promise is no plugin.",
      expected,
      got,
      fix: "Await it in an async factory: defineConfig(async () => …).",
    };
  }
  if (typeof value === "function") {
    const name = value.name === "" ? "plugin" : value.name;
    return {
      message: "A plugin's factory is there uncalled.",
      expected,
      got,
      fix: `Call it: ${name}({ … }).`,
    };
  }
  if (typeof value !== "object" || value === null)
    return { message: "Not a plugin.", expected, got };
  const {
    name,
    api,
    default: inner,
  } = value as { name?: unknown; api?: unknown; default?: unknown };
  if (
    typeof name !== "string" &&
    (typeof inner === "function" || (typeof inner === "object" && inner !== null))
  ) {
    return {
      message: "A whole module is no plugin.",
      expected,
      got,
      fix: `Use its default export${typeof inner === "function" ? ", called" : ""}: import plugin from "…", or NAME.default.`,
    };
  }
  if (typeof name !== "string" || name === "" || name.length > 128 || hasControl(name)) {
    return { message: "The plugin has no name.", expected: 'a text in "name"', got };
  }
  if (api !== API) {
    return {
      message:
        api === undefined
          ? `The plugin ${JSON.stringify(name)} does not say which contract of Gatewright it is made for.`
          : `The plugin ${JSON.stringify(name)} is made for contract ${renderValue(api)} of Gatewright; this version speaks contract ${API}.`,
      expected: `api: ${API}`,
      got: `api: ${renderValue(api)}`,
      fix:
        api === undefined
          ? "Make it with definePlugin."
          : `Install a version of ${name} for contract ${API}.`,
    };
  }
  return undefined;
}

function partIssues(
  path: readonly PropertyKey[],
  plugin: Readonly<Record<string, unknown>>,
): RawIssue[] {
  const issues: RawIssue[] = [];
  const name = JSON.stringify(plugin["name"]);
  for (const key of PLUGIN_FUNCTIONS) {
    const value = plugin[key];
    if (value === undefined) continue;
    if (typeof value !== "function") {
      issues.push({
        path: [...path, key],
        message: `${key} of the plugin ${name} is no function.`,
        expected: "a function",
        got: renderValue(value),
      });
    } else if (key === "onComplete" && isAsyncFunction(value)) {
      issues.push({
        path: [...path, key],
        message: `onComplete of the plugin ${name} must not be async.`,
        fix: "Use ctx.waitUntil(promise).",
      });
    }
  }
  const { order } = plugin;
  if (order !== undefined && order !== "pre" && order !== "post") {
    issues.push({
      path: [...path, "order"],
      message: `order of the plugin ${name} is no such choice.`,
      expected: '"pre" or "post"',
      got: renderValue(order),
    });
  }
  for (const key of Object.keys(plugin)) {
    // A hook that is never called because of its spelling may be the one that refuses.
    if (!/^on/i.test(key) || (PLUGIN_FUNCTIONS as readonly string[]).includes(key)) continue;
    const near = closest(key, HOOK_NAMES);
    if (near === undefined || typeof plugin[key] !== "function") continue;
    issues.push({
      path: [...path, key],
      message: `The plugin ${name} has a function ${JSON.stringify(key)}, which is no hook.`,
      fix: `Did you mean "${near}"?`,
    });
  }
  return issues;
}
