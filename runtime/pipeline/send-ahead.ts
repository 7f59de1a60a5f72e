import { NO_FIELDS, type RawFields } from "../http/raw-fields.ts";
import { forwardableTrailers } from "../http/hop-by-hop.ts";
import type { Flow } from "./flow.ts";
import type { ClientShare } from "../http/client-shares.ts";

/** What a chunk costs beside its bytes: a response in chunks of one byte is no bargain. */
const CHUNK_COST_BYTES = 256;
/** Spent places in front of the queue that are worth a copy of the rest. */
const SPENT_PLACES = 64;

/**
 * What of a response has come and its client has no room for yet. Up to a bound, so that a response of ordinary size
 * leaves its upstream's connection at once, however slowly it is read; beyond it the upstream waits too. Nothing stays
 * here that the client would take: what finds room goes straight on.
 *
 * Made when a client first has no room.
 */
export class SendAhead {
  readonly flow: Flow;
  readonly share: ClientShare;
  /** For who looks for slow readers: when the present look began, and what the client had taken then. */
  lookedAt = -1;
  takenAtLook = 0;
  readonly #maxBytes: number;
  #chunks: (Uint8Array | undefined)[] = [];
  #first = 0;
  #cost = 0;
  #blocked = false;
  #held = false;
  #over = false;
  #end: RawFields | undefined;

  constructor(flow: Flow, maxBytes: number) {
    this.flow = flow;
    this.#maxBytes = maxBytes;
    this.share = flow.parts.slowReaders.enter(flow.clientAddress);
    this.block();
  }

  /** The client has no room: what comes belongs here. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Whoever the content comes from is paused. */
  get isHeld(): boolean {
    return this.#held;
  }

  get costBytes(): number {
    return this.#cost;
  }

  /** The client's room is used up. */
  block(): void {
    this.#blocked = true;
    if (!this.#isFull()) return;
    this.flow.parts.slowReaders.add(this);
    this.#hold();
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0 || this.#over) return;
    if (this.#cost === 0) this.flow.parts.slowReaders.add(this);
    this.#chunks.push(chunk);
    this.#charge(chunk.byteLength + CHUNK_COST_BYTES);
    if (this.#isFull()) this.#hold();
  }

  /** All has come: the message ends when the client has had it. */
  end(trailers: RawFields): void {
    this.#end = trailers;
    if (this.#cost === 0) this.#finish();
  }

  drained(): void {
    const { exchange } = this.flow;
    this.#blocked = false;
    while (this.#cost > 0 && !this.#blocked) {
      const chunk = this.#chunks[this.#first] as Uint8Array;
      this.#chunks[this.#first] = undefined;
      this.#first += 1;
      this.#charge(-(chunk.byteLength + CHUNK_COST_BYTES));
      this.#blocked = !exchange.write(chunk);
      this.flow.sent?.add(chunk);
    }
    if (this.#cost === 0) {
      this.#forget();
      if (this.#end !== undefined) {
        this.#finish();
        return;
      }
    } else if (this.#first >= SPENT_PLACES) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
    this.goOn();
  }

  /** Lets come what there is room for again: here, or in the budget of all. */
  goOn(): void {
    if (!this.#held || !this.#mayGoOn()) return;
    this.#held = false;
    resumeContent(this.flow);
  }

  /** The request is over. */
  release(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#cost > 0) this.#charge(-this.#cost);
    this.#forget();
    this.flow.parts.slowReaders.leave(this.share);
  }

  #finish(): void {
    const trailers = this.#end ?? NO_FIELDS;
    this.flow.exchange.end(trailers.length === 0 ? trailers : forwardableTrailers(trailers));
  }

  #isFull(): boolean {
    return this.#cost >= this.#maxBytes || this.flow.parts.slowReaders.isFullFor(this.share);
  }

  /** Not at once when there is room again: pauses cost more than what waits meanwhile. */
  #mayGoOn(): boolean {
    if (this.#cost === 0 && !this.#blocked) return true;
    return (
      this.#cost <= this.#maxBytes / 2 &&
      !this.flow.parts.slowReaders.isFullFor(this.share) &&
      this.#maxBytes > 0
    );
  }

  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    pauseContent(this.flow);
  }

  #charge(bytes: number): void {
    this.#cost += bytes;
    this.flow.parts.slowReaders.charge(this.share, bytes);
  }

  #forget(): void {
    this.#chunks = [];
    this.#first = 0;
    this.lookedAt = -1;
    this.flow.parts.slowReaders.remove(this);
  }
}

function pauseContent(flow: Flow): void {
  if (flow.direct) flow.call?.pause();
  else flow.sending?.pause();
}

function resumeContent(flow: Flow): void {
  if (flow.direct) flow.call?.resume();
  else flow.sending?.resume();
}
