import type { RetryFunction } from "@gatewright/sdk";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../../../runtime/clock.ts";
import { ProxyError, type ErrorCode } from "../../../../runtime/errors.ts";
import { sourceFromBytes } from "../../../../runtime/http/readable-source.ts";
import { dispatchAttempts } from "../../../../runtime/upstream/retry/attempted-call.ts";
import { RetryBudget } from "../../../../runtime/upstream/retry/retry-budget.ts";
import type { AttemptPolicy, RetryRules } from "../../../../runtime/upstream/retry/retry-policy.ts";
import { FakeUpstream, type FakeCall } from "../../../helpers/fake-upstream.ts";
import { FedSource, send, type RequestParts } from "../../../helpers/recording-receiver.ts";

const RULES: RetryRules = {
  attempts: 3,
  methods: new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]),
  statuses: new Set([503]),
  perTryTimeoutMs: undefined,
  backoff: { baseMs: 100, maxMs: 300 },
  retryAfterMs: 2000,
  decide: undefined,
};

interface Setup extends Partial<Omit<AttemptPolicy, "retry" | "budget">> {
  readonly retry?: Partial<RetryRules>;
  readonly minPerSecond?: number;
  readonly parts?: RequestParts;
}

function start({ retry = {}, parts = {}, minPerSecond = 100, ...rest }: Setup = {}) {
  let time = 0;
  const clock = { now: () => time, monotonic: () => time };
  const wheel = new DeadlineWheel(clock, false);
  const budget = new RetryBudget(clock, { share: 0, minPerSecond });
  const faults: unknown[] = [];
  const upstream = new FakeUpstream();
  const policy: AttemptPolicy = {
    retry: { ...RULES, ...retry },
    hedge: undefined,
    totalTimeoutMs: undefined,
    budget,
    wheel,
    clock,
    random: () => 0.5,
    onFault: (error) => faults.push(error),
    ...rest,
  };
  const attempted = {
    name: "attempted",
    stats: () => upstream.stats(),
    close: () => upstream.close(),
    dispatch: (request: never, receiver: never) =>
      dispatchAttempts(upstream, policy, request, receiver),
  };
  const receiver = send(attempted, parts);
  const advance = (ms: number): void => {
    time += ms;
    wheel.turn();
  };
  return { upstream, receiver, advance, faults, budget, wheel };
}

function fail(call: FakeCall, code: ErrorCode = "PROXY_UPSTREAM_RESET"): void {
  call.receiver.onTarget(call.target as string);
  call.receiver.onError(new ProxyError(code));
}

const facades = { request: { path: "/x" }, context: {} } as unknown as NonNullable<
  RequestParts["facades"]
>;

