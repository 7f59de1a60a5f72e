import type { ProxyError } from "../errors.ts";
import type { ContentSource } from "../http/content.ts";
import { fieldValue } from "../http/raw-fields.ts";
import { contentTooLarge, GuardedContent } from "../primitives/content-buffer/guarded-content.ts";
import {
  createRequestBuffer,
  type ContentWaiter,
  type RequestBuffer,
} from "../primitives/content-buffer/request-buffer.ts";
import type { Flow } from "./flow.ts";
import { forward } from "./forward.ts";
import type { RequestContentPlan, UpstreamChoice } from "./parts.ts";
import { traceStep } from "./trace.ts";
import { createWafPhase, passWafContent } from "./waf.ts";
import type { WafUse } from "./waf-plan.ts";

/**
 * Step 8, for requests with content: all of it is here before an upstream's connection is taken, so that slow clients
 * hold nothing but their own bytes, and every attempt can send it again. Streamed instead: gRPC, whose two directions
 * answer each other, and routes that ask for it.
 */
export function takeContent(flow: Flow, choice: UpstreamChoice): void {
  const { buffer, content } = flow;
  if (content === undefined) {
    forward(flow, choice);
    return;
  }
  const plan = contentPlan(flow);
  if (flow.trace !== null) {
    const how = isStreamed(flow, plan) ? "streamed" : `buffered, ${plan.memoryBytes} in memory`;
    traceStep(flow, "content", `at most ${plan.maxBytes} bytes, ${how}`, []);
    forward(flow, choice);
    return;
  }
  if (buffer !== undefined) {
    if (buffer.isComplete) ready(flow, choice);
    else wait(flow, buffer, choice);
    return;
  }
  // A hook's content is sent as the hook gives it.
  if (flow.contentReplaced || content.length === 0) {
    forward(flow, choice);
    return;
  }
  if (content.bytes !== undefined) {
    ready(flow, choice);
    return;
  }
  if ((content.length ?? 0) > plan.maxBytes) {
    // Before a byte of it is read, and before a client that asks with Expect gets its 100.
    content.cancel();
    flow.fail(contentTooLarge(plan.maxBytes));
    return;
  }
  if (isStreamed(flow, plan)) {
    if (!flow.contentSpent) flow.content = guarded(flow, content, plan, choice);
    forward(flow, choice);
    return;
  }
  flow.buffer = bufferContent(flow, content);
  wait(flow, flow.buffer, choice);
}

/** All of it is here: the WAF's turn, once. */
function ready(flow: Flow, choice: UpstreamChoice): void {
  const use = flow.wafUse;
  if (use === undefined || flow.contentReplaced) {
    forward(flow, choice);
    return;
  }
  use.choice = choice;
  if (passWafContent(flow, use, WAF_CONTENT)) forward(flow, choice);
}

const WAF_CONTENT = createWafPhase((flow) => {
  const use = flow.wafUse as WafUse;
  forward(flow, use.sentTo ?? (use.choice as UpstreamChoice));
});

/** For whoever reads the content first, a hook or the step above. */
export function bufferContent(flow: Flow, content: ContentSource): RequestBuffer {
  const plan = contentPlan(flow);
  const source = flow.contentReplaced ? content : guarded(flow, content, plan, undefined);
  return createRequestBuffer(source, plan, flow.parts.contentStore, flow.clientAddress);
}

/** For a hook that wants all of it to be here. Streamed content is taken up to what may be in memory. */
export function receiveContent(flow: Flow): Promise<void> {
  const { content } = flow;
  if (content === undefined || content.length === 0 || content.bytes !== undefined) {
    return Promise.resolve();
  }
  const buffer = (flow.buffer ??= bufferContent(flow, content));
  if (isStreamed(flow, contentPlan(flow))) return buffer.read().then(() => {});
  return new Promise((contentReceived, contentFailed) => {
    buffer.receive({ contentReceived, contentFailed });
  });
}

function contentPlan(flow: Flow): RequestContentPlan {
  return flow.routePlan?.requestContent ?? flow.parts.requestContent;
}

function wait(flow: Flow, buffer: RequestBuffer, choice: UpstreamChoice): void {
  flow.stage = "content";
  buffer.receive(new Waiting(flow, choice));
}

class Waiting implements ContentWaiter {
  readonly #flow: Flow;
  readonly #choice: UpstreamChoice;
  readonly #turn: number;

  constructor(flow: Flow, choice: UpstreamChoice) {
    this.#flow = flow;
    this.#choice = choice;
    this.#turn = flow.turn;
  }

  contentReceived(): void {
    const flow = this.#flow;
    if (flow.stage !== "content" || flow.turn !== this.#turn) return;
    try {
      ready(flow, this.#choice);
    } catch (error) {
      flow.failInternal(error);
    }
  }

  contentFailed(error: ProxyError): void {
    const flow = this.#flow;
    if (flow.stage === "content" && flow.turn === this.#turn) flow.fail(error);
  }
}

function isStreamed(flow: Flow, plan: RequestContentPlan): boolean {
  return !plan.buffer || isGrpc(flow);
}

function isGrpc(flow: Flow): boolean {
  const type = fieldValue(flow.exchange.fields, "content-type");
  return type !== undefined && /^application\/grpc/i.test(type);
}

function guarded(
  flow: Flow,
  content: ContentSource,
  plan: RequestContentPlan,
  choice: UpstreamChoice | undefined,
): ContentSource {
  const { wheel, clock } = flow.parts;
  if (plan.minRate === 0) {
    return choice === undefined ? content : new GuardedContent(content, plan, wheel, clock);
  }
  // A gRPC client may have nothing to say for long. Over HTTP/1.1 it would hold a connection meanwhile.
  const mayBeQuiet = choice !== undefined && isGrpc(flow) && isMultiplexed(choice);
  const limits = mayBeQuiet ? { ...plan, minRate: 0 } : plan;
  return new GuardedContent(content, limits, wheel, clock);
}

function isMultiplexed(choice: UpstreamChoice): boolean {
  return !("upstream" in choice) || choice.http2 === true;
}
