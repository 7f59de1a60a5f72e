/**
 * An app in this process as an upstream: a Hono app, a Workers-style `export default { fetch }`, any function of that
 * shape. The only place on the request path that makes Web objects, because the app asks for them.
 */
import type { FetchUpstream } from "@gatewright/sdk";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import type { RawFields } from "../http/raw-fields.ts";
import { idleError, mayBeQuiet, Silence } from "./idle-limit.ts";
import {
  fromWebResponse,
  isWebResponse,
  type CodingCheck,
  type ConvertedResponse,
} from "../http/web-response.ts";
import type {
  Upstream,
  UpstreamCall,
  UpstreamReceiver,
  UpstreamRequest,
  UpstreamStats,
} from "./upstream.ts";
import { toWebRequest } from "./web-request.ts";

export interface FetchUpstreamOptions {
  readonly name: string;
  readonly app: FetchUpstream;
  readonly wheel: DeadlineWheel;
  /** Work of the app that outlives its request. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
  /** Tells content that fetch decoded already from content that is what its Content-Encoding says. */
  readonly declaredCodingHolds?: CodingCheck;
  /** A receiver threw on its last call: nobody is left to be told. */
  readonly onFault?: (error: unknown) => void;
}

export function createFetchUpstream(options: FetchUpstreamOptions): Upstream {
  return new AppUpstream(options);
}

class AppUpstream implements Upstream {
  readonly name: string;
  readonly options: FetchUpstreamOptions;
  /** Workers hand the same bindings to every request; there are none here, but an app may keep things on it. */
  readonly env: Record<string, unknown> = {};
  #running = 0;
  #closing: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(options: FetchUpstreamOptions) {
    this.name = options.name;
    this.options = options;
  }

  dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall {
    const call = new AppCall(this, request, receiver);
    this.#running += 1;
    if (this.#closing !== null) {
      const message = `upstream ${this.name} is closed`;
      call.failLater(new ProxyError("PROXY_UPSTREAM_CLOSED", { message }));
    } else {
      call.start();
    }
    return call;
  }

  stats(): UpstreamStats {
    return { open: this.#running, idle: 0, active: this.#running, queued: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    if (this.#running === 0) this.#closing.resolve();
    return this.#closing.promise;
  }

  finished(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#closing?.resolve();
  }
}

class AppCall implements UpstreamCall, ContentSink {
  readonly #upstream: AppUpstream;
  readonly #request: UpstreamRequest;
  readonly #receiver: UpstreamReceiver;
  readonly #controller = new AbortController();
  readonly #deadline: Deadline;
  #content: ContentSource | null = null;
  #paused = false;
  #over = false;
  #head: RawFields | null = null;
  readonly #silence = new Silence();