describe("retries", () => {
  it("sends again to a target that has not failed, and passes on one answer", () => {
    const { upstream, receiver, advance } = start();
    fail(upstream.call(1));
    advance(200);
    expect([...(upstream.call(2).request.avoid ?? [])]).toEqual(["t1"]);
    upstream.call(2).answer(200, "A", "b");
    upstream.call(2).receiver.onData(Buffer.from("x"));
    upstream.call(2).receiver.onEnd([], true);
    expect([receiver.status, receiver.text, receiver.lastCalls]).toEqual([200, "x", 1]);
    expect(receiver.targets).toEqual(["t1", "t2"]);
  });

  it("waits with full jitter: from 0 to the base, doubled each time, up to the maximum", () => {
    const waits: number[] = [];
    const { upstream, advance } = start({ retry: { attempts: 5 }, random: () => 0.999 });
    for (let attempt = 1; attempt < 5; attempt++) {
      fail(upstream.call(attempt));
      let waited = 0;
      while (upstream.calls.length === attempt) {
        advance(5);
        waited += 5;
      }
      waits.push(waited);
    }
    for (const [i, ceiling] of [100, 200, 300, 300].entries()) {
      expect(waits[i]).toBeGreaterThan(ceiling * 0.95);
      expect(waits[i]).toBeLessThanOrEqual(ceiling + 30);
    }
  });

  it("ends with the last failure when no attempts are left", () => {
    const { upstream, receiver, advance } = start();
    for (const number of [1, 2, 3]) {
      fail(upstream.call(number), number === 3 ? "PROXY_UPSTREAM_HEAD_TIMEOUT" : undefined);
      advance(400);
    }
    expect(upstream.calls.length).toBe(3);
    expect(receiver.error?.code).toBe("PROXY_UPSTREAM_HEAD_TIMEOUT");
    expect(receiver.targets).toEqual(["t1", "t2", "t3"]);
  });

  const NOT_AGAIN: ErrorCode[] = [
    "PROXY_UPSTREAM_PROTOCOL",
    "PROXY_UPSTREAM_QUEUE_FULL",
    "PROXY_UPSTREAM_QUEUE_TIMEOUT",
    "PROXY_UPSTREAM_UNAVAILABLE",
    "PROXY_UPSTREAM_CLOSED",
    "PROXY_UPSTREAM_HANDLER",
    "PROXY_REQUEST_CONTENT_INCOMPLETE",
    "PROXY_INTERNAL",
  ];
  it.each(NOT_AGAIN)("does not send again after %s", (code) => {
    const { upstream, receiver, advance } = start();
    fail(upstream.call(1), code);
    advance(1000);
    expect([upstream.calls.length, receiver.error?.code]).toEqual([1, code]);
  });

  it("sends POST again only when nothing of it was sent", () => {
    for (const [code, count] of [
      ["PROXY_UPSTREAM_CONNECT", 2],
      ["PROXY_UPSTREAM_CONNECT_TIMEOUT", 2],
      ["PROXY_UPSTREAM_RESET", 1],
      ["PROXY_UPSTREAM_HEAD_TIMEOUT", 1],
    ] as const) {
      const { upstream, advance } = start({
        parts: { method: "POST", content: sourceFromBytes(Buffer.from("x")) },
        retry: { decide: () => true },
      });
      fail(upstream.call(1), code);
      advance(1000);
      expect([code, upstream.calls.length]).toEqual([code, count]);
    }
  });

  it("sends POST again where its author says that it may run twice", () => {
    const { upstream, advance } = start({
      parts: { method: "POST", content: sourceFromBytes(Buffer.from("x")) },
      retry: { methods: new Set(["POST"]) },
    });
    fail(upstream.call(1));
    advance(200);
    expect(upstream.calls.length).toBe(2);
    expect(upstream.call(2).request.content?.bytes?.toString()).toBe("x");
  });

  it("never sends an upgrade again", () => {
    const { upstream, advance } = start({ parts: { upgrade: "websocket" } });
    fail(upstream.call(1), "PROXY_UPSTREAM_CONNECT");
    advance(1000);
    expect(upstream.calls.length).toBe(1);
  });

  it("does not send again once a head was passed on", () => {
    const { upstream, receiver, advance } = start();
    upstream.call(1).answer(200);
    upstream.call(1).receiver.onError(new ProxyError("PROXY_UPSTREAM_RESET"));
    advance(1000);
    expect([upstream.calls.length, receiver.error?.code]).toEqual([1, "PROXY_UPSTREAM_RESET"]);
  });

  it("limits connection and head of each attempt", () => {
    const { upstream } = start({ retry: { perTryTimeoutMs: 700 } });
    const { connectTimeoutMs, responseHeadTimeoutMs } = upstream.call(1).request;
    expect([connectTimeoutMs, responseHeadTimeoutMs]).toEqual([700, 700]);
  });

  it("keeps to the budget, and passes the failure on beyond it", () => {
    const { upstream, receiver, advance } = start({ minPerSecond: 0.1 });
    fail(upstream.call(1));
    advance(200);
    fail(upstream.call(2));
    advance(1000);
    expect([upstream.calls.length, receiver.error?.code]).toEqual([2, "PROXY_UPSTREAM_RESET"]);
  });

  it("gives up at once when the client goes away in the pause", () => {
    const { upstream, receiver, advance, wheel } = start();
    fail(upstream.call(1));
    receiver.call?.abort();
    advance(1000);
    expect([upstream.calls.length, receiver.over, wheel.size]).toEqual([1, false, 0]);
  });

  it("fails as internal when a later dispatch throws", () => {
    const { upstream, receiver, advance } = start();
    fail(upstream.call(1));
    upstream.fault = new Error("no");
    advance(200);
    expect(receiver.error?.code).toBe("PROXY_INTERNAL");
  });

  it("hands pauses to the attempt that answers", () => {
    const { upstream, receiver, advance } = start();
    receiver.call?.pause();
    fail(upstream.call(1));
    advance(200);
    upstream.call(2).answer(200);
    expect(upstream.call(2).paused).toBe(true);
    receiver.call?.resume();
    expect(upstream.call(2).paused).toBe(false);
  });
});

