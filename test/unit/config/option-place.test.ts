import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createOptionPlaces } from "../../../runtime/config/option-place.ts";

/** The text from the place to the end of its word. */
function found(source: string, path: PropertyKey[]): string | undefined {
  const place = createOptionPlaces("/f.ts", source).find(path);
  if (place === undefined) return undefined;
  const line = source.split("\n")[place.line - 1] ?? "";
  return /^(?:[\w$]+|"[^"]*"|.)/.exec(line.slice(place.column - 1))?.[0];
}

const config = `
import { defineConfig } from "@gatewright/sdk"; // defineConfig(
/* export default { listen: 0 } */
const other = { listen: "no", text: \`a \${"}" + \`{\`} b\`, re: /[/"]{/ };
export default defineConfig({
  listen: [{ port: 1 }, { "port": 2, host }],
  upstreams: { 'my api': { targets: ["http://a", { url: "x" }] } },
  routes: [
    { match: { path: ["/a", "/b"], when: (r) => r.x < 1 && { a: 1 } }, upstream: "u" },
    makeRoute({ match: 1 }),
  ],
  async onRequest(request) { return { listen: 5 }; },
  onError() {},
  log,
});
`;

describe("finds an option where it is written", () => {
  it.each<[PropertyKey[], string]>([
    [["listen"], "listen"],
    [["listen", 1, "port"], '"port"'],
    [["listen", 1, "host"], "host"],
    [["upstreams", "my api"], "'"],
    [["upstreams", "my api", "targets", 0], '"http://a"'],
    [["upstreams", "my api", "targets", 1, "url"], "url"],
    [["routes", 0, "match", "path", 1], '"/b"'],
    [["routes", 0, "upstream"], "upstream"],
    [["onRequest"], "onRequest"],
    [["onError"], "onError"],
    [["log"], "log"],
  ])("%j", (path, text) => {
    expect(found(config, path)).toBe(text);
  });

  it.each<[PropertyKey[], string]>([
    [["log", "level"], "log"],
    [["routes", 1, "upstream"], "makeRoute"],
    [["listen", 0, "host"], "{"],
  ])("%j: the nearest one around it, where it is not written itself", (path, text) => {
    expect(found(config, path)).toBe(text);
  });
});

describe("the config object", () => {
  it.each([
    "export default { a: 1 };",
    "export default defineConfig({ a: 1 });",
    "export default defineConfig((env) => ({ a: 1 }));",
    "export default defineConfig(async (env) => ({ a: 1 }));",
    "export default defineConfig(async ({ env }) => { const x = { a: 2 }; return { a: 1 }; });",
    "export default defineConfig(env => ({ a: 1 }));",
    "const config = defineConfig({ a: 1 }); export default config;",
    "module.exports = defineConfig({ a: 1 });",
    "export default { ...base, a: 1 };",
  ])("is found in %s", (source) => {
    const place = createOptionPlaces("/f.ts", source).find(["a"]);
    expect(source.slice((place?.column ?? 0) - 1)).toMatch(/^a: 1/);
  });

  it.each([
    "export default config;",
    "defineConfig({ a: 1 }); defineConfig({ a: 1 });",
    "export default defineConfig(() => { if (x) return { a: 1 }; return { a: 2 }; });",
    "export default { a: 1, ...base };",
    "export default { a: 1, [name]: 2 };",
    "export default { b: 1 };",
    "",
    "export default { a",
    "`",
  ])("is not guessed in %s", (source) => {
    const place = createOptionPlaces("/f.ts", source).find(["a"]);
    if (source === "export default { a") expect(place).toBeDefined();
    else expect(place).toBeUndefined();
  });

  it("takes an object for a list of one", () => {
    const source = "export default { listen: { port: 1, tls: { cert: 'a' } } };";
    expect(found(source, ["listen", 0, "tls", "cert"])).toBe("cert");
    expect(found(source, ["listen", 0])).toBe("listen");
    expect(found(source, ["listen", 1, "port"])).toBe("listen");
  });

  it("gives no element after a spread in a list", () => {
    expect(found("export default { routes: [...more, { a: 1 }] }", ["routes", 1, "a"])).toBe(
      "routes",
    );
  });
});

it("reads any text without throwing, in linear time", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."{}[]()`'\"/\\*$:,.a \n=>".split("")), maxLength: 200 }),
      (text) => {
        createOptionPlaces("/f.ts", `export default {${text}`).find(["a", 0, "b"]);
      },
    ),
  );
  const start = performance.now();
  for (const text of [
    "/".repeat(100_000),
    '"'.repeat(100_000),
    "`${".repeat(30_000),
    "a /*".repeat(30_000),
    "{".repeat(100_000),
  ]) {
    createOptionPlaces("/f.ts", `export default {${text}`).find(["a"]);
  }
  expect(performance.now() - start).toBeLessThan(5000);
});
