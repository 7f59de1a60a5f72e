/**
 * The pages that people look at, in a real browser: Chromium from the system, found at GATEWRIGHT_CHROMIUM or
 * /usr/bin/chromium. Without one the tests are skipped.
 */
import { existsSync, readFileSync } from "node:fs";

import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { startProxy } from "../helpers/start-proxy.ts";

const measurePage = readFileSync(new URL("measure-page.js", import.meta.url), "utf8");
const executablePath = process.env["GATEWRIGHT_CHROMIUM"] ?? "/usr/bin/chromium";
const hasChromium = existsSync(executablePath);

const GOOD = `export default {
  onRequest: (request, ctx) =>
    request.path === "/no" ? ctx.block("no") : ctx.respond(200, "it is mended", { "content-type": "text/html" }),
};`;
const BROKEN = `export default {
  onRequest(request, ctx) {
    const name = "<b id=injected>${"long".repeat(60)}</b>";
    return ctx.respond(200, name;
  },
};`;

/** As a phone and as a desktop show it, together both colour schemes. */
const VIEWS = [
  { width: 360, colorScheme: "dark" },
  { width: 1200, colorScheme: "light" },
] as const;

describe.runIf(hasChromium)("pages in Chromium (skipped where there is none)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  }, 60_000);
  afterAll(() => browser.close());

  async function openPage(width = 1200, colorScheme: "light" | "dark" = "light") {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (!message.text().startsWith("Failed to load resource: the server responded with a status"))
        complaints.push(message.text());
    });
    onTestFinished(async () => {
      await context.close();
      // Whatever the Content-Security-Policy refused is told here.
      expect(complaints).toEqual([]);
    });
    return page;
  }

  it.each(VIEWS)(
    "dev shows where a config is broken, nothing injected, and goes on once it is mended ($width px, $colorScheme)",
    async ({ width, colorScheme }) => {
      const proxy = await startProxy({ files: { "proxy.config.ts": BROKEN }, mode: "dev" });
      expect(proxy.takeReports()).toHaveLength(1);
      const page = await openPage(width, colorScheme);
      const response = await page.goto(proxy.url);
      expect(response?.status()).toBe(503);
      expect(await page.locator("pre").textContent()).toContain("> 4 |");
      expect(await page.locator("#injected").count()).toBe(0);
      await expectReadable(page, colorScheme);
      await proxy.write("proxy.config.ts", GOOD);
      await page.getByText("it is mended").waitFor();
    },
  );

  it.each(VIEWS)(
    "the status page shows a broken edit and reloads by its button ($width px, $colorScheme)",
    async ({ width, colorScheme }) => {
      const proxy = await startProxy({ files: { "proxy.config.ts": GOOD }, mode: "dev" });
      await proxy.write("proxy.config.ts", BROKEN);
      await proxy.nextReport();
      const page = await openPage(width, colorScheme);
      await page.goto(`${proxy.adminUrl}/`);
      expect(await page.locator("h1").textContent()).toContain("live");
      expect(await page.locator("pre").textContent()).toContain("> 4 |");
      await expectReadable(page, colorScheme);
      await proxy.write("proxy.config.ts", GOOD);
      await page.getByRole("button", { name: "Reload" }).click();
      await page.locator("pre").waitFor({ state: "detached" });
      expect(new URL(page.url()).pathname).toBe("/");
    },
  );

  it.each(VIEWS)("an error answer fits the screen ($width px, $colorScheme)", async (view) => {
    const proxy = await startProxy({ files: { "proxy.config.ts": GOOD } });
    const page = await openPage(view.width, view.colorScheme);
    const response = await page.goto(`${proxy.url}/no`);
    expect(response?.status()).toBe(403);
    expect(await page.locator("h1").textContent()).toBe("403 Forbidden");
    await expectReadable(page, view.colorScheme);
  });
});

/** Nothing reaches past the right edge, and text stands out from the ground (WCAG 2: 4.5 to 1). */
async function expectReadable(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  const seen = await page.evaluate<{ overflow: number; isDark: boolean; worstContrast: number }>(
    measurePage,
  );
  expect(seen.overflow).toBeLessThanOrEqual(0);
  expect(seen.isDark).toBe(colorScheme === "dark");
  expect(seen.worstContrast).toBeGreaterThan(4.5);
}