describe("answers that are failures", () => {
  it("are not passed on while attempts are left; the last one is", () => {
    const { upstream, receiver, advance } = start({ retry: { attempts: 2 } });
    upstream.call(1).answer(503, "Content-Length", "2");
    upstream.call(1).receiver.onData(Buffer.from("no"));
    upstream.call(1).receiver.onEnd([], true);
    expect([receiver.status, receiver.bytes, upstream.call(1).aborted]).toEqual([
      undefined,
      0,
      false,
    ]);
    advance(200);
    upstream.call(2).answer(503);
    expect(receiver.status).toBe(503);
  });

  it("go to the client if the method may not run twice", () => {
    const { upstream, receiver } = start({ parts: { method: "POST" } });
    upstream.call(1).answer(503);
    expect(receiver.status).toBe(503);
  });

  it("are read away up to 64 KiB or a second, so that the connection can be used again", () => {
    const long = start();
    long.upstream.call(1).answer(503);
    long.upstream.call(1).receiver.onData(Buffer.alloc(64 * 1024));
    expect(long.upstream.call(1).aborted).toBe(false);
    long.upstream.call(1).receiver.onData(Buffer.alloc(1));
    expect(long.upstream.call(1).aborted).toBe(true);

    const announced = start();
    announced.upstream.call(1).answer(503, "Content-Length", "65537");
    expect(announced.upstream.call(1).aborted).toBe(true);

    const slow = start();
    slow.upstream.call(1).answer(503);
    slow.advance(900);
    expect(slow.upstream.call(1).aborted).toBe(false);
    slow.advance(200);
    expect(slow.upstream.call(1).aborted).toBe(true);
  });

  it("that break off while they are read away trouble nobody", () => {
    const { upstream, receiver, advance } = start();
    upstream.call(1).answer(503);
    upstream.call(1).receiver.onError(new ProxyError("PROXY_UPSTREAM_RESET"));
    advance(200);
    upstream.call(2).answer(200);
    expect([upstream.calls.length, receiver.status]).toEqual([2, 200]);
  });

  it("are waited for as long as Retry-After says, within its bound", () => {
    const { upstream, advance } = start();
    upstream.call(1).answer(503, "Retry-After", "2");
    advance(1990);
    expect(upstream.calls.length).toBe(1);
    advance(60);
    expect(upstream.calls.length).toBe(2);
  });

  it("go to the client if Retry-After asks for more than that", () => {
    const { upstream, receiver } = start();
    upstream.call(1).answer(503, "Retry-After", "3");
    expect([receiver.status, receiver.field("retry-after")]).toEqual([503, "3"]);
    expect(upstream.calls.length).toBe(1);
  });
});

