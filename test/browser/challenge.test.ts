/** The challenge as people meet it, in a real browser: see pages.test.ts for where it is found. */
import { existsSync } from "node:fs";

import { chromium, type Browser, type BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const executablePath = process.env["GATEWRIGHT_CHROMIUM"] ?? "/usr/bin/chromium";
const hasChromium = existsSync(executablePath);

function app(request: Request): Response {
  const { pathname, search } = new URL(request.url);
  const html = `<!doctype html><title>there</title><p id=place>${pathname}${search.replaceAll("&", "&amp;")}</p>`;
  return new Response(html, { headers: { "content-type": "text/html" } });
}

function protectedApp(challenge: object = {}): Promise<TestProxy> {
  return startProxy({
    config: {
      challenge: { when: () => true, difficulty: 50, ...challenge },
      upstreams: { app: { fetch: app } },
    },
  });
}

describe.runIf(hasChromium)("the challenge in Chromium (skipped where there is none)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  }, 60_000);
  afterAll(() => browser.close());

  async function open(options: Parameters<Browser["newContext"]>[0] = {}): Promise<{
    context: BrowserContext;
    complaints: string[];
  }> {
    const context = await browser.newContext(options);
    const complaints: string[] = [];
    context.on("console", (message) => {
      if (!message.text().startsWith("Failed to load resource: the server responded with a status"))
        complaints.push(message.text());
    });
    context.on("weberror", (error) => complaints.push(String(error.error())));
    onTestFinished(() => context.close());
    return { context, complaints };
  }

  it("is solved by itself and leads on to the page, its query and its fragment, in two tabs at once", async () => {
    const proxy = await protectedApp();
    const { context, complaints } = await open();
    const tabs = await Promise.all([context.newPage(), context.newPage()]);
    await Promise.all(
      tabs.map(async (page, at) => {
        await page.goto(`${proxy.url}/deep/page?a=${at}&b=%20x#part-${at}`);
        await page.locator("#place").waitFor();
        expect(page.url()).toBe(`${proxy.url}/deep/page?a=${at}&b=%20x#part-${at}`);
        expect(await page.locator("#place").textContent()).toBe(`/deep/page?a=${at}&b=%20x`);
      }),
    );
    // Its clearance holds.
    const third = await context.newPage();
    expect((await third.goto(`${proxy.url}/again`))?.status()).toBe(200);
    // Whatever the Content-Security-Policy refused is told here.
    expect(complaints).toEqual([]);
  });

  it.each([
    ["fast", 1],
    ["slow", -1],
  ])("is solved by a browser whose clock is a day %s (PUB-38)", async (_name, days) => {
    const proxy = await protectedApp();
    const { context } = await open();
    await context.addInitScript((shiftMs) => {
      const RealDate = Date;
      const now = (): number => RealDate.now() + shiftMs;
      globalThis.Date = new Proxy(RealDate, {
        construct: (target, given: unknown[]) =>
          Reflect.construct(target, given.length === 0 ? [now()] : given) as object,
        get: (target, key) => (key === "now" ? now : (Reflect.get(target, key) as unknown)),
      });
    }, days * 86_400_000);
    const page = await context.newPage();
    await page.goto(`${proxy.url}/there?q=1`);
    await page.locator("#place").waitFor();
    expect(page.url()).toBe(`${proxy.url}/there?q=1`);
    const shift = await page.evaluate(() => Date.now());
    expect(Math.abs(shift - Date.now() - days * 86_400_000)).toBeLessThan(60_000);
  });

  it("leads on without JavaScript, after the delay", async () => {
    const proxy = await protectedApp({ noScript: "1s" });
    const { context } = await open({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${proxy.url}/plain?q=1`);
    await page.locator("#place").waitFor();
    expect(page.url()).toBe(`${proxy.url}/plain?q=1`);
  });

  it("does not go round for a browser whose clearance gets lost", async () => {
    const proxy = await protectedApp({ clearance: 1 });
    const { context } = await open();
    const page = await context.newPage();
    let solved = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/verify")) solved += 1;
    });
    await page.goto(`${proxy.url}/`);
    await page.locator("form[data-automatic=false] altcha-widget").waitFor();
    expect(solved).toBe(2);
  });

  it.each([
    ["de-DE", "dark", "Einen Moment bitte", "ltr"],
    ["ar", "light", "لحظة من فضلك", "rtl"],
    ["ja-JP", "light", "少々お待ちください", "ltr"],
  ] as const)(
    "speaks %s, in %s colours, in less than 100 KB",
    async (locale, colorScheme, title, dir) => {
      const proxy = await protectedApp({ difficulty: 1_000_000 });
      const { context, complaints } = await open({ locale, colorScheme });
      const page = await context.newPage();
      await page.goto(`${proxy.url}/`);
      await page.locator("altcha-widget input[type=checkbox]").waitFor();
      await page.locator("#status").filter({ hasText: /\S/ }).waitFor();
      expect(await page.locator("h1").textContent()).toBe(title);
      expect(await page.locator("html").getAttribute("dir")).toBe(dir);
      expect(await page.locator("#status").getAttribute("aria-live")).toBe("polite");
      expect(complaints).toEqual([]);
      let bytes = 0;
      for (const record of proxy.access) bytes += record.responseBytes;
      expect(bytes).toBeGreaterThan(20_000);
      expect(bytes).toBeLessThan(100_000);
    },
  );

  it("keeps a form that was refused, so that it can be sent after the check in another tab", async () => {
    const seen: string[] = [];
    const proxy = await startProxy({
      config: {
        challenge: { when: (request) => request.path !== "/form", difficulty: 50 },
        upstreams: {
          app: {
            async fetch(request: Request) {
              if (request.method === "POST") seen.push(await request.text());
              return new Response(
                '<form method=post action=/send><input name=a value="kept"><button>send</button></form>',
                { headers: { "content-type": "text/html" } },
              );
            },
          },
        },
      },
    });
    const { context } = await open();
    const page = await context.newPage();
    await page.goto(`${proxy.url}/form`);
    await page.getByRole("button").click();
    const link = page.getByRole("link");
    await link.waitFor();
    const [other] = await Promise.all([context.waitForEvent("page"), link.click()]);
    await other.getByRole("button", { name: "send" }).waitFor();
    await page.goBack();
    await page.getByRole("button").click();
    await expect.poll(() => seen).toEqual(["a=kept"]);
  });
});
