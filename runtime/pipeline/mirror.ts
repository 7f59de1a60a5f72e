import type { Duplex } from "node:stream";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import type { ContentSource } from "../http/content.ts";
import { removeField, type RawFields } from "../http/raw-fields.ts";
import { sourceFromBytes } from "../http/readable-source.ts";
import type { UpstreamCall, UpstreamReceiver, UpstreamRequest } from "../upstream/upstream.ts";
import type { Flow } from "./flow.ts";
import type { MirrorPlan } from "./parts.ts";

/** Tells a copy from the request itself. */
const MIRROR_FIELD = "X-Mirrored-Request";
/** Read so that the connection can be used again; a longer answer costs its connection. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Whether this request is one of those that are copied. */
export function isMirrored(flow: Flow, mirror: MirrorPlan): boolean {
  if (flow.upgrading || flow.fallbackUsed || flow.trace !== null) return false;
  if (mirror.share < 1 && Math.random() >= mirror.share) return false;
  return mirror.state.underWay < mirror.maxRequests;
}

/**
 * Sends a copy to the mirror, after the request itself has left. Whatever becomes of it, the request does not notice: it
 * waits for nothing, and content is copied only where all of it is in memory. `fields` are the copy's own.
 */
export function mirror(
  flow: Flow,
  plan: MirrorPlan,
  request: Omit<UpstreamRequest, "content">,
  content: ContentSource | undefined,
): void {
  const bytes = content?.bytes ?? flow.buffer?.bytes;
  if (content !== undefined && bytes === undefined && content.length !== 0) return;
  const receiver = new MirrorReceiver(plan, flow.parts.wheel);
  try {
    receiver.start(
      plan.upstream.upstream.dispatch(
        {
          ...request,
          content: bytes === undefined ? undefined : sourceFromBytes(bytes),
        },
        receiver,
      ),
    );
  } catch (error) {
    receiver.over();
    flow.parts.log.warn(
      { id: flow.id, upstream: plan.upstream.name, ...flow.parts.describeError(error) },
      "a request could not be mirrored",
    );
  }
}

/** Takes `fields` over. */
export function mirrorFields(fields: RawFields): RawFields {
  removeField(fields, MIRROR_FIELD.toLowerCase());
  fields.push(MIRROR_FIELD, "1");
  return fields;
}

/** Reads an answer to the end and forgets it. */
class MirrorReceiver implements UpstreamReceiver {
  readonly #plan: MirrorPlan;
  readonly #wheel: DeadlineWheel;
  readonly #deadline: Deadline;
  #call: UpstreamCall | undefined;
  #bytes = 0;
  #over = false;

  constructor(plan: MirrorPlan, wheel: DeadlineWheel) {
    this.#plan = plan;
    this.#wheel = wheel;
    this.#deadline = new Deadline(() => this.#giveUp());
    plan.state.underWay += 1;
  }

  start(call: UpstreamCall): void {
    this.#call = call;
    this.#wheel.arm(this.#deadline, this.#plan.timeoutMs);
  }

  over(): void {
    if (this.#over) return;
    this.#over = true;
    this.#plan.state.underWay -= 1;
    this.#wheel.disarm(this.#deadline);
  }

  onTarget(): void {}

  onInformational(): void {}

  onHead(): void {}

  onData(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.#giveUp();
  }

  onEnd(): void {
    this.over();
  }

  onUpgrade(_fields: RawFields, stream: Duplex): void {
    stream.destroy();
    this.over();
  }

  onError(): void {
    this.over();
  }

  #giveUp(): void {
    this.over();
    this.#call?.abort();
  }
}