describe("the function", () => {
  const cases: [string, RetryFunction, string, number][] = [
    ["true: again", () => true, "PROXY_UPSTREAM_PROTOCOL", 2],
    ["false: not again", () => false, "PROXY_UPSTREAM_RESET", 1],
    ["nothing: as the rules say, here yes", () => undefined, "PROXY_UPSTREAM_RESET", 2],
    ["nothing: as the rules say, here no", () => undefined, "PROXY_UPSTREAM_PROTOCOL", 1],
  ];
  it.each(cases)("says %s", (_name, decide, code, count) => {
    const { upstream, advance } = start({ retry: { decide }, parts: { facades } });
    fail(upstream.call(1), code as ErrorCode);
    advance(500);
    expect(upstream.calls.length).toBe(count);
  });

  it("sees the failure, the number of the attempt and the request", () => {
    const seen: unknown[] = [];
    const decide: RetryFunction = (...all) => void seen.push(all);
    const { upstream, advance } = start({ retry: { decide }, parts: { facades } });
    upstream.call(1).answer(503, "Retry-After", "1");
    advance(1100);
    fail(upstream.call(2));
    expect(seen).toEqual([
      [
        {
          code: undefined,
          status: 503,
          message: "the upstream answered with 503",
          target: "t1",
          retryAfter: "1",
        },
        1,
        facades.request,
      ],
      [
        {
          code: "PROXY_UPSTREAM_RESET",
          status: 502,
          message: "The upstream closed the connection.",
          target: "t2",
          retryAfter: undefined,
        },
        2,
        facades.request,
      ],
    ]);
  });

  it("is asked for 500 and above, and for the statuses of the rules, only", () => {
    const asked: number[] = [];
    const decide: RetryFunction = ({ status }) => {
      asked.push(status);
      return false;
    };
    for (const status of [200, 404, 429, 499, 500, 503, 599]) {
      const rules = { decide, statuses: new Set([429]) };
      start({ retry: rules, parts: { facades } }).upstream.call(1).answer(status);
    }
    expect(asked).toEqual([429, 500, 503, 599]);
  });

  it("says how long to wait, in place of back-off and Retry-After", async () => {
    const timed = start({ retry: { decide: () => ({ delay: "700ms" }) }, parts: { facades } });
    timed.upstream.call(1).answer(503, "Retry-After", "60");
    timed.advance(690);
    expect(timed.upstream.calls.length).toBe(1);
    timed.advance(60);
    expect(timed.upstream.calls.length).toBe(2);

    const atOnce = start({ retry: { decide: () => ({ delay: 0 }) }, parts: { facades } });
    fail(atOnce.upstream.call(1));
    expect(atOnce.upstream.calls.length).toBe(1);
    await new Promise((resolve) => process.nextTick(resolve));
    expect(atOnce.upstream.calls.length).toBe(2);
  });

  it("costs the attempt, and is told of, when it throws or gives a promise or nonsense", () => {
    const faulty: unknown[] = [
      () => {
        throw new Error("no");
      },
      () => Promise.resolve(true),
      () => "yes",
      () => ({ delay: "later" }),
      () => null,
    ];
    for (const decide of faulty) {
      const setup = start({ retry: { decide: decide as RetryFunction }, parts: { facades } });
      fail(setup.upstream.call(1));
      setup.advance(500);
      expect([setup.upstream.calls.length, setup.faults.length]).toEqual([1, 1]);
    }
  });

  it("is not asked where no client's request stands behind it", () => {
    const { upstream, advance } = start({ retry: { decide: () => false } });
    fail(upstream.call(1));
    advance(500);
    expect(upstream.calls.length).toBe(2);
  });
});

