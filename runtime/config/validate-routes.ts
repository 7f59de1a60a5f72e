import { closest } from "./closest.ts";
import { flattenPlugins } from "./flatten-plugins.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";
import type { RawIssue } from "./issue.ts";
import { hasControl } from "./schema-leaf.ts";

const ACTIONS = ["upstream", "redirect", "respond"] as const;
const NO_CONTENT = new Set([204, 205, 304]);

/** What routes say about upstreams and about themselves. Values of the wrong type are the schema's to report. */
export function routeIssues(config: UserConfig): RawIssue[] {
  const { routes } = config as { routes?: unknown };
  if (!Array.isArray(routes)) return nameIssues(config);
  const names = upstreamNames(config);
  const issues = nameIssues(config);
  const canDecide = names.length === 1 || hasRequestHook(config);
  const taken = new Map<string, number>();
  for (const [index, route] of (routes as readonly unknown[]).entries()) {
    if (typeof route !== "object" || route === null) continue;
    const path = ["routes", index] as const;
    const fields = route as Readonly<Record<string, unknown>>;
    issues.push(...actionIssues(path, fields, canDecide));
    if (typeof fields["upstream"] === "string")
      issues.push(...upstreamIssues(path, fields["upstream"], names));
    issues.push(...respondIssues(path, fields["respond"]));
    const name = fields["name"];
    if (typeof name !== "string") continue;
    const other = taken.get(name);
    if (other === undefined) taken.set(name, index);
    else {
      issues.push({
        path: [...path, "name"],
        message: `The name ${renderValue(name)} is taken by routes[${other}].`,
        fix: "Names tell routes apart in logs: give each its own.",
      });
    }
  }
  return issues;
}

/** Issues of a config that is right in every part but answers nothing. */
export function answerIssues(config: UserConfig): RawIssue[] {
  const count = upstreamNames(config).length;
  if ((config.routes?.length ?? 0) > 0 || hasRequestHook(config) || count === 1) return [];
  if (count === 0) {
    return [
      {
        path: [],
        message: "Nothing in this config can answer a request.",
        expected: "at least one of upstreams, routes and onRequest",
        fix: 'Add an upstream: upstreams: { app: { targets: ["http://127.0.0.1:3000"] } }',
      },
    ];
  }
  return [
    {
      path: ["upstreams"],
      message: "There are several upstreams, but nothing chooses between them.",
      expected: "routes, or an onRequest hook",
      got: `${count} upstreams`,
      fix: `Add a route: routes: [{ match: { path: "/*" }, upstream: ${JSON.stringify(upstreamNames(config)[0])} }]`,
    },
  ];
}

function actionIssues(
  path: readonly PropertyKey[],
  route: Readonly<Record<string, unknown>>,
  canDecide: boolean,
): RawIssue[] {
  const actions = ACTIONS.filter((action) => route[action] !== undefined);
  if (actions.length > 1) {
    return [
      {
        path,
        message: `The route has ${actions.join(" and ")}, which exclude each other.`,
        expected: "one of upstream, redirect and respond",
        fix: "Keep one of them.",
      },
    ];
  }
  if (actions.length === 0 && !canDecide) {
    return [
      {
        path,
        message: "The route has no action.",
        expected: "one of upstream, redirect and respond",
        fix: "Add one, or decide in an onRequest hook.",
      },
    ];
  }
  if (route["rewrite"] !== undefined && actions.length === 1 && actions[0] !== "upstream") {
    return [
      {
        path: [...path, "rewrite"],
        message: `A route with ${actions[0]} forwards nothing, so there is no path to rewrite.`,
        fix: "Remove it.",
      },
    ];
  }
  return [];
}

function upstreamIssues(
  path: readonly PropertyKey[],
  name: string,
  names: readonly string[],
): RawIssue[] {
  if (names.includes(name)) return [];
  const near = closest(name, names);
  return [
    {
      path: [...path, "upstream"],
      message: `There is no upstream ${renderValue(name)}.`,
      expected:
        names.length === 0 ? "an entry in upstreams" : `one of ${names.slice(0, 20).join(", ")}`,
      got: renderValue(name),
      fix:
        near === undefined
          ? `Add it to upstreams, or name one that is there.`
          : `Did you mean "${near}"?`,
    },
  ];
}

function respondIssues(path: readonly PropertyKey[], respond: unknown): RawIssue[] {
  if (typeof respond !== "object" || respond === null) return [];
  const { status, body } = respond as { status?: unknown; body?: unknown };
  if (typeof status !== "number" || !NO_CONTENT.has(status) || body === undefined || body === "")
    return [];
  return [
    {
      path: [...path, "respond", "body"],
      message: `A ${status} has no content (RFC 9110 §15).`,
      got: renderValue(body),
      fix: "Remove the body, or use another status.",
    },
  ];
}

function nameIssues(config: UserConfig): RawIssue[] {
  return upstreamNames(config)
    .filter((name) => name === "" || name.length > 128 || hasControl(name))
    .map((name) => ({
      path: ["upstreams", name],
      message: "Not a name for an upstream.",
      expected: "1 to 128 printable characters",
    }));
}

function upstreamNames(config: UserConfig): string[] {
  const upstreams: unknown = config.upstreams;
  const isRecord = typeof upstreams === "object" && upstreams !== null && !Array.isArray(upstreams);
  return isRecord ? Object.keys(upstreams) : [];
}

function hasRequestHook(config: UserConfig): boolean {
  return (
    typeof config.onRequest === "function" ||
    flattenPlugins(config.plugins).some(
      ({ value }) => typeof (value as { onRequest?: unknown } | null)?.onRequest === "function",
    )
  );
}
