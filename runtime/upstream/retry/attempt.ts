import type { Duplex } from "node:stream";

import { Deadline, type DeadlineWheel } from "../../clock.ts";
import type { ProxyError } from "../../errors.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import type { UpstreamCall, UpstreamReceiver } from "../upstream.ts";

/** Who decides what an attempt is worth. */
export interface AttemptOwner {
  attemptInformed(attempt: Attempt, status: number, fields: RawFields): void;
  attemptAnswered(attempt: Attempt, status: number, fields: RawFields): void;
  attemptUpgraded(attempt: Attempt, fields: RawFields, stream: Duplex): void;
  attemptFailed(attempt: Attempt, error: ProxyError): void;
  /** The rest of the chosen answer. */
  answerData(chunk: Uint8Array): void;
  answerEnded(trailers: RawFields, complete: boolean): void;
  answerFailed(error: ProxyError): void;
}

/** Read of an answer that nobody wants, so that its connection can be used again. More costs the connection. */
const MAX_UNWANTED_BYTES = 64 * 1024;
const MAX_UNWANTED_MS = 1000;

/** One attempt of a request: what the upstream says of it, until it is chosen or dropped. */
export class Attempt implements UpstreamReceiver {
  call: UpstreamCall | undefined;
  /** `address`, cookie or `undefined`, … of the targets that it was sent to. Told when it is known which attempt counts. */
  readonly targets: (string | undefined)[] = [];
  readonly #owner: AttemptOwner;
  #state: "open" | "chosen" | "unwanted" | "over" = "open";
  #unwanted = 0;
  #wheel: DeadlineWheel | undefined;
  #deadline: Deadline | undefined;

  constructor(owner: AttemptOwner) {
    this.#owner = owner;
  }

  choose(): void {
    this.#state = "chosen";
  }

  /** Gives it up, answer or not. */
  abort(fault?: ProxyError): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#settle();
    this.call?.abort(fault);
  }

  /** Its head is there but is not the answer: the rest is read away if that takes little. */
  discard(length: number | undefined, wheel: DeadlineWheel): void {
    if ((length ?? 0) > MAX_UNWANTED_BYTES) {
      this.abort();
      return;
    }
    this.#state = "unwanted";
    this.#wheel = wheel;
    this.#deadline = new Deadline(() => this.abort());
    wheel.arm(this.#deadline, MAX_UNWANTED_MS);
  }

  // --- UpstreamReceiver ---

  onTarget(address: string, cookie?: string): void {
    this.targets.push(address, cookie);
  }

  onInformational(status: number, fields: RawFields): void {
    if (this.#state === "open") this.#owner.attemptInformed(this, status, fields);
  }

  onHead(status: number, fields: RawFields): void {
    if (this.#state === "open") this.#owner.attemptAnswered(this, status, fields);
  }

  onData(chunk: Uint8Array): void {
    if (this.#state === "chosen") {
      this.#owner.answerData(chunk);
    } else if (this.#state === "unwanted") {
      this.#unwanted += chunk.byteLength;
      if (this.#unwanted > MAX_UNWANTED_BYTES) this.abort();
    }
  }

  onEnd(trailers: RawFields, complete: boolean): void {
    const { wasChosen } = this.#end();
    if (wasChosen) this.#owner.answerEnded(trailers, complete);
  }

  onUpgrade(fields: RawFields, stream: Duplex): void {
    const { wasOpen } = this.#end();
    if (wasOpen) this.#owner.attemptUpgraded(this, fields, stream);
    else stream.destroy();
  }

  onError(error: ProxyError): void {
    const { wasChosen, wasOpen } = this.#end();
    if (wasChosen) this.#owner.answerFailed(error);
    else if (wasOpen) this.#owner.attemptFailed(this, error);
  }

  #end(): { readonly wasChosen: boolean; readonly wasOpen: boolean } {
    const state = this.#state;
    this.#state = "over";
    this.#settle();
    return { wasChosen: state === "chosen", wasOpen: state === "open" };
  }

  #settle(): void {
    if (this.#deadline !== undefined) this.#wheel?.disarm(this.#deadline);
  }
}