describe("content", () => {
  it("that is in memory is sent whole each time, and not given back in between", () => {
    const content = sourceFromBytes(Buffer.from("abc"));
    const { upstream, advance } = start({ parts: { method: "PUT", content } });
    upstream.call(1).request.content?.cancel();
    fail(upstream.call(1));
    advance(200);
    expect(upstream.call(2).request.content?.bytes?.toString()).toBe("abc");
  });

  it("that is buffered elsewhere is replayed", () => {
    let replays = 0;
    const replay = {
      asSource() {
        replays += 1;
        return new FedSource(3);
      },
    };
    const { upstream, advance } = start({
      parts: { method: "PUT", content: replay.asSource(), replay },
    });
    upstream.call(1).request.content?.open(NO_SINK);
    fail(upstream.call(1));
    advance(200);
    expect([upstream.calls.length, replays]).toEqual([2, 2]);
    expect(upstream.call(2).request.content).not.toBe(upstream.call(1).request.content);
  });

  it("that streams goes to the next attempt as long as nobody has opened it", () => {
    const content = new FedSource();
    const { upstream, advance } = start({ parts: { method: "POST", content } });
    upstream.call(1).request.content?.cancel();
    fail(upstream.call(1), "PROXY_UPSTREAM_CONNECT");
    advance(200);
    expect(content.cancelled).toBe(false);
    upstream.call(1).request.content?.open(NO_SINK);
    expect(content.sink).toBeUndefined();
    upstream.call(2).request.content?.open(NO_SINK);
    expect(content.sink).toBe(NO_SINK);
    fail(upstream.call(2), "PROXY_UPSTREAM_CONNECT");
    advance(200);
    expect(upstream.calls.length).toBe(2);
  });

  it("that nobody wanted is cancelled at the end", () => {
    const failed = new FedSource();
    const one = start({ retry: { attempts: 1 }, parts: { method: "POST", content: failed } });
    fail(one.upstream.call(1), "PROXY_UPSTREAM_CONNECT");
    expect(failed.cancelled).toBe(true);

    const aborted = new FedSource();
    const two = start({ parts: { method: "POST", content: aborted } });
    two.receiver.call?.abort();
    expect([aborted.cancelled, two.upstream.call(1).aborted]).toEqual([true, true]);
  });
});

const NO_SINK = { onData() {}, onEnd() {}, onError() {} };

