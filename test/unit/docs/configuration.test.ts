/** docs/configuration.md and the types in sdk/config.ts name the same options, section by section. */
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

const ROOT = new URL("../../../", import.meta.url);
const types = readFileSync(new URL("sdk/config.ts", ROOT), "utf8");
const page = readFileSync(new URL("docs/configuration.md", ROOT), "utf8");

/** Section of the page, and the interfaces whose keys it lists. */
const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  "Top level": ["GatewrightConfig"],
  listen: ["ListenConfig"],
  tls: ["TlsConfig"],
  acme: ["AcmeConfig"],
  admin: ["AdminConfig"],
  upstreams: ["NetworkUpstream"],
  targets: ["TargetConfig"],
  routes: ["RouteConfig"],
  match: ["RouteMatch"],
  rewrite: ["Rewrite"],
  headers: ["FieldRules"],
  requestContent: ["RequestContentConfig"],
  "requestContent.budget": ["ContentBudgetConfig"],
  timeouts: ["UpstreamTimeouts", "TimeoutsConfig"],
  limits: ["LimitsConfig"],
  "limits.http2": ["Http2LimitsConfig"],
  log: ["LogConfig"],
};

describe("docs/configuration.md", () => {
  it.each(Object.entries(SECTIONS))("lists in %j exactly the keys of %j", (section, interfaces) => {
    const keys = interfaces.flatMap((name) => [...optionsOf(name).keys()]);
    expect(keys.length).toBeGreaterThan(0);
    expect([...rowsOf(section).keys()].toSorted()).toEqual(keys.toSorted());
  });

  const defaults = Object.entries(SECTIONS).flatMap(([section, interfaces]) =>
    interfaces.flatMap((name) =>
      [...optionsOf(name)].flatMap(([option, comment]) =>
        defaultsIn(comment).map((value) => ({ section, option, value })),
      ),
    ),
  );

  it("has defaults to compare", () => {
    expect(defaults.length).toBeGreaterThan(20);
  });

  it.each(defaults)(
    "names the default $value of $section.$option",
    ({ section, option, value }) => {
      expect(rowsOf(section).get(option)).toContain(value);
    },
  );
});

/** Keys of an interface's own level with their doc comments. */
function optionsOf(name: string): Map<string, string> {
  const start = types.search(new RegExp(`^export interface ${name}\\b`, "m"));
  const end = types.indexOf("\n}\n", start);
  const options = new Map<string, string>();
  let comment = "";
  for (const line of types.slice(start, end).split("\n").slice(1)) {
    const option = /^ {2}(\w+)\??[:(]/.exec(line)?.[1];
    if (option !== undefined) {
      options.set(option, comment);
      comment = "";
    } else if (/^ {2}(?:\/\*\*| \*)/.test(line)) {
      comment += `${line.trim()} `;
    }
  }
  return options;
}

/** Defaults that are one plain value. Those that take a sentence are for people to compare. */
function defaultsIn(comment: string): string[] {
  const value = /Default(?: all)? (?:`"?([\w.[\]"]+?)"?`|(\d+)(?=[.\s]))/.exec(comment);
  const found = value?.[1] ?? value?.[2];
  return found === undefined ? [] : [found];
}

/** Rows of a section's table: option to the whole row. */
function rowsOf(section: string): Map<string, string> {
  const start = page.indexOf(`\n## ${section}\n`);
  const end = page.indexOf("\n## ", start + 1);
  const text = page.slice(start, end === -1 ? undefined : end);
  const rows = new Map<string, string>();
  for (const line of text.split("\n")) {
    const option = /^\|\s*`(\w+)`/.exec(line)?.[1];
    if (option !== undefined) rows.set(option, line);
  }
  return rows;
}
