/**
 * A request that may be sent more than once: again after a failure, beside a slow attempt, both within one limit of time.
 * The receiver sees one request with one answer.
 *
 * Never sent twice: what the upstream may have run, unless the method is one that may be run twice (RFC 9110 §9.2.2);
 * anything of whose answer a byte was passed on; content that is gone.
 */
import type { RetryDecision, RetryFailure } from "@gatewright/sdk";
import type { Duplex } from "node:stream";

import { Deadline } from "../../clock.ts";
import { ProxyError, toProxyError, type ErrorCode } from "../../errors.ts";
import { fieldValue, type RawFields } from "../../http/raw-fields.ts";
import { parseDuration } from "../../units.ts";
import type { Upstream, UpstreamCall, UpstreamReceiver, UpstreamRequest } from "../upstream.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { AttemptContents } from "./attempt-content.ts";
import { retryAfterMs } from "./retry-after.ts";
import type { AttemptPolicy, RetryRules } from "./retry-policy.ts";

/** Sends a request by a policy. Without one, call the upstream itself: that costs nothing. */
export function dispatchAttempts(
  upstream: Upstream,
  policy: AttemptPolicy,
  request: UpstreamRequest,
  receiver: UpstreamReceiver,
): UpstreamCall {
  return new AttemptedCall(upstream, policy, request, receiver).start();
}

/** Nothing was sent, or nothing of it was processed. */
const UNSENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "PROXY_UPSTREAM_CONNECT",
  "PROXY_UPSTREAM_CONNECT_TIMEOUT",
  "PROXY_UPSTREAM_STALE",
]);

/** Failures after which another attempt may go better. An answer that is no HTTP will be none the next time. */
const REPEATABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...UNSENT,
  "PROXY_UPSTREAM_RESET",
  "PROXY_UPSTREAM_HEAD_TIMEOUT",
]);

/** RFC 9110 §9.2.1, without TRACE. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** How an attempt went that is not the answer, or perhaps not. */
interface Failure {
  readonly error: ProxyError | undefined;
  readonly status: number;
  readonly fields: RawFields;
  readonly target: string | undefined;
}

class AttemptedCall implements UpstreamCall, AttemptOwner {
  readonly #upstream: Upstream;
  readonly #policy: AttemptPolicy;
  readonly #request: UpstreamRequest;
  readonly #receiver: UpstreamReceiver;
  readonly #contents: AttemptContents;
  /** Begun, and without a head so far. */
  #open: Attempt[] = [];
  #chosen: Attempt | undefined;
  #attempts = 0;
  #hedges = 0;
  /** Addresses that have failed it. */
  readonly #avoid = new Set<string>();
  #pauseDeadline: Deadline | undefined;
  #hedgeDeadline: Deadline | undefined;
  #totalDeadline: Deadline | undefined;
  #paused = false;
  #over = false;

  constructor(
    upstream: Upstream,
    policy: AttemptPolicy,
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
  ) {
    this.#upstream = upstream;
    this.#policy = policy;
    this.#request = request;
    this.#receiver = receiver;
    this.#contents = new AttemptContents(request.content, request.replay);
    for (const address of request.avoid ?? []) this.#avoid.add(address);
  }

