import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

import { formatReport } from "../../runtime/config/report.ts";
import {
  createConfigProject,
  createTestLoader,
  expectFailed,
  expectLoaded,
} from "../helpers/config-project.ts";

const root = resolve(import.meta.dirname, "../fixtures/config");

const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

describe("good configs", () => {
  it.each(filesIn("good"))("loads %s", async (name) => {
    await using loader = createTestLoader(join(root, "good", name));
    const { config } = expectLoaded(await loader.load());
    expect(config.file).toBe(join(root, "good", name));
    expect(loader.logs.errors).toEqual([]);
  });
});

interface Expected {
  readonly stage: string;
  /** Path of every issue, in any order. */
  readonly paths: readonly string[];
  /** Something that the report says. */
  readonly says?: readonly (string | RegExp)[];
  /** `line:column` of the first issue that has a place. */
  readonly at?: string;
}

const fields = "headers.request.set";

const BAD: Readonly<Record<string, Expected>> = {
  "admin-short-token.ts": {
    stage: "validate",
    paths: ["admin.token"],
    says: ["a text of 7 characters"],
    at: "4:29",
  },
  "admin-token.ts": { stage: "validate", paths: ["admin.token"], says: ["no token"], at: "4:3" },
  "exits.ts": { stage: "evaluate", paths: [""], says: ["process.exit()"], at: "1:9" },
  "factory-without-return.ts": { stage: "validate", paths: [""], says: ["got:      nothing"] },
  "header-rules.ts": {
    stage: "validate",
    paths: [
      "upstreams.app.headers.request.set.Host",
      `${fields}["bad name"]`,
      `${fields}["x-split"]`,
      `${fields}["x-wide"]`,
      `${fields}["x-number"]`,
      `${fields}.Connection`,
      "headers.request.remove[0]",
      "headers.request.remove[1]",
      "headers.request.remove[2]",
      'headers.response.append["Content-Length"]',
      'headers.response.append["x-twice"]',
      "headers.response.remove",
    ],
  },
  "hooks.ts": {
    stage: "validate",
    paths: ["onRequest", "onreponse", "onComplete"],
    says: ['Did you mean "onResponse"?', "ctx.waitUntil"],
  },
  "later-parts.ts": {
    stage: "validate",
    paths: [
      "upstreams.app.balance",
      "upstreams.app.healthCheck.type",
      "routes[0].blocklists",
      "inspector",
      "store",
      "secrets",
    ],
    says: ["inspector is not available in this version."],
  },
  "lists-and-limits.ts": {
    stage: "validate",
    paths: [
      "routes[0].rateLimits[0]",
      "routes[0].rateLimits[1]",
      "rateLimits.nothing",
      "rateLimits.half",
      "rateLimits.wrong.concurrent",
      "rateLimits.wrong.key",
      "blocklists.office",
      "blocklists.two",
      "blocklists.none",
      "blocklists.odd.ranges[0]",
      "blocklists.odd.mode",
    ],
    says: ['Did you mean "login"?', 'There is an allowlist "office" already.'],
  },
  "listen.ts": {
    stage: "validate",
    paths: [
      "listen[1]",
      "listen[2].port",
      "listen[3].port",
      "listen[4].port",
      "listen[5].host",
      "listen[6].host",
      "admin",
      "trustedProxies[0]",
      "trustedProxies[1]",
      "trustedProxies[2]",
      "trustedProxies[3]",
      "trustedProxies[4]",
      "trustedProxies[5]",
      "upgrades[0]",
      "upgrades[1]",
      "limits.target",
      "forwarded.via",
      "log.level",
      "log.redact[0]",
    ],
    says: ["listen[0] listens there already", 'Write "10.0.0.0/8"'],
  },
  "missing-file.ts": { stage: "compile", paths: [""], says: ['"./parts/nowhere.ts"'], at: "1:19" },
  "missing-package.ts": {
    stage: "compile",
    paths: [""],
    says: ["npm install @nowhere/to-be-found\n"],
    at: "1:15",
  },
  "no-default.ts": { stage: "evaluate", paths: [""], says: ["the exports config"] },
  "not-an-object.ts": { stage: "validate", paths: [""], says: ["got:      42"] },
  "nothing-answers.ts": { stage: "validate", paths: [""], says: ["can answer a request"] },
  "nothing-chooses.ts": { stage: "validate", paths: ["upstreams"], says: ["2 upstreams"] },
  "patterns.ts": {
    stage: "validate",
    paths: [
      ...Array.from({ length: 16 }, (_, index) => `routes[0].match.path[${index}]`),
      ...Array.from({ length: 7 }, (_, index) => `routes[0].match.host[${index}]`),
      ...Array.from({ length: 3 }, (_, index) => `routes[0].match.method[${index}]`),
      'routes[0].match.headers["bad name"]',
      "routes[0].match.headers.ok",
      "routes[0].match.headers.no",
      "routes[0].match.query.a",
      "routes[0].match.when",
      "routes[1].match.path",
      "routes[1].match.host",
    ],
  },
  "plugins.ts": {
    stage: "validate",
    paths: [
      "plugins[0]",
      "plugins[1]",
      "plugins[2]",
      "plugins[3]",
      "plugins[4]",
      "plugins[5]",
      "plugins[6][1]",
      "plugins[7]",
      "plugins[8].onRequest",
      "plugins[8].order",
      "plugins[8].onRespons",
      "plugins[8].onComplete",
    ],
    says: [/Call it: jwt\d*\(\{ … \}\)/, 'The plugin "old" is made for contract 2'],
  },
  "rejects.ts": {
    stage: "evaluate",
    paths: [""],
    says: ["the secrets server is down"],
    at: "2:9",
  },
  "routes.ts": {
    stage: "validate",
    paths: [
      "routes[0].upstream",
      "routes[1]",
      "routes[2]",
      "routes[3].respond.body",
      "routes[4].redirect",
      "routes[5].redirect.status",
      "routes[6].rewrite",
      "routes[8].name",
      "routes[9].rewrite.stripPrefix",
      "routes[9].rewrite.addPrefix",
      "routes[9].rewrite.replace.pattern",
      "routes[10]",
    ],
    says: ['Did you mean "api"?'],
  },
  "syntax.ts": { stage: "compile", paths: [""], says: ['Expected "}"'], at: "4:18" },
  "throws-text.ts": { stage: "evaluate", paths: [""], says: ["nothing but a text"] },
  "throws.ts": { stage: "evaluate", paths: [""], says: [/parts\/fail\.ts:2:9/], at: "2:9" },
  "top-level-await-in-part.ts": {
    stage: "compile",
    paths: [""],
    says: [/parts\/awaits\.ts:1:21/, "defineConfig(async (env) =>"],
    at: "1:21",
  },
  "top-level-await.ts": {
    stage: "compile",
    paths: [""],
    says: ["Top-level await", "defineConfig(async (env) =>"],
    at: "3:14",
  },
  "units.ts": {
    stage: "validate",
    paths: [
      "upstreams.app.idleTimeout",
      "upstreams.app.queueTimeout",
      "limits.head",
      "limits.target",
      "limits.headTime",
      "limits.keepAlive",
      "limits.connections",
      "timeouts.hook",
      "timeouts.connect",
      "retireAfter",
    ],
    says: ['"250ms", "10s", "5m"', '"16kb", "1mb"'],
  },
  "unknown-keys.ts": {
    stage: "validate",
    paths: [
      "lisen",
      "upstreams.app.maxConections",
      "routes[0].match.pth",
      "routes[0].headers.respnse",
      "limits.headSize",
    ],
    says: ['Did you mean "listen"?', 'Did you mean "maxConnections"?', 'Did you mean "response"?'],
  },
  "upstreams.ts": {
    stage: "validate",
    paths: [
      "upstreams.none.targets",
      "upstreams.empty.targets",
      "upstreams.fn",
      ...[0, 1, 2, 3, 4, 7, 8, 9].map((index) => `upstreams.bad.targets[${index}]`),
      "upstreams.bad.targets[5].weight",
      "upstreams.bad.targets[6].url",
      "upstreams.bad.targets[6].uri",
      "upstreams.bad.host",
      "upstreams.bad.maxConnections",
      'upstreams[""]',
    ],
    says: ['"http://…@a.test"'],
  },
};

