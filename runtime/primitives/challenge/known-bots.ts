import type { KnownBot } from "@gatewright/sdk";

import type { Clock } from "../../clock.ts";

/** Names of an address, and addresses of a name. Reject if there are none. */
export interface BotResolver {
  reverse(address: string): Promise<readonly string[]>;
  addresses(name: string): Promise<readonly string[]>;
}

/** As their owners say they can be recognised. */
export const LARGE_SEARCH_ENGINES: readonly KnownBot[] = [
  { userAgent: "Googlebot", domains: ["googlebot.com", "google.com"] },
  { userAgent: "bingbot", domains: ["search.msn.com"] },
  { userAgent: "YandexBot", domains: ["yandex.ru", "yandex.net", "yandex.com"] },
  { userAgent: "Baiduspider", domains: ["baidu.com", "baidu.jp"] },
  { userAgent: "Applebot", domains: ["applebot.apple.com"] },
];

const MOST_KNOWN = 10_000;
const MOST_LOOKUPS = 50;
const MOST_NAMES = 8;
const TRUE_FOR_MS = 24 * 3_600_000;
const FALSE_FOR_MS = 600_000;

/**
 * Anybody can call themselves a search engine; only its owner can give an address a name below its domain, and let that
 * name lead back to the address.
 */
export class KnownBots {
  readonly #bots: readonly { readonly userAgent: string; readonly domains: readonly string[] }[];
  readonly #resolver: BotResolver;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly isBot: boolean; readonly until: number }>();
  #lookups = 0;

  constructor(bots: readonly KnownBot[], resolver: BotResolver, clock: Clock) {
    this.#bots = bots.map(({ userAgent, domains }) => ({
      userAgent: userAgent.toLowerCase(),
      domains: domains.map((domain) => `.${domain.toLowerCase()}`),
    }));
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /** True or false where that is known; a promise where DNS has to be asked. */
  isBot(userAgent: string | undefined, address: string): boolean | Promise<boolean> {
    if (userAgent === undefined) return false;
    const claim = userAgent.toLowerCase();
    const bot = this.#bots.find((one) => claim.includes(one.userAgent));
    if (bot === undefined) return false;
    const key = `${bot.userAgent}\n${address}`;
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.isBot;
    // Whoever makes up addresses must not make us ask without end.
    if (this.#lookups >= MOST_LOOKUPS) return false;
    return this.#look(key, address, bot.domains);
  }

  async #look(key: string, address: string, domains: readonly string[]): Promise<boolean> {
    this.#lookups += 1;
    const isBot = await this.#verify(address, domains).catch(() => false);
    this.#lookups -= 1;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const until = this.#clock.monotonic() + (isBot ? TRUE_FOR_MS : FALSE_FOR_MS);
    this.#known.set(key, { isBot, until });
    return isBot;
  }

  async #verify(address: string, domains: readonly string[]): Promise<boolean> {
    const names = (await this.#resolver.reverse(address)).slice(0, MOST_NAMES);
    for (const name of names) {
      const lower = name.toLowerCase().replace(/\.$/, "");
      if (!domains.some((domain) => lower.endsWith(domain))) continue;
      if ((await this.#resolver.addresses(lower)).includes(address)) return true;
    }
    return false;
  }
}