  start(): this {
    const { budget, totalTimeoutMs, wheel } = this.#policy;
    budget.countRequest();
    this.#dispatch();
    if (totalTimeoutMs !== undefined) {
      this.#totalDeadline = new Deadline(() => this.#totalTimedOut(totalTimeoutMs));
      wheel.arm(this.#totalDeadline, totalTimeoutMs);
    }
    this.#attempts = 1;
    this.#armHedge();
    return this;
  }

  // --- UpstreamCall ---

  get target(): string | undefined {
    return (this.#chosen ?? this.#open[0])?.call?.target;
  }

  get givesChunksAway(): boolean | undefined {
    return this.#chosen?.call?.givesChunksAway;
  }

  pause(): void {
    this.#paused = true;
    this.#chosen?.call?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#chosen?.call?.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#abortAll();
  }

  // --- AttemptOwner ---

  attemptInformed(_attempt: Attempt, status: number, fields: RawFields): void {
    // Of several attempts nobody knows yet whose word counts.
    if (this.#open.length === 1) this.#receiver.onInformational(status, fields);
  }

  attemptAnswered(attempt: Attempt, status: number, fields: RawFields): void {
    const failure: Failure = { error: undefined, status, fields, target: lastTarget(attempt) };
    const isWanted = !this.#isFailure(failure);
    if (!isWanted && this.#open.length > 1) {
      this.#drop(attempt);
      this.#discard(attempt, fields);
      return;
    }
    const delayMs = isWanted ? undefined : this.#delayBeforeNext(failure);
    if (delayMs === undefined) {
      this.#choose(attempt);
      this.#receiver.onHead(status, fields);
      return;
    }
    this.#drop(attempt);
    this.#discard(attempt, fields);
    this.#wait(delayMs);
  }

  attemptUpgraded(attempt: Attempt, fields: RawFields, stream: Duplex): void {
    this.#choose(attempt);
    this.#finish();
    this.#receiver.onUpgrade(fields, stream);
  }

  attemptFailed(attempt: Attempt, error: ProxyError): void {
    this.#drop(attempt);
    if (this.#open.length > 0) return;
    const { status } = error;
    const delayMs = this.#delayBeforeNext({
      error,
      status,
      fields: [],
      target: lastTarget(attempt),
    });
    if (delayMs === undefined) this.#fail(error);
    else this.#wait(delayMs);
  }

  answerData(chunk: Uint8Array): void {
    this.#receiver.onData(chunk);
  }

  answerEnded(trailers: RawFields, complete: boolean): void {
    this.#finish();
    this.#receiver.onEnd(trailers, complete);
  }

  answerFailed(error: ProxyError): void {
    this.#finish();
    this.#receiver.onError(error);
  }

  // --- attempts ---

  #dispatch(): void {
    const attempt = new Attempt(this);
    this.#open.push(attempt);
    attempt.call = this.#upstream.dispatch(this.#requestForNext(), attempt);
  }

  /** A later attempt: nobody is left to throw to. */
  #begin(): void {
    try {
      this.#dispatch();
    } catch (error) {
      this.#open = [];
      this.#fail(toProxyError(error, "PROXY_INTERNAL", "dispatch failed"));
    }
  }