describe("bad configs", () => {
  it("has an expectation for every fixture", () => {
    expect(filesIn("bad")).toEqual(Object.keys(BAD).toSorted());
  });

  it.each(Object.entries(BAD))("says all that is wrong with %s", async (name, expected) => {
    await using loader = createTestLoader(join(root, "bad", name));
    const report = expectFailed(await loader.load());
    expect(report.stage).toBe(expected.stage);
    expect(report.issues.map((issue) => issue.path).toSorted()).toEqual(expected.paths.toSorted());
    const text = formatReport(report);
    for (const part of expected.says ?? []) expect(text).toMatch(part);
    const { place } = report.issues[0] ?? {};
    if (expected.at !== undefined) expect(`${place?.line}:${place?.column}`).toBe(expected.at);
  });

  it("shows the text that was read, though the file has changed since", async () => {
    await using project = await createConfigProject({
      "proxy.config.ts": [
        'import { writeFileSync } from "node:fs";',
        'writeFileSync(import.meta.filename, "export default {};");',
        "export default { upstreems: {} };",
      ].join("\n"),
    });
    await using loader = createTestLoader(project.file);
    const [issue] = expectFailed(await loader.load()).issues;
    expect(issue?.place).toEqual({ file: project.file, line: 3, column: 18 });
    expect(issue?.frame).toContain("> 3 | export default { upstreems: {} };");
  });

  it("never shows a token in a report", async () => {
    await using loader = createTestLoader(join(root, "bad/admin-short-token.ts"));
    expect(formatReport(expectFailed(await loader.load()))).not.toContain("hunter2");
  });
});
