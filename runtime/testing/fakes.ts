import type { MaybePromise } from "@gatewright/sdk";

import { activity } from "./activity.ts";

/** What a fake is told beside the request. */
export interface FakeContext {
  /** Name in `upstreams`, or the origin. */
  readonly upstream: string;
  /** `http://10.0.0.1:9000`, `unix:/run/app.sock`; of an app in this process the upstream's name. */
  readonly target: string;
}

/** Answers as an upstream would. What it throws is a connection that breaks. */
export type FakeFetch = (
  request: Request,
  context: FakeContext,
  execution: never,
) => MaybePromise<Response>;

/** A function like `fetch`, or an app that has one: a Hono app, a Workers-style module. */
export type Fake = FakeFetch | FakeApp;

export interface FakeApp {
  // oxlint-disable-next-line typescript/no-explicit-any -- frameworks type env and context in ways of their own
  fetch(request: Request, env?: any, execution?: any): MaybePromise<Response>;
}

/** One fake for all targets of an upstream, or one for each, by its URL as in the config. */
export type FakeUpstream = Fake | { readonly [target: `${string}:${string}`]: Fake };

/** A request that reached a fake. */
export interface FakeCall {
  /** Name in `upstreams`, or the origin. */
  readonly upstream: string;
  /** As of {@link FakeContext.target}. */
  readonly target: string;
  /** As the fake got it. Its content is yours to read, once. */
  readonly request: Request;
  /** Of the answer, once there is one. */
  status: number | undefined;
  /** What the fake threw. */
  error: unknown;
}

const MAX_CALLS = 10_000;

/** Which fake answers for which target, and what they were asked. */
export class Fakes {
  readonly calls: FakeCall[] = [];
  readonly checks: FakeCall[] = [];
  readonly #byUpstream = new Map<string, Fake | ReadonlyMap<string, Fake>>();

  constructor(fakes: Readonly<Record<string, FakeUpstream>>) {
    for (const [name, fake] of Object.entries(fakes)) {
      if (isFake(fake)) {
        this.#byUpstream.set(toOrigin(name), fake);
        continue;
      }
      const entries = typeof fake === "object" && fake !== null ? Object.entries(fake) : [];
      if (entries.length === 0 || entries.some(([, one]) => !isFake(one))) throw noFake(name);
      this.#byUpstream.set(
        name,
        new Map(entries.map(([target, one]) => [targetKeyOf(target), one])),
      );
    }
  }

  get upstreams(): ReadonlySet<string> {
    return new Set(this.#byUpstream.keys());
  }

  find(upstream: string, target: string): Fake | undefined {
    const fake = this.#byUpstream.get(upstream);
    return fake instanceof Map
      ? (fake.get(target) as Fake | undefined)
      : (fake as Fake | undefined);
  }

  /** Keeps the request, and what became of it. */
  async record(
    request: Request,
    context: FakeContext,
    isCheck: boolean,
    answer: (request: Request) => MaybePromise<Response>,
  ): Promise<Response> {
    const copy = request.clone();
    const call: FakeCall = { ...context, request: copy, status: undefined, error: undefined };
    const list = isCheck ? this.checks : this.calls;
    if (list.length >= MAX_CALLS) list.shift();
    list.push(call);
    activity.count += 1;
    try {
      const response = await answer(request);
      call.status = response.status;
      return response;
    } catch (error) {
      call.error = error;
      throw error;
    } finally {
      activity.count += 1;
    }
  }
}

/** Asks a fake. */
export function answerOf(
  fake: Fake,
  request: Request,
  context: FakeContext,
  execution: unknown,
): MaybePromise<Response> {
  return typeof fake === "function"
    ? fake(request, context, execution as never)
    : fake.fetch(request, context, execution);
}

function isFake(value: unknown): value is Fake {
  return (
    typeof value === "function" ||
    (typeof value === "object" &&
      value !== null &&
      typeof (value as { fetch?: unknown }).fetch === "function")
  );
}

/** As the engine names a target: with its port, without a path. */
export function targetKeyOf(target: string): string {
  if (target.startsWith("unix:")) return target;
  if (!URL.canParse(target)) {
    throw new TypeError(
      `upstreams: ${JSON.stringify(target)} is no target; write its URL as in the config, "http://10.0.0.1:9000".`,
    );
  }
  const { protocol, hostname, port } = new URL(target);
  return `${protocol}//${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
}

function toOrigin(name: string): string {
  return /^https?:\/\//i.test(name) ? new URL(name).origin : name;
}

function noFake(name: string): TypeError {
  return new TypeError(
    `upstreams.${name}: expected a function like fetch, { fetch }, or one of them for each target's URL.`,
  );
}
