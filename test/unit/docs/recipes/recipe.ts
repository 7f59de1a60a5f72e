/** What the tests know of a recipe beside its page: who stands behind the proxy, and what must be true of it. */
import type { FakeUpstream, TestClient, TestClock, TestProxy } from "gatewright/testing";

export interface Recipe {
  /** Who stands behind the proxy. */
  readonly upstreams: Readonly<Record<string, FakeUpstream>>;
  /** Environment of configs that are functions. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files beside the config: name to text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Takes the place of the global `fetch` of packages. */
  readonly web?: (url: string) => Response;
  /** Default: one of its own, which stands still. */
  readonly clock?: "system" | TestClock;
  /** In this order, on one proxy. */
  readonly checks: readonly Check[];
  /** How the page's own lines are run. A text: they are not, and why. */
  readonly page?: Page | string;
}

export interface Page {
  /** In place of the recipe's. */
  readonly upstreams?: Readonly<Record<string, FakeUpstream>>;
  /** What stands in its lines behind `$`. */
  readonly variables?: () => Readonly<Record<string, string>>;
  /** What the page tells its reader to change in the config. */
  readonly edit?: readonly [from: string, to: string];
}

export type Check = Ask | { readonly does: string; readonly run: Run };

export type Run = (proxy: TestProxy) => Promise<void>;

export interface Ask {
  /** A sentence: what the recipe does. */
  readonly does: string;
  /** `GET /path`, or with a whole URL. */
  readonly ask: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly content?: string;
  readonly client?: TestClient;
  /** What happens before. */
  readonly before?: (proxy: TestProxy) => Promise<void> | void;

  readonly status: number;
  /** Fields of the answer; `null`: not there. */
  readonly answer?: Readonly<Record<string, string | RegExp | null>>;
  /** Content of the answer. */
  readonly text?: string | RegExp;
  /** Name or target of who was asked; `null`: nobody. */
  readonly upstream?: string | null;
  /** What the upstream got. */
  readonly sees?: {
    readonly path?: string;
    readonly method?: string;
    readonly content?: string;
    readonly fields?: Readonly<Record<string, string | RegExp | null>>;
  };
}

/** A service that says its name. */
export function named(name: string): (request: Request) => Response {
  return () => new Response(name);
}

/** A service with these answers by path, and 404 for the rest. */
export function pages(
  answers: Readonly<Record<string, () => Response>>,
): (request: Request) => Response {
  return (request) =>
    answers[new URL(request.url).pathname]?.() ?? new Response("no such page", { status: 404 });
}

export function html(content: string, fields: Readonly<Record<string, string>> = {}): Response {
  return new Response(content, {
    headers: { "content-type": "text/html; charset=utf-8", ...fields },
  });
}
