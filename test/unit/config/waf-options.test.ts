import { readFileSync } from "node:fs";

import type { GatewrightConfig, WafConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import type { RawIssue } from "../../../runtime/config/issue.ts";
import { normalize } from "../../../runtime/config/normalize.ts";
import { formatPath } from "../../../runtime/config/option-path.ts";
import { validate } from "../../../runtime/config/validate.ts";
import { WAF_RULE_IDS, WAF_TAGS } from "../../../runtime/config/waf-names.ts";
import { ANOMALY_RULES } from "../../../runtime/primitives/waf/anomaly-rules.ts";
import { RULES } from "../../../runtime/primitives/waf/rules/rules.ts";

const api = { targets: ["http://127.0.0.1:9000"] };

function check(waf: unknown, route?: unknown): readonly RawIssue[] {
  const result = validate({
    upstreams: { api },
    routes: [{ upstream: "api", ...(route === undefined ? {} : { waf: route }) }],
    ...(waf === undefined ? {} : { waf }),
  });
  return result.kind === "valid" ? [] : result.issues;
}

const paths = (waf: unknown, route?: unknown): string[] =>
  check(waf, route).map(({ path }) => formatPath(path));

function resolve(waf: WafConfig | undefined, route?: WafConfig | false) {
  const config: GatewrightConfig<string> = {
    upstreams: { api },
    routes: [{ upstream: "api", ...(route === undefined ? {} : { waf: route }) }],
    ...(waf === undefined ? {} : { waf }),
  };
  const resolved = normalize(config, "/x/proxy.config.ts", "start");
  return { whole: resolved.waf, route: resolved.routes[0]?.waf };
}

const RULE = {
  id: "own-rule",
  message: "Mine",
  variables: ["ARGS:a"],
  operator: { contains: "x" },
} as const;

describe("waf", () => {
  it.each<unknown>([
    {},
    { mode: "off" },
    { mode: "flag", paranoia: 4, threshold: 1, maxInspect: "64mb", response: true },
    { response: { maxInspect: "1kb", threshold: 3 }, onMatch: async () => {} },
    { exclude: [{ path: "/cms/*", parameter: "user.*", rules: ["xss-*"], tags: ["attack-rfi"] }] },
    { exclude: [{ path: "/" }, { path: "/*" }, { rules: ["sqli-structure", "*"] }] },
    { rules: [RULE], exclude: [{ rules: ["own-*", "own-rule"] }] },
    {
      rules: [
        {
          ...RULE,
          severity: "notice",
          paranoia: 4,
          tags: ["mine"],
          variables: ["&ARGS", "REQUEST_HEADERS:x-a", "FILES"],
          except: ["ARGS:b"],
          transformations: [[], ["trim", "lowercase"]],
          operator: { rx: /^x/i },
          not: true,
          needs: { characters: "x", literals: ["xy"], minLength: 2 },
          chain: [{ variables: ["ARGS:c"], operator: { gt: 1 } }],
        },
      ],
      exclude: [{ tags: ["mine"] }],
    },
  ])("takes %j, globally and on a route", (waf) => {
    expect(check(waf)).toEqual([]);
    expect(check(undefined, waf)).toEqual([]);
  });

  it("takes false on a route only", () => {
    expect(check({}, false)).toEqual([]);
    expect(paths(false)).toEqual(["waf"]);
  });

  it.each<[waf: unknown, path: string, says: string]>([
    [{ modes: "block" }, "waf.modes", 'Did you mean "mode"?'],
    [{ mode: "on" }, "waf.mode", '"off", "flag", "block"'],
    [{ paranoia: 5 }, "waf.paranoia", "1, 2, 3, 4"],
    [{ threshold: 0 }, "waf.threshold", "from 1 to 1000"],
    [{ maxInspect: "65mb" }, "waf.maxInspect", 'at most "64mb"'],
    [{ maxInspect: 10 }, "waf.maxInspect", 'at least "1kb"'],
    [{ maxInspect: "many" }, "waf.maxInspect", "Not a size."],
    [{ onMatch: true }, "waf.onMatch", "(matches, request, ctx)"],
    [{ response: { max: 1 } }, "waf.response.max", "Unknown key"],
    [{ exclude: [{}] }, "waf.exclude[0]", "names nothing"],
    [{ exclude: [{ paths: "/" }] }, "waf.exclude[0].paths", 'Did you mean "path"?'],
    [{ exclude: [{ path: "cms" }] }, "waf.exclude[0].path", '"/cms/*"'],
    [{ exclude: [{ path: "/a/*/b" }] }, "waf.exclude[0].path", '"/cms/*"'],
    [{ exclude: [{ path: "/a/:id" }] }, "waf.exclude[0].path", "no parameters"],
    [{ exclude: [{ rules: [] }] }, "waf.exclude[0].rules", "The list is empty."],
    [
      { exclude: [{ rules: ["sqli-structur"] }] },
      "waf.exclude[0].rules[0]",
      'Did you mean "sqli-structure"?',
    ],
    [{ exclude: [{ rules: ["xs-*"] }] }, "waf.exclude[0].rules[0]", 'Did you mean "xss-*"?'],
    [{ exclude: [{ rules: ["942100"] }] }, "waf.exclude[0].rules[0]", "There is no rule"],
    [
      { exclude: [{ tags: ["attack-sql"] }] },
      "waf.exclude[0].tags[0]",
      'Did you mean "attack-sqli"?',
    ],
    [{ rules: [{ ...RULE, id: "Mine" }] }, "waf.rules[0].id", "lower-case words"],
    [{ rules: [{ ...RULE, id: "sqli-structure" }] }, "waf.rules[0].id", "exclude it"],
    [{ rules: [RULE, RULE] }, "waf.rules[1].id", "an id of its own"],
    [{ rules: [{ ...RULE, severe: 1 }] }, "waf.rules[0].severe", "Unknown key"],
    [{ rules: [{ ...RULE, variables: [] }] }, "waf.rules[0].variables", "The list is empty."],
    [
      { rules: [{ ...RULE, variables: ["ARG:a"] }] },
      "waf.rules[0].variables[0]",
      'Did you mean "ARGS"?',
    ],
    [
      { rules: [{ ...RULE, transformations: ["lowerCase2"] }] },
      "waf.rules[0].transformations[0]",
      'Did you mean "lowercase"?',
    ],
    [{ rules: [{ ...RULE, operator: { rex: /x/ } }] }, "waf.rules[0].operator", "one of rx, pm"],
    [
      { rules: [{ ...RULE, operator: { rx: /x/, gt: 1 } }] },
      "waf.rules[0].operator",
      "More than one operator.",
    ],
    [{ rules: [{ ...RULE, operator: { rx: /x/g } }] }, "waf.rules[0].operator.rx", 'out "g"'],
    [{ rules: [{ ...RULE, operator: { rx: /^(a+)+$/ } }] }, "waf.rules[0].operator.rx", "too long"],
    [{ rules: [{ ...RULE, operator: { rx: "x" } }] }, "waf.rules[0].operator.rx", "expression"],
    [{ rules: [{ ...RULE, operator: { gt: "1" } }] }, "waf.rules[0].operator.gt", "a number"],
    [
      { rules: [{ ...RULE, chain: [{ variables: ["ARGS"] }] }] },
      "waf.rules[0].chain[0].operator",
      "missing",
    ],
    [
      { rules: [{ ...RULE, needs: { literals: ["x"] } }] },
      "waf.rules[0].needs.literals[0]",
      "2 to 32",
    ],
    [
      { rules: [{ ...RULE, variables: ["RESPONSE_BODY"] }] },
      "waf.rules[0].variables",
      "Add response: true.",
    ],
  ])("refuses %j", (waf, path, says) => {
    const issues = check(waf);
    expect(issues.map((issue) => formatPath(issue.path))).toEqual([path]);
    expect(JSON.stringify(issues[0]).replaceAll('\\"', '"')).toContain(says);
    expect(paths(undefined, waf)).toEqual([path.replace("waf", "routes[0].waf")]);
  });

  it("knows rules of all policies: a route's exclusion may name a rule of the whole", () => {
    expect(check({ rules: [RULE] }, { exclude: [{ rules: ["own-rule"] }] })).toEqual([]);
    expect(
      check({ rules: [{ ...RULE, variables: ["RESPONSE_BODY"] }] }, { response: true }),
    ).toEqual([]);
  });

  it("is off where nobody writes it, and blocks where it is empty", () => {
    expect(resolve(undefined)).toEqual({ whole: undefined, route: undefined });
    const { whole, route } = resolve({});
    expect(whole).toEqual({
      mode: "block",
      paranoia: 1,
      threshold: 5,
      exclude: [],
      rules: [],
      maxInspectBytes: 1_048_576,
      response: undefined,
      onMatch: undefined,
    });
    expect(route).toBe(whole);
    expect(Object.isFrozen(whole)).toBe(true);
  });

  it("takes a route's keys over the global ones, one by one", () => {
    const onMatch = (): void => {};
    const exclude = [{ path: "/été/*" }];
    const { whole, route } = resolve(
      { mode: "flag", threshold: 9, exclude, onMatch, response: { threshold: 9 } },
      { mode: "block", exclude: [], response: { maxInspect: "1kb" } },
    );
    expect(whole?.exclude).toEqual([{ path: "/%C3%A9t%C3%A9/*" }]);
    expect(route).toMatchObject({ mode: "block", threshold: 9, exclude: [], paranoia: 1 });
    expect(route?.onMatch).toBe(whole?.onMatch);
    expect(route?.response).toEqual({ maxInspectBytes: 1024, threshold: 9 });
    expect(resolve({ response: true }, { response: false }).route?.response).toBeUndefined();
    expect(resolve({}, false).route).toBeUndefined();
    expect(resolve(undefined, {}).route?.mode).toBe("block");
  });

  it("knows every rule and tag that comes with Gatewright, and no other", () => {
    const rules = [...RULES, ...ANOMALY_RULES];
    expect([...WAF_RULE_IDS].toSorted()).toEqual(rules.map(({ id }) => id).toSorted());
    const tags = new Set(rules.flatMap(({ tags: own }) => own ?? []));
    expect([...WAF_TAGS].toSorted()).toEqual([...tags].toSorted());
  });

  it("is documented rule by rule", () => {
    const page = readFileSync(new URL("../../../docs/waf.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `([a-z0-9-]+-[a-z0-9-]+)` \|/gm)].map(([, id]) => id);
    expect([...rows].map(String).toSorted()).toEqual([...WAF_RULE_IDS].toSorted());
  });
});
