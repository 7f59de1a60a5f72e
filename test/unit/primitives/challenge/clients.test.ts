import { describe, expect, it } from "vitest";

import {
  KnownBots,
  LARGE_SEARCH_ENGINES,
} from "../../../../runtime/primitives/challenge/known-bots.ts";
import { chooseLanguage, LANGUAGES } from "../../../../runtime/primitives/challenge/languages.ts";
import { isNavigation } from "../../../../runtime/primitives/challenge/navigation.ts";

describe("a language (RFC 9110 §12.5.4)", () => {
  it.each([
    [undefined, "en"],
    ["de-AT,en;q=0.5", "de"],
    ["nl, fr;q=0.2, es;q=0.8", "es"],
    ["zh-Hant-TW", "zh"],
    ["ar;q=0, ja;q=0.1", "ja"],
    ["constructor", "en"],
    ["*", "en"],
    [",".repeat(10_000), "en"],
  ])("for %s is %s", (accept, language) => {
    expect(chooseLanguage(accept)).toBe(language);
  });

  it("has every text", () => {
    for (const texts of Object.values(LANGUAGES)) {
      expect(Object.keys(texts)).toEqual(Object.keys(LANGUAGES.en));
      for (const text of Object.values(texts)) expect(text).toMatch(/\S/);
    }
  });
});

describe("a navigation", () => {
  const page = ["Accept", "text/html,*/*;q=0.8"];

  it.each([
    ["GET", page, true],
    ["GET", [...page, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"], true],
    ["GET", [...page, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"], false],
    ["GET", [...page, "Upgrade", "websocket"], false],
    ["GET", [...page, "X-Requested-With", "XMLHttpRequest"], false],
    ["GET", [...page, "Purpose", "prefetch"], false],
    ["GET", [], false],
    ["HEAD", page, false],
    ["POST", page, false],
  ] as const)("%s with %j: %s", (method, fields, expected) => {
    expect(isNavigation(method, fields)).toBe(expected);
  });
});

describe("known bots", () => {
  function bots(names: readonly string[], addresses: readonly string[]) {
    const asked: string[] = [];
    const known = new KnownBots(
      LARGE_SEARCH_ENGINES,
      {
        reverse: async (address) => {
          asked.push(address);
          return names;
        },
        addresses: async () => addresses,
      },
      { now: () => 0, monotonic: () => 0 },
    );
    return { known, asked };
  }

  it.each([
    [["a.googlebot.com"], ["192.0.2.1"], true],
    [["A.GoogleBot.com."], ["192.0.2.1"], true],
    [["a.googlebot.com"], ["192.0.2.2"], false],
    [["a.googlebot.com.evil.test"], ["192.0.2.1"], false],
    [["evilgooglebot.com"], ["192.0.2.1"], false],
    [[], [], false],
  ])("with the names %j and the addresses %j: %s", async (names, addresses, expected) => {
    const { known } = bots(names, addresses);
    expect(await known.isBot("Mozilla/5.0 (compatible; Googlebot/2.1)", "192.0.2.1")).toBe(
      expected,
    );
  });

  it("are asked for once, and only where the User-Agent says so", async () => {
    const { known, asked } = bots(["a.googlebot.com"], ["192.0.2.1"]);
    expect(known.isBot("curl", "192.0.2.1")).toBe(false);
    await known.isBot("Googlebot", "192.0.2.1");
    expect(known.isBot("googlebot", "192.0.2.1")).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it("do not make us ask DNS without end", () => {
    const { known } = bots([], []);
    const answers = Array.from({ length: 100 }, (_, at) =>
      known.isBot("Googlebot", `192.0.2.${at}`),
    );
    expect(answers.filter((answer) => answer === false)).toHaveLength(50);
  });
});
