import { describe, expect, it } from "vitest";

import { StartError } from "../../runtime/process/supervisor.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const good = (version: string): string =>
  `export default {\n  admin: { port: 0 },\n  onRequest: (request, ctx) => ctx.respond(200, "${version}"),\n};\n`;

const BROKEN: readonly (readonly [what: string, text: string, line: number | undefined])[] = [
  ["a syntax error", "export default {\n  onRequest: = 1,\n};\n", 2],
  ["a throw at top level", "\n\nthrow new Error('at the top');\n", 3],
  ["a file without a default export", "export const config = {};\n", undefined],
  ["top-level await", "\nawait new Promise(() => {});\nexport default {};\n", 2],
  ["an import of a missing package", "import 'no-such-package';\nexport default {};\n", 1],
  ["an invalid option", "export default {\n  upstreems: {},\n};\n", 2],
];

describe("a broken edit", () => {
  it.each(BROKEN)(
    "(%s) keeps the last good generation, says where, and recovers",
    async (...row) => {
      const [, broken, line] = row;
      const proxy = await startProxy({ files: { "proxy.config.ts": good("1") } });
      const get = async (): Promise<string> => (await fetch(proxy.url)).text();
      const status = async () => (await fetch(`${proxy.adminUrl}/api/status`)).json();
      await proxy.write("proxy.config.ts", broken);
      const report = await proxy.nextReport();
      if (line !== undefined) {
        expect(report.issues[0]?.place).toMatchObject({
          file: expect.stringMatching(/proxy\.config\.ts$/) as string,
          line,
        });
        expect(report.issues[0]?.frame).toContain("> ");
      }
      expect(await get()).toBe("1");
      expect(await status()).toMatchObject({
        state: "live",
        generation: { number: 1 },
        lastReload: { outcome: "failed", problem: { issues: report.issues } },
      });
      await proxy.write("proxy.config.ts", good("2"));
      await proxy.commit(2);
      expect(await get()).toBe("2");
      expect(await status()).toMatchObject({ lastReload: { outcome: "live" } });
      expect(proxy.takeReports()).toEqual([]);
    },
  );

  it("rejects with the report at start", async () => {
    const broken = BROKEN[0]?.[1] ?? "";
    const started = startProxy({ files: { "proxy.config.ts": broken } });
    const error = await started.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).report).toMatchObject({ stage: "compile" });
    expect((error as StartError).report.issues[0]?.frame).toContain("onRequest: = 1");
  });

  it("shows a page with the code frame in dev from the start, and goes on when it is mended", async () => {
    const proxy = await startProxy({
      mode: "dev",
      files: { "proxy.config.ts": "export default {\n  '<script>': ,\n};\n" },
    });
    expect((await proxy.nextReport()).stage).toBe("compile");
    const page = await fetch(proxy.url, { headers: { accept: "text/html" } });
    expect(page.status).toBe(503);
    const text = await page.text();
    expect(text).toContain("&#60;script&#62;");
    expect(text).not.toContain("<script>");
    const json = await fetch(proxy.url);
    expect(json.headers.get("content-type")).toBe("application/problem+json");
    const admin = await fetch(`${proxy.adminUrl}/readyz`);
    expect(admin.status).toBe(503);
    await proxy.write("proxy.config.ts", good("mended"));
    await proxy.commit(1);
    expect(await (await fetch(proxy.url)).text()).toBe("mended");
  });
});
