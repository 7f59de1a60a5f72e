import { closest } from "./closest.ts";
import type { RawIssue } from "./issue.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";

type Path = readonly PropertyKey[];

/** Splits and mirrors name other upstreams. Values of the wrong type are the schema's to report. */
export function choiceIssues(config: UserConfig): RawIssue[] {
  const { upstreams, routes } = config as { upstreams?: unknown; routes?: unknown };
  const known = isRecord(upstreams) ? upstreams : {};
  const issues: RawIssue[] = [];
  for (const [name, upstream] of Object.entries(known)) {
    if (!isRecord(upstream) || "fetch" in upstream) continue;
    const { split, mirror } = upstream;
    if (isRecord(split)) {
      for (const member of Object.keys(split)) {
        issues.push(...nameIssues(known, member, ["upstreams", name, "split", member]));
      }
    }
    const path = ["upstreams", name, "mirror", "upstream"];
    issues.push(...mirrorIssues(known, mirror, path));
    if (isRecord(mirror) && mirror["upstream"] === name) {
      issues.push({
        path,
        message: "An upstream cannot be its own mirror.",
        fix: "Name another one.",
      });
    }
  }
  for (const [index, route] of (Array.isArray(routes) ? (routes as unknown[]) : []).entries()) {
    if (!isRecord(route)) continue;
    issues.push(...mirrorIssues(known, route["mirror"], ["routes", index, "mirror", "upstream"]));
  }
  return issues;
}

function mirrorIssues(
  known: Readonly<Record<string, unknown>>,
  mirror: unknown,
  path: Path,
): RawIssue[] {
  if (!isRecord(mirror) || typeof mirror["upstream"] !== "string") return [];
  return nameIssues(known, mirror["upstream"], path);
}

function nameIssues(
  known: Readonly<Record<string, unknown>>,
  name: string,
  path: Path,
): RawIssue[] {
  const names = Object.keys(known);
  if (!names.includes(name)) {
    const near = closest(name, names);
    return [
      {
        path,
        message: `There is no upstream ${renderValue(name)}.`,
        expected: `one of ${names.slice(0, 20).join(", ")}`,
        got: renderValue(name),
        fix:
          near === undefined
            ? "Add it to upstreams, or name one that is there."
            : `Did you mean "${near}"?`,
      },
    ];
  }
  const upstream = known[name];
  if (!isRecord(upstream) || !("split" in upstream) || "fetch" in upstream) return [];
  return [
    {
      path,
      message: `${renderValue(name)} is a split itself.`,
      expected: "an upstream with targets, or an app",
      fix: "Name one of its upstreams.",
    },
  ];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