describe("hedging", () => {
  const hedge = { afterMs: 200, max: 1 };

  it("begins a second attempt after the time, elsewhere, and takes the first head", () => {
    const { upstream, receiver, advance } = start({ hedge });
    advance(190);
    expect(upstream.calls.length).toBe(1);
    advance(60);
    expect(upstream.calls.length).toBe(2);
    expect([...(upstream.call(2).request.avoid ?? [])]).toEqual(["t1"]);
    upstream.call(2).answer(200);
    expect([upstream.call(1).aborted, receiver.status]).toEqual([true, 200]);
    // The one that was given up first, so that the last one is the one that answered.
    expect(receiver.targets).toEqual(["t1", "t2"]);
    upstream.call(2).receiver.onEnd([], true);
    expect(receiver.lastCalls).toBe(1);
  });

  it("names the first target last if the first attempt wins after all", () => {
    const { upstream, receiver, advance } = start({ hedge });
    advance(250);
    upstream.call(1).answer(200);
    expect([receiver.targets, upstream.call(2).aborted]).toEqual([["t2", "t1"], true]);
  });

  it("does nothing if the head comes in time", () => {
    const { upstream, advance } = start({ hedge });
    upstream.call(1).answer(200);
    advance(1000);
    expect(upstream.calls.length).toBe(1);
  });

  it("waits for the other attempt when one fails, and fails with the last", () => {
    const { upstream, receiver, advance } = start({ hedge, retry: { attempts: 1 } });
    advance(250);
    fail(upstream.call(1));
    expect(receiver.over).toBe(false);
    fail(upstream.call(2), "PROXY_UPSTREAM_HEAD_TIMEOUT");
    expect(receiver.error?.code).toBe("PROXY_UPSTREAM_HEAD_TIMEOUT");
    expect(receiver.targets).toEqual(["t1", "t2"]);
  });

  it("waits for the other attempt when one answers with a failure", () => {
    const { upstream, receiver, advance } = start({ hedge });
    advance(250);
    upstream.call(2).answer(503);
    expect(receiver.status).toBeUndefined();
    upstream.call(1).answer(200);
    expect(receiver.status).toBe(200);
    advance(1000);
    expect(upstream.calls.length).toBe(2);
  });

  it("begins another attempt only when all of those under way have failed", () => {
    const { upstream, receiver, advance } = start({ hedge });
    advance(250);
    upstream.call(2).answer(503);
    advance(1000);
    expect(upstream.calls.length).toBe(2);
    fail(upstream.call(1));
    advance(100);
    expect([...(upstream.call(3).request.avoid ?? [])].toSorted()).toEqual(["t1", "t2"]);
    upstream.call(3).answer(200);
    expect([receiver.status, receiver.targets]).toEqual([200, ["t2", "t1", "t3"]]);
  });

  it("is for GET, HEAD and OPTIONS with content that can be sent twice, never for upgrades", () => {
    const parts: [RequestParts, number][] = [
      [{ method: "GET" }, 2],
      [{ method: "HEAD" }, 2],
      [{ method: "OPTIONS", content: sourceFromBytes(Buffer.from("x")) }, 2],
      [{ method: "GET", content: new FedSource() }, 1],
      [{ method: "GET", upgrade: "websocket" }, 1],
      [{ method: "PUT" }, 1],
      [{ method: "DELETE" }, 1],
      [{ method: "POST" }, 1],
    ];
    for (const [part, count] of parts) {
      const { upstream, advance } = start({ hedge, parts: part });
      advance(250);
      expect([part, upstream.calls.length]).toEqual([part, count]);
    }
  });

  it("begins no more than `max`, each after the time, within the budget", () => {
    const three = start({ hedge: { afterMs: 200, max: 3 } });
    for (let i = 0; i < 10; i++) three.advance(250);
    expect(three.upstream.calls.length).toBe(4);

    const poor = start({ hedge, minPerSecond: 0 });
    poor.advance(1000);
    expect(poor.upstream.calls.length).toBe(1);
  });

  it("passes on no interim answers of attempts that race", () => {
    const { upstream, receiver, advance } = start({ hedge });
    upstream.call(1).receiver.onInformational(103, []);
    advance(250);
    upstream.call(1).receiver.onInformational(103, []);
    upstream.call(2).receiver.onInformational(103, []);
    expect(receiver.informational.length).toBe(1);
  });

  it("ends both attempts when the client goes away", () => {
    const { upstream, receiver, advance, wheel } = start({ hedge });
    advance(250);
    receiver.call?.abort();
    expect(upstream.calls.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(wheel.size).toBe(0);
  });
});

describe("the total time", () => {
  it("ends a request without a head, and says which targets had it", () => {
    const { upstream, receiver, advance } = start({ totalTimeoutMs: 1000 });
    advance(1050);
    expect(receiver.error?.code).toBe("PROXY_UPSTREAM_TOTAL_TIMEOUT");
    expect([receiver.targets, upstream.call(1).aborted]).toEqual([["t1"], true]);
  });

  it("covers all attempts and the pauses between them", () => {
    const { upstream, receiver, advance } = start({
      totalTimeoutMs: 1000,
      retry: { attempts: 10 },
    });
    for (let i = 0; i < 60 && !receiver.over; i++) {
      advance(25);
      const call = upstream.calls.at(-1);
      if (call !== undefined && !call.aborted && !receiver.over && i % 4 === 0) {
        fail(call);
      }
    }
    expect(receiver.error?.code).toBe("PROXY_UPSTREAM_TOTAL_TIMEOUT");
    expect(upstream.calls.length).toBeLessThan(10);
  });

  it("cuts an answer that is under way, and lets one be that is over", () => {
    const cut = start({ totalTimeoutMs: 1000 });
    cut.upstream.call(1).answer(200);
    cut.advance(1050);
    expect(cut.receiver.error?.code).toBe("PROXY_UPSTREAM_TOTAL_TIMEOUT");
    expect(cut.upstream.call(1).aborted).toBe(true);

    const whole = start({ totalTimeoutMs: 1000 });
    whole.upstream.call(1).answer(200);
    whole.upstream.call(1).receiver.onEnd([], true);
    whole.advance(1050);
    expect([whole.receiver.lastCalls, whole.wheel.size]).toEqual([1, 0]);
  });

  it("ends with an upgrade", () => {
    const { upstream, receiver, advance } = start({
      totalTimeoutMs: 1000,
      parts: { upgrade: "websocket" },
    });
    const stream = new PassThrough();
    upstream.call(1).receiver.onUpgrade([], stream);
    advance(2000);
    expect([receiver.upgrade?.stream, receiver.lastCalls]).toEqual([stream, 1]);
  });
});
