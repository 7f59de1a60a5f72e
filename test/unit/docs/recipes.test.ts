/**
 * Every page of docs/recipes: its config is loaded and run, it does what its table says, and `curl` answers what the
 * page says. The tables are in test/unit/docs/recipes/. What needs sockets: test/integration/recipes.test.ts; the old
 * configs of pages about coming from elsewhere: test/integration/migrations.test.ts.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createTestProxy, type TestProxy } from "gatewright/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { toCurlRequest } from "../../helpers/curl-line.ts";
import { readPage, ROOT, toBlocks, type Block } from "../../helpers/markdown.ts";
import { toCommands } from "../../helpers/shell-lines.ts";
import { apis } from "./recipes/apis.ts";
import { content } from "./recipes/content.ts";
import { gates } from "./recipes/gates.ts";
import { migrations } from "./recipes/migrations.ts";
import type { Ask, Page, Recipe } from "./recipes/recipe.ts";
import { streams } from "./recipes/streams.ts";
import { traffic } from "./recipes/traffic.ts";

const RECIPES: Readonly<Record<string, Recipe>> = {
  ...traffic,
  ...apis,
  ...streams,
  ...gates,
  ...content,
  ...migrations,
};

/** Inside the workspace, so that packages resolve; ignored by git. */
const DIR = join(ROOT, "tmp", `docs-recipes-${process.pid}`);

const names = readdirSync(join(ROOT, "docs/recipes"))
  .filter((file) => file.endsWith(".md") && file !== "README.md")
  .map((file) => file.slice(0, -".md".length))
  .toSorted();

afterAll(() => {
  rmSync(DIR, { recursive: true, force: true });
});

describe("docs/recipes", () => {
  it("has a table of checks for each page, and a page for each table", () => {
    expect(Object.keys(RECIPES).toSorted()).toEqual(names);
    expect(names.length).toBeGreaterThanOrEqual(24);
  });

  it.each(names)("is led to by the index, once: %s", (name) => {
    expect(readPage("docs/recipes/README.md").split(`](${name}.md)`)).toHaveLength(2);
  });

  it.each(names)("has the same parts on every page: %s", (name) => {
    const headings = [...textOf(name).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(
      name.startsWith("from-")
        ? expect.arrayContaining([
            "Before and after",
            "Try it",
            "What becomes what",
            "What is different",
          ])
        : ["Try it", "Watch out"],
    );
  });
});

describe.each(Object.entries(RECIPES))("%s", (name, recipe) => {
  let proxy: TestProxy;

  beforeAll(async () => {
    if (recipe.web !== undefined) stubFetch(recipe.web);
    proxy = await start(name, recipe, {});
  });

  afterAll(async () => {
    vi.unstubAllGlobals();
    await proxy?.close();
  });

  it.each(recipe.checks)("$does", async (check) => {
    await ("run" in check ? check.run(proxy) : expectAnswer(proxy, check));
  });
});

it("from-workers: mounts a Worker as it is", async () => {
  const recipe: Recipe = { upstreams: {}, checks: [] };
  await using proxy = await start("from-workers", recipe, {}, 1);
  expect(await (await proxy.fetch("/x")).text()).toBe("Hello, /x\n");
});

describe("curl", () => {
  const asked = names.filter((name) => typeof RECIPES[name]?.page !== "string");

  it.each(asked)("answers what the page says: %s", async (name) => {
    const recipe = RECIPES[name] as Recipe;
    const page = (recipe.page ?? {}) as Page;
    if (recipe.web !== undefined) stubFetch(recipe.web);
    const proxy = await start(name, recipe, page);
    try {
      const lines = dialogue(name);
      expect(lines.length).toBeGreaterThan(0);
      for (const { commands, answer } of lines) {
        let response: Response | undefined;
        for (const [program, ...words] of commands) {
          if (program !== "curl") throw new Error(`${program} cannot be tried here`);
          const { url, ...init } = toCurlRequest(words, page.variables?.());
          response = await proxy.fetch(url, { ...init, body: init.body ?? null });
        }
        await expectHttp(response as Response, answer);
      }
    } finally {
      vi.unstubAllGlobals();
      await proxy.close();
    }
  });

  it("is compared for real", async () => {
    const block = {
      file: "docs/x.md",
      line: 1,
      info: "http",
      code: "HTTP/1.1 200 OK\na: 1\n\nhel…",
    };
    const ask = (text: string, a: string): Promise<void> =>
      expectHttp(new Response(text, { headers: { a } }), block);
    await ask("hello", "1");
    await expect(ask("bye", "1")).rejects.toThrow("bye");
    await expect(ask("hello", "2")).rejects.toThrow("a");
  });
});

async function start(name: string, recipe: Recipe, page: Page, at = 0): Promise<TestProxy> {
  const block = blocksOf(name, "ts")[at];
  const dir = folder(name);
  const [from, to] = page.edit ?? ["", ""];
  if (!block?.code.includes(from)) throw new Error(`${name} has no ${from}`);
  writeFileSync(join(dir, "proxy.config.ts"), `${block.code.replace(from, to)}\n`);
  for (const [file, text] of Object.entries(recipe.files ?? {})) {
    writeFileSync(join(dir, file), text);
  }
  return createTestProxy(join(dir, "proxy.config.ts"), {
    upstreams: page.upstreams ?? recipe.upstreams,
    env: recipe.env ?? {},
    ...(recipe.clock === undefined ? {} : { clock: recipe.clock }),
  });
}

async function expectAnswer(proxy: TestProxy, check: Ask): Promise<void> {
  await check.before?.(proxy);
  const calls = proxy.upstreamCalls.length;
  const [method = "", url = ""] = check.ask.split(" ");
  const response = await proxy.fetch(url, {
    method,
    headers: check.fields ?? {},
    body: check.content ?? null,
    ...(check.client === undefined ? {} : { client: check.client }),
  });
  const text = await response.text();
  expect(response.status, text).toBe(check.status);
  expectFields(response.headers, check.answer ?? {});
  if (check.text instanceof RegExp) expect(text).toMatch(check.text);
  else if (check.text !== undefined) expect(text).toBe(check.text);
  const call = proxy.upstreamCalls.slice(calls).at(-1);
  if (check.upstream === null) expect(call?.upstream).toBe(undefined);
  else if (check.upstream !== undefined) {
    expect([call?.upstream, call?.target]).toContain(check.upstream);
  }
  if (check.sees === undefined) return;
  const seen = call?.request as Request;
  const { pathname, search } = new URL(seen.url);
  if (check.sees.path !== undefined) expect(pathname + search).toBe(check.sees.path);
  if (check.sees.method !== undefined) expect(seen.method).toBe(check.sees.method);
  if (check.sees.content !== undefined) expect(await seen.text()).toBe(check.sees.content);
  expectFields(seen.headers, check.sees.fields ?? {});
}

function expectFields(
  headers: Headers,
  fields: Readonly<Record<string, string | RegExp | null>>,
): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof RegExp) expect(headers.get(name), name).toMatch(value);
    else expect(headers.get(name), name).toBe(value);
  }
}