  #requestForNext(): UpstreamRequest {
    const request = this.#request;
    const limitMs = this.#policy.retry?.perTryTimeoutMs ?? Number.POSITIVE_INFINITY;
    return {
      ...request,
      content: this.#contents.next(),
      avoid: this.#avoid.size === 0 ? undefined : new Set(this.#avoid),
      connectTimeoutMs: Math.min(request.connectTimeoutMs, limitMs),
      responseHeadTimeoutMs: Math.min(request.responseHeadTimeoutMs, limitMs),
    };
  }

  #wait(delayMs: number): void {
    if (delayMs === 0) {
      // Not here: the connection that has just failed is still being put away.
      process.nextTick(() => this.#next());
      return;
    }
    this.#pauseDeadline ??= new Deadline(() => this.#next());
    this.#policy.wheel.arm(this.#pauseDeadline, delayMs);
  }

  #next(): void {
    if (this.#over) return;
    this.#attempts += 1;
    this.#begin();
    this.#armHedge();
  }

  #armHedge(): void {
    const { hedge, wheel } = this.#policy;
    if (hedge === undefined || this.#over || this.#hedges >= hedge.max) return;
    if (!SAFE.has(this.#request.method) || this.#request.upgrade !== undefined) return;
    if (!this.#contents.isRepeatable) return;
    this.#hedgeDeadline ??= new Deadline(() => this.#hedgeIfSlow());
    wheel.arm(this.#hedgeDeadline, hedge.afterMs);
  }

  #hedgeIfSlow(): void {
    if (this.#over || this.#open.length === 0) return;
    if (!this.#policy.budget.tryTake()) return;
    this.#hedges += 1;
    for (const { call } of this.#open) if (call?.target !== undefined) this.#avoid.add(call.target);
    this.#begin();
    this.#armHedge();
  }

  /** Its answer is the answer. */
  #choose(attempt: Attempt): void {
    const { wheel } = this.#policy;
    if (this.#hedgeDeadline !== undefined) wheel.disarm(this.#hedgeDeadline);
    const others = this.#open.filter((other) => other !== attempt);
    this.#open = [];
    this.#chosen = attempt;
    attempt.choose();
    for (const other of others) {
      this.#tellTargets(other);
      other.abort();
    }
    this.#tellTargets(attempt);
    if (this.#paused) attempt.call?.pause();
  }

  /** No longer among those whose answer is waited for. */
  #drop(attempt: Attempt): void {
    this.#open = this.#open.filter((other) => other !== attempt);
    for (let i = 0; i < attempt.targets.length; i += 2) {
      this.#avoid.add(attempt.targets[i] as string);
    }
    this.#tellTargets(attempt);
  }

  #discard(attempt: Attempt, fields: RawFields): void {
    const length = fieldValue(fields, "content-length");
    attempt.discard(length === undefined ? undefined : Number(length), this.#policy.wheel);
  }

  #tellTargets(attempt: Attempt): void {
    const { targets } = attempt;
    if (targets.length === 0 && attempt.call?.target !== undefined) {
      targets.push(attempt.call.target, undefined);
    }
    for (let i = 0; i < targets.length; i += 2) {
      this.#receiver.onTarget(targets[i] as string, targets[i + 1]);
    }
  }

  // --- whether there is another one ---

  /** Answers that the config calls failures, or that its function may call so. */
  #isFailure({ status }: Failure): boolean {
    const { retry } = this.#policy;
    if (retry === undefined) return false;
    return retry.statuses.has(status) || (retry.decide !== undefined && status >= 500);
  }

  /** Milliseconds to wait before the next attempt; `undefined`: there is none. */
  #delayBeforeNext(failure: Failure): number | undefined {
    const { retry, budget } = this.#policy;
    if (retry === undefined || !this.#mayRepeat(failure.error, retry)) return undefined;
    const delayMs = this.#wantedDelay(failure, retry);
    return delayMs !== undefined && budget.tryTake() ? delayMs : undefined;
  }

  #mayRepeat(error: ProxyError | undefined, retry: RetryRules): boolean {
    const isUnsent = error !== undefined && UNSENT.has(error.code);
    return (
      !this.#over &&
      this.#attempts < retry.attempts &&
      this.#request.upgrade === undefined &&
      (isUnsent || retry.methods.has(this.#request.method)) &&
      this.#contents.isAvailable
    );
  }

  #wantedDelay(failure: Failure, retry: RetryRules): number | undefined {
    const decision = this.#decision(failure, retry);
    if (typeof decision === "object") return parseDuration(decision.delay) ?? 0;
    const { error, status } = failure;
    const byRule = error === undefined ? retry.statuses.has(status) : REPEATABLE.has(error.code);
    if (!(decision ?? byRule)) return undefined;
    const askedMs = retryAfterMs(failure.fields, this.#policy.clock);
    if (askedMs > retry.retryAfterMs) return undefined;
    return Math.max(askedMs, this.#backoff(retry));
  }

  /** Full jitter: those who failed together do not come back together. */
  #backoff({ backoff: { baseMs, maxMs } }: RetryRules): number {
    const { random = Math.random } = this.#policy;
    return random() * Math.min(maxMs, baseMs * 2 ** (this.#attempts - 1));
  }

  /** What the config's function says; `undefined`: the rules say. A function that fails says no. */
  #decision(failure: Failure, { decide }: RetryRules): RetryDecision | undefined {
    const { facades } = this.#request;
    if (decide === undefined || facades === undefined) return undefined;
    try {
      const decision: unknown = decide(toView(failure), this.#attempts, facades.request);
      if (isDecision(decision)) return decision;
      throw new TypeError("`retry` must answer with true, false, { delay } or nothing");
    } catch (error) {
      this.#policy.onFault(error);
      return false;
    }
  }

  // --- the end ---

  #totalTimedOut(totalTimeoutMs: number): void {
    if (this.#over) return;
    const message = `not complete within ${totalTimeoutMs} ms (attempt ${this.#attempts})`;
    for (const attempt of this.#open) this.#tellTargets(attempt);
    const fault = new ProxyError("PROXY_UPSTREAM_TOTAL_TIMEOUT", { message });
    this.#abortAll(fault);
    this.#fail(fault);
  }

  #fail(error: ProxyError): void {
    this.#finish();
    this.#contents.cancel();
    this.#receiver.onError(error);
  }

  #abortAll(fault?: ProxyError): void {
    const attempts = this.#open;
    this.#open = [];
    for (const attempt of attempts) attempt.abort(fault);
    this.#chosen?.abort();
    this.#contents.cancel();
  }

  #finish(): void {
    this.#over = true;
    const { wheel } = this.#policy;
    for (const one of [this.#pauseDeadline, this.#hedgeDeadline, this.#totalDeadline]) {
      if (one !== undefined) wheel.disarm(one);
    }
  }
}

function lastTarget({ targets, call }: Attempt): string | undefined {
  return targets.at(-2) ?? call?.target;
}

function toView({ error, status, fields, target }: Failure): RetryFailure {
  const retryAfter = fieldValue(fields, "retry-after");
  return {
    code: error?.code,
    status,
    message: error?.message ?? `the upstream answered with ${status}`,
    target,
    retryAfter,
  };
}

function isDecision(value: unknown): value is RetryDecision | undefined {
  if (value === undefined || typeof value === "boolean") return true;
  if (typeof value !== "object" || value === null || !("delay" in value)) return false;
  return value.delay === 0 || parseDuration(value.delay) !== undefined;
}
