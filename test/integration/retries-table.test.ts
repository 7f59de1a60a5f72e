/** Every method with every kind of content, failing at every moment, under every policy: what is sent again, and what never. */
import { beforeAll, afterAll, describe, expect, it } from "vitest";

import { DeadlineWheel, systemClock } from "../../runtime/clock.ts";
import type { ContentSource } from "../../runtime/http/content.ts";
import { sourceFromAsyncIterable, sourceFromBytes } from "../../runtime/http/readable-source.ts";
import { dispatchAttempts } from "../../runtime/upstream/retry/attempted-call.ts";
import { RetryBudget } from "../../runtime/upstream/retry/retry-budget.ts";
import type { AttemptPolicy } from "../../runtime/upstream/retry/retry-policy.ts";
import type { RepeatableContent } from "../../runtime/upstream/upstream.ts";
import { send } from "../helpers/recording-receiver.ts";
import { startToyUpstream, toyResponse, type ToyUpstream } from "../helpers/toy-upstream.ts";
import { upstreamOver } from "../helpers/upstream-fixture.ts";

const IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
const METHODS = [...IDEMPOTENT, "POST", "PATCH"];
const CONTENTS = ["none", "in memory", "replayable", "streamed"] as const;
const MOMENTS = [
  "refuses connections",
  "closes at accept",
  "resets after the head",
  "resets after the content",
  "never answers",
  "cuts its answer",
] as const;
const POLICIES = ["none", "default", "with POST"] as const;

type Content = (typeof CONTENTS)[number];
type Moment = (typeof MOMENTS)[number];
type Policy = (typeof POLICIES)[number];

/** How often the head of each request has reached an origin, and how often one was executed. */
const heads = new Map<string, number>();
const executed = new Map<string, number>();
const wheel = new DeadlineWheel();
const broken = new Map<Moment, { host: string; port: number }>();
const opened: ToyUpstream[] = [];
let good: ToyUpstream;

beforeAll(async () => {
  const countHead = (id: string): void => void heads.set(id, (heads.get(id) ?? 0) + 1);
  const countRun = (id: string): void => void executed.set(id, (executed.get(id) ?? 0) + 1);
  for (const moment of MOMENTS) {
    const origin = await startToyUpstream({
      onConnection: (connection) => {
        if (moment === "closes at accept") connection.reset();
      },
      onHead: (request, connection) => {
        countHead(request.target);
        if (moment === "resets after the head") connection.reset();
      },
      onRequest: (request, connection) => {
        if (connection.socket.destroyed) return;
        countRun(request.target);
        if (moment === "resets after the content") connection.reset();
        if (moment !== "cuts its answer") return;
        connection.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", () =>
          setImmediate(() => connection.reset()),
        );
      },
    });
    broken.set(moment, { host: origin.host, port: origin.port });
    if (moment === "refuses connections") await origin.close();
    else opened.push(origin);
  }
  good = await startToyUpstream({
    onHead: (request) => countHead(request.target),
    onRequest: (request) => {
      countRun(request.target);
      const text = `${request.method} ${String(request.content)}`;
      return request.method === "HEAD" ? "HTTP/1.1 200 OK\r\n\r\n" : toyResponse(200, text);
    },
  });
  opened.push(good);
});

afterAll(async () => {
  for (const origin of opened) await origin.close();
});

describe.each(POLICIES)("policy %s", (policy) => {
  describe.each(MOMENTS)("against a target that %s", (moment) => {
    it.each(METHODS.flatMap((method) => CONTENTS.map((content) => [method, content] as const)))(
      "%s, content %s",
      async (method, kind) => {
        const path = `/${policy}/${moment}/${method}/${kind}`.replaceAll(" ", "-");
        const first = broken.get(moment) as { host: string; port: number };
        const upstream = upstreamOver([first, good], { wheel });
        const { content, replay } = contentOf(kind);
        const attempted = {
          name: "attempted",
          stats: () => upstream.stats(),
          close: () => upstream.close(),
          dispatch: ((request, receiver) =>
            dispatchAttempts(
              upstream,
              policyOf(policy),
              request,
              receiver,
            )) as typeof upstream.dispatch,
        };
        const done = await send(attempted, {
          method,
          path,
          content,
          replay,
          responseHeadTimeoutMs: moment === "never answers" ? 30 : 5000,
        }).done();

        const mayRunTwice =
          policy !== "none" && (IDEMPOTENT.includes(method) || policy === "with POST");
        const isAgain = isSentAgain(method, mayRunTwice, moment, kind);
        if (isAgain !== undefined) {
          expect(done.error?.code).toBe(isAgain ? undefined : expectedError(moment));
        }
        if (done.error === undefined && method !== "HEAD") {
          expect(done.text).toBe(`${method} ${kind === "none" ? "" : CONTENT}`);
        }
        if (!mayRunTwice) {
          expect(heads.get(path) ?? 0).toBeLessThanOrEqual(1);
          expect(executed.get(path) ?? 0).toBeLessThanOrEqual(1);
        }
        expect(executed.get(path) ?? 0).toBeLessThanOrEqual(2);
        expect(done.lastCalls).toBe(1);
      },
    );
  });
});

/** `undefined`: depends on how fast the origin is, or there is no content that could be cut. */
function isSentAgain(
  method: string,
  mayRunTwice: boolean,
  moment: Moment,
  kind: Content,
): boolean | undefined {
  if (moment === "refuses connections") return true;
  if (moment === "cuts its answer") return method === "HEAD" ? undefined : false;
  if (moment === "closes at accept") return mayRunTwice && kind !== "streamed" ? true : undefined;
  return mayRunTwice && kind !== "streamed";
}

function expectedError(moment: Moment): string {
  return moment === "never answers" ? "PROXY_UPSTREAM_HEAD_TIMEOUT" : "PROXY_UPSTREAM_RESET";
}

const CONTENT = "all of it";

function contentOf(kind: Content): {
  content: ContentSource | undefined;
  replay: RepeatableContent | undefined;
} {
  const bytes = Buffer.from(CONTENT);
  const streamed = (): ContentSource => sourceFromAsyncIterable([bytes], bytes.length);
  switch (kind) {
    case "none":
      return { content: undefined, replay: undefined };
    case "in memory":
      return { content: sourceFromBytes(bytes), replay: undefined };
    case "replayable":
      return { content: streamed(), replay: { asSource: streamed } };
    case "streamed":
      return { content: streamed(), replay: undefined };
  }
}

function policyOf(policy: Policy): AttemptPolicy {
  return {
    retry:
      policy === "none"
        ? undefined
        : {
            attempts: 2,
            methods: new Set(policy === "with POST" ? METHODS : IDEMPOTENT),
            statuses: new Set(),
            perTryTimeoutMs: undefined,
            backoff: { baseMs: 1, maxMs: 1 },
            retryAfterMs: 1000,
            decide: undefined,
          },
    hedge: undefined,
    totalTimeoutMs: undefined,
    budget: new RetryBudget(systemClock, { share: 1, minPerSecond: 1000 }),
    wheel,
    clock: systemClock,
    onFault: (error) => {
      throw error;
    },
  };
}
