import { closest } from "./closest.ts";
import type { RawIssue } from "./issue.ts";
import { renderValue } from "./render-value.ts";
import type { UserConfig } from "./resolved-config.ts";
import { WAF_RULE_IDS, WAF_TAGS } from "./waf-names.ts";

interface Known {
  readonly ids: readonly string[];
  readonly tags: readonly string[];
}

interface Policy {
  readonly path: readonly PropertyKey[];
  readonly waf: Readonly<Record<string, unknown>>;
}

/** Ids must be unique, and what an exclusion names must exist: one that is misspelt leaves out nothing, and nobody notices. */
export function wafIssues(config: UserConfig): RawIssue[] {
  const policies = policiesOf(config as Readonly<Record<string, unknown>>);
  const own = policies.map(({ waf }) => rulesOf(waf));
  const known: Known = {
    ids: [...WAF_RULE_IDS, ...own.flatMap((rules) => rules.flatMap(({ id }) => texts([id])))],
    tags: [...WAF_TAGS, ...own.flatMap((rules) => rules.flatMap(({ tags }) => texts(tags)))],
  };
  return policies.flatMap((policy) => [
    ...ruleIssues(policy),
    ...exclusionIssues(policy, known),
    ...responseRuleIssues(policy, policies),
  ]);
}

function policiesOf(config: Readonly<Record<string, unknown>>): Policy[] {
  const routes = Array.isArray(config["routes"]) ? (config["routes"] as readonly unknown[]) : [];
  const candidates: readonly (readonly [path: readonly PropertyKey[], holder: unknown])[] = [
    [["waf"], config],
    ...routes.map((route, index) => [["routes", index, "waf"], route] as const),
  ];
  return candidates.flatMap(([path, holder]) => {
    const waf = isObject(holder) ? holder["waf"] : undefined;
    return isObject(waf) ? [{ path, waf }] : [];
  });
}

function ruleIssues({ path, waf }: Policy): RawIssue[] {
  const seen = new Set(WAF_RULE_IDS);
  return rulesOf(waf).flatMap(({ id }, at) => {
    if (typeof id !== "string" || !seen.has(id)) {
      if (typeof id === "string") seen.add(id);
      return [];
    }
    const isOurs = WAF_RULE_IDS.includes(id);
    return [
      {
        path: [...path, "rules", at, "id"],
        message: `There is a rule ${JSON.stringify(id)} already.`,
        got: renderValue(id),
        fix: isOurs
          ? "Choose a family of your own; to replace a rule of ours, exclude it."
          : "Give each rule an id of its own.",
      },
    ];
  });
}

function exclusionIssues({ path, waf }: Policy, known: Known): RawIssue[] {
  const exclude = Array.isArray(waf["exclude"]) ? (waf["exclude"] as readonly unknown[]) : [];
  return exclude.flatMap((one, index) => {
    if (!isObject(one)) return [];
    const place = [...path, "exclude", index];
    return [
      ...texts(one["rules"]).flatMap((name, at) =>
        nameIssues([...place, "rules", at], "rule", name, known.ids),
      ),
      ...texts(one["tags"]).flatMap((name, at) =>
        nameIssues([...place, "tags", at], "tag", name, known.tags),
      ),
    ];
  });
}

function nameIssues(
  path: readonly PropertyKey[],
  what: "rule" | "tag",
  name: string,
  known: readonly string[],
): RawIssue[] {
  const start = what === "rule" && name.endsWith("*") ? name.slice(0, -1) : undefined;
  const exists =
    start === undefined ? known.includes(name) : known.some((id) => id.startsWith(start));
  if (exists) return [];
  const got = renderValue(name);
  const families = [...new Set(known.map((id) => id.slice(0, id.indexOf("-") + 1)))];
  const near =
    start === undefined
      ? closest(name, known)
      : closest(start, families) && `${closest(start, families)}*`;
  return [
    {
      path,
      message:
        start === undefined
          ? `There is no ${what} ${got}.`
          : `No rule's id begins with ${JSON.stringify(start)}.`,
      got,
      ...(near === undefined ? { expected: `one of those in docs/waf.md` } : {}),
      fix: near === undefined ? "Remove it, or look it up in the log." : `Did you mean "${near}"?`,
    },
  ];
}

/** A rule for answers that nobody looks at would never run. */
function responseRuleIssues({ path, waf }: Policy, policies: readonly Policy[]): RawIssue[] {
  const looks = policies.some(
    ({ waf: { response } }) => response !== undefined && response !== false,
  );
  if (looks) return [];
  return rulesOf(waf).flatMap((rule, at) => {
    const first = texts(rule["variables"]).find((name) => /^&?RESPONSE_/.test(name));
    return first === undefined
      ? []
      : [
          {
            path: [...path, "rules", at, "variables"],
            message: `The rule looks at ${first}, and no answer is inspected.`,
            got: renderValue(first),
            fix: "Add response: true.",
          },
        ];
  });
}

function rulesOf(
  waf: Readonly<Record<string, unknown>>,
): readonly Readonly<Record<string, unknown>>[] {
  const { rules } = waf;
  return Array.isArray(rules) ? (rules as readonly unknown[]).filter(isObject) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