  constructor(upstream: AppUpstream, request: UpstreamRequest, receiver: UpstreamReceiver) {
    this.#upstream = upstream;
    this.#request = request;
    this.#receiver = receiver;
    this.#deadline = new Deadline(() => {
      if (this.#head !== null) {
        this.#checkSilence();
        return;
      }
      const message = `upstream ${upstream.name} gave no Response within ${request.responseHeadTimeoutMs} ms`;
      this.#fail(new ProxyError("PROXY_UPSTREAM_HEAD_TIMEOUT", { message }));
    });
  }

  start(): void {
    const { app, wheel, waitUntil } = this.#upstream.options;
    wheel.arm(this.#deadline, this.#request.responseHeadTimeoutMs);
    let returned: unknown;
    try {
      const request = toWebRequest(this.#request, this.#controller.signal);
      // As a method: classes and object literals use `this`.
      returned = app.fetch(request, this.#upstream.env, new ExecutionContext(waitUntil));
    } catch (error) {
      returned = Promise.reject(error);
    }
    void this.#answer(returned);
  }

  failLater(error: ProxyError): void {
    process.nextTick(() => this.#fail(error));
  }

  pause(): void {
    this.#paused = true;
    this.#content?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#silence.heard = true;
    this.#content?.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#finish(new DOMException("The client went away", "AbortError"));
  }

  // --- ContentSink: the response's content ---

  onData(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#silence.heard = true;
    try {
      this.#receiver.onData(chunk);
    } catch (error) {
      this.#fail(new ProxyError("PROXY_INTERNAL", { cause: error }));
    }
  }

  onEnd(trailers: RawFields): void {
    if (this.#over) return;
    this.#finish(undefined);
    this.#last(() => this.#receiver.onEnd(trailers, true));
  }

  onError(error: Error): void {
    this.#fail(this.#handlerError(error, "the response's body failed"));
  }

  // --- the app's answer ---

  async #answer(returned: unknown): Promise<void> {
    let converted: ConvertedResponse;
    try {
      const response = await returned;
      if (this.#over) {
        discard(response);
        return;
      }
      if (!isWebResponse(response)) {
        const got = response === null ? "null" : typeof response;
        throw new TypeError(`fetch returned ${got} instead of a Response`);
      }
      const { declaredCodingHolds } = this.#upstream.options;
      const isHead = this.#request.method === "HEAD";
      converted = await fromWebResponse(response, declaredCodingHolds, isHead);
    } catch (error) {
      this.#fail(this.#handlerError(error, "fetch failed"));
      return;
    }
    if (this.#over) converted.content?.cancel();
    else this.#begin(converted);
  }

  #begin({ status, fields, content }: ConvertedResponse): void {
    this.#head = fields;
    this.#armIdle();
    try {
      this.#receiver.onTarget(this.#upstream.name);
      this.#receiver.onHead(status, fields);
    } catch (error) {
      content?.cancel();
      this.#fail(new ProxyError("PROXY_INTERNAL", { cause: error }));
      return;
    }
    if (this.#over) {
      content?.cancel();
    } else if (content === undefined) {
      this.onEnd([]);
    } else {
      this.#content = content;
      if (this.#paused) content.pause();
      content.open(this);
    }
  }

  #armIdle(): void {
    const { idleTimeoutMs } = this.#request;
    const { wheel } = this.#upstream.options;
    if (idleTimeoutMs === undefined) wheel.disarm(this.#deadline);
    else wheel.arm(this.#deadline, idleTimeoutMs / 2);
  }

  /** As in HTTP/1.1. An app may read its request while it answers, so one that has content may be silent. */
  #checkSilence(): void {
    const { idleTimeoutMs, content } = this.#request;
    if (idleTimeoutMs === undefined || mayBeQuiet(this.#head)) return;
    const mayWait = this.#paused || (content !== undefined && content.bytes === undefined);
    if (this.#silence.isTooLong(mayWait)) this.#fail(idleError(idleTimeoutMs));
    else this.#armIdle();
  }

  #handlerError(error: unknown, what: string): ProxyError {
    const detail = error instanceof Error ? error.message : String(error);
    const message = `upstream ${this.#upstream.name}: ${what}: ${detail}`;
    return new ProxyError("PROXY_UPSTREAM_HANDLER", { cause: error, message });
  }

  #fail(error: ProxyError): void {
    if (this.#over) return;
    this.#finish(error);
    this.#last(() => this.#receiver.onError(error));
  }

  #last(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#upstream.options.onFault?.(error);
    }
  }

  /** With a reason, the app is told through its request's signal. */
  #finish(reason: Error | undefined): void {
    this.#over = true;
    this.#upstream.options.wheel.disarm(this.#deadline);
    if (reason !== undefined) {
      this.#content?.cancel();
      this.#controller.abort(reason);
    }
    // What the app did not read of the request is of no use any more.
    this.#request.content?.cancel();
    this.#upstream.finished();
  }
}

class ExecutionContext {
  readonly props = {};
  readonly #waitUntil: (promise: Promise<unknown>) => void;

  constructor(waitUntil: (promise: Promise<unknown>) => void) {
    this.#waitUntil = waitUntil;
  }

  // A property: apps take it off the object (`const { waitUntil } = ctx`).
  readonly waitUntil = (promise: Promise<unknown>): void => {
    this.#waitUntil(Promise.resolve(promise));
  };

  /** There is nothing behind an app to pass through to. */
  readonly passThroughOnException = (): void => {};
}

function discard(response: unknown): void {
  if (!isWebResponse(response)) return;
  const body = response.body;
  if (body !== null && !body.locked) body.cancel().catch(() => {});
}
