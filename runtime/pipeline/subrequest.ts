import type { SubrequestInit } from "@gatewright/sdk";
import type { Duplex } from "node:stream";

import { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import { forwardableFields } from "../http/hop-by-hop.ts";
import { fieldValue, hasField, removeField, type RawFields } from "../http/raw-fields.ts";
import { readableStreamFromSource } from "../http/readable-source.ts";
import { hasNoContent } from "../http/status.ts";
import { decodedSource } from "../primitives/content-coding/content-coding.ts";
import { dispatchAttempts } from "../upstream/retry/attempted-call.ts";
import type {
  Upstream,
  UpstreamCall,
  UpstreamReceiver,
  UpstreamRequest,
} from "../upstream/upstream.ts";
import { toContent, toFields } from "./facade/body-input.ts";
import type { Flow } from "./flow.ts";
import type { UpstreamPlan } from "./parts.ts";
import { transformedFields } from "./transform/transformed-fields.ts";
import { planFor } from "./upstream-choice.ts";
import { UpstreamContent } from "./upstream-content.ts";

/**
 * `ctx.fetch`: a request of a hook's own through the same pools, caps and queues as everything else. Ends with the
 * request it belongs to. Hooks do not run on it.
 */
export function subrequest(
  flow: Flow,
  target: string | URL,
  init: SubrequestInit,
): Promise<Response> {
  const place = locate(flow, target, init);
  const fields = toFields(init.headers);
  const content = toContent(init.body, fields);
  removeField(fields, "content-length");
  if (!hasField(fields, "accept-encoding")) fields.push("Accept-Encoding", "identity");
  if (!hasField(fields, "x-request-id")) fields.push("X-Request-ID", flow.id);
  const host = fieldValue(fields, "host");
  removeField(fields, "host");
  const method = init.method ?? "GET";

  return new Promise<Response>((resolve, reject) => {
    const receiver = new SubrequestReceiver(flow, method, resolve, reject);
    // Work after the end (onComplete, waitUntil) has no request that could end it.
    const signals = flow.stage === "over" ? [] : [flow.signal];
    if (init.signal !== undefined) signals.push(init.signal);
    for (const signal of signals) {
      if (signal.aborted) {
        content?.cancel();
        reject(signal.reason);
        return;
      }
    }
    const { upstream, plan } = place;
    const { timeouts } = flow.parts;
    const request: UpstreamRequest = {
      method,
      scheme: place.scheme,
      path: place.path,
      authority: host ?? place.authority,
      fields,
      content,
      upgrade: undefined,
      clientAddress: flow.clientAddress,
      connectTimeoutMs: plan?.connectMs ?? timeouts.connectMs,
      responseHeadTimeoutMs: plan?.responseHeadMs ?? timeouts.responseHeadMs,
      idleTimeoutMs: plan?.idleMs ?? timeouts.idleMs,
    };
    const call =
      plan?.attempts === undefined
        ? upstream.dispatch(request, receiver)
        : dispatchAttempts(upstream, plan.attempts, request, receiver);
    receiver.start(call, signals);
  });
}

/** What a flow knows of its subrequests. */
export interface Subrequest {
  /** Nobody is left who could read the response: its connection goes on, or goes. */
  discardUnread(): void;
}

/**
 * Read without a reader: a hook that looks at nothing but the status, as those that ask an auth service do, costs no
 * connection then.
 */
const READ_AHEAD_BYTES = 64 * 1024;

interface Place {
  readonly upstream: Upstream;
  /** Where the target is an upstream of the config. */
  readonly plan: UpstreamPlan | undefined;
  readonly scheme: "http" | "https";
  readonly path: string;
  readonly authority: string | undefined;
}

function locate(flow: Flow, target: string | URL, init: SubrequestInit): Place {
  if (typeof target === "string") {
    const choice = flow.parts.upstreams.get(target);
    if (choice !== undefined) {
      const plan = planFor(flow, choice);
      const path = init.path ?? "/";
      // The same rule as for a URL: what is no plain path is encoded, never sent raw.
      const url = new URL(
        path.startsWith("/") ? `http://upstream${path}` : `http://upstream/${path}`,
      );
      return {
        upstream: plan.upstream,
        plan,
        scheme: "http",
        path: url.pathname + url.search,
        authority: plan.host === "preserve" || plan.host === "target" ? undefined : plan.host,
      };
    }
  }
  const url = new URL(target);
  return {
    upstream: flow.parts.originFor(url),
    plan: undefined,
    scheme: url.protocol === "https:" ? "https" : "http",
    path: url.pathname + url.search,
    authority: undefined,
  };
}

class SubrequestReceiver implements UpstreamReceiver, Subrequest {
  readonly #flow: Flow;
  readonly #method: string;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  #content: UpstreamContent | undefined;
  #call: UpstreamCall | undefined;
  #signals: readonly AbortSignal[] = [];
  readonly #onAbort: (event: Event) => void;

  constructor(
    flow: Flow,
    method: string,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.#flow = flow;
    this.#method = method;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onAbort = (event) => {
      const reason: unknown = (event.target as AbortSignal).reason;
      this.#call?.abort();
      this.#over();
      const error = reason instanceof Error ? reason : new ProxyError("PROXY_CLIENT_ABORTED");
      if (this.#content === undefined) this.#reject(error);
      else this.#content.fail(error);
    };
  }

  start(call: UpstreamCall, signals: readonly AbortSignal[]): void {
    this.#call = call;
    this.#signals = signals;
    for (const signal of signals) signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#flow.addSubrequest(this);
  }

  discardUnread(): void {
    const content = this.#content;
    if (content === undefined || content.opened || content.ended !== undefined) return;
    this.#call?.abort();
    this.#over();
    content.fail(
      new ProxyError("PROXY_HOOK_FAILED", {
        message:
          "this response was not read while its request lasted: read it, or give the work to ctx.waitUntil",
      }),
    );
  }

  onTarget(): void {}

  onInformational(): void {}

  onHead(status: number, raw: RawFields): void {
    const fields = forwardableFields(raw, "response");
    const headers = new Headers();
    const coding = fieldValue(fields, "content-encoding");
    const length = fieldValue(fields, "content-length");
    if (coding !== undefined) {
      // Decoded below: length, digests and a strong tag of the coded bytes would be untrue.
      transformedFields(fields);
      removeField(fields, "content-encoding");
    }
    for (let i = 0; i < fields.length; i += 2) {
      headers.append(fields[i] as string, fields[i + 1] as string);
    }
    if (hasNoContent(this.#method, status)) {
      this.#resolve(new Response(null, { status, headers }));
      return;
    }
    const content = new UpstreamContent(
      length === undefined ? undefined : Number(length),
      READ_AHEAD_BYTES,
    );
    if (this.#call !== undefined) content.attach(this.#call);
    this.#content = content;
    const source: ContentSource = coding === undefined ? content : decodedSource(content, coding);
    this.#resolve(new Response(readableStreamFromSource(source), { status, headers }));
    this.#flow.discardUnreadIfOver();
  }

  onData(chunk: Uint8Array): void {
    this.#content?.push(chunk);
  }

  onEnd(trailers: RawFields): void {
    this.#over();
    this.#content?.finish(trailers);
  }

  onUpgrade(_fields: RawFields, stream: Duplex): void {
    stream.destroy();
    this.#over();
    this.#reject(new ProxyError("PROXY_UPSTREAM_PROTOCOL"));
  }

  onError(error: ProxyError): void {
    this.#over();
    if (this.#content === undefined) this.#reject(error);
    else this.#content.fail(error);
  }

  #over(): void {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#onAbort);
    this.#signals = [];
    this.#flow.removeSubrequest(this);
  }
}