/** Commands of a page with the answer that follows them. */
function dialogue(name: string): { commands: string[][]; answer: Block }[] {
  const blocks = toBlocks(`docs/recipes/${name}.md`, textOf(name));
  return blocks.flatMap((block, at) => {
    const before = blocks[at - 1];
    if (block.info !== "http" || before?.info !== "sh") return [];
    return [{ commands: toCommands(before.code), answer: block }];
  });
}

/** Status, the fields that are there, and the content if some is there; `…` stands for anything. */
async function expectHttp(response: Response, { file, line, code }: Block): Promise<void> {
  const where = `${file}:${line}`;
  const [head = "", ...rest] = code.split("\n\n");
  const [first = "", ...fields] = head.split("\n");
  const text = await response.text();
  expect(response.status, `${where}: ${text}`).toBe(Number(first.split(" ")[1]));
  for (const field of fields) {
    const [, name = "", value = ""] = /^([^:]+): (.*)$/.exec(field) ?? [];
    expect(response.headers.get(name), `${where}: ${name}`).toMatch(toPattern(value));
  }
  if (rest.length > 0) expect(text.trim(), where).toMatch(toPattern(rest.join("\n\n").trim()));
}

function toPattern(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", "[^]*")}$`);
}

function textOf(name: string): string {
  return readPage(`docs/recipes/${name}.md`);
}

function blocksOf(name: string, info: string): Block[] {
  return toBlocks(`docs/recipes/${name}.md`, textOf(name)).filter((block) => block.info === info);
}

function folder(name: string): string {
  const dir = join(DIR, name);
  mkdirSync(dir, { recursive: true });
  return dir;
}

function stubFetch(answer: (url: string) => Response): void {
  vi.stubGlobal("fetch", async (input: string | URL | Request) =>
    answer(input instanceof Request ? input.url : String(input)),
  );
}
