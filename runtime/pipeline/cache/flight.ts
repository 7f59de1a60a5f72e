import { Deadline } from "../../clock.ts";
import { ProxyError } from "../../errors.ts";
import type { Flow } from "../flow.ts";
import type { CacheUse } from "./cache-use.ts";
import type { UpstreamChoice } from "../parts.ts";

/** One request that waits for another's fetch. It has a time limit of its own. */
export class Follower {
  readonly flow: Flow;
  readonly choice: UpstreamChoice;
  readonly #turn: number;
  readonly #deadline: Deadline;

  constructor(flow: Flow, choice: UpstreamChoice, limitMs: number) {
    this.flow = flow;
    this.choice = choice;
    this.#turn = flow.turn;
    this.#deadline = new Deadline(() => {
      if (this.waits) flow.fail(new ProxyError("PROXY_UPSTREAM_HEAD_TIMEOUT"));
    });
    flow.parts.wheel.arm(this.#deadline, limitMs);
  }

  /** Its client is still there. */
  get waits(): boolean {
    return this.flow.stage === "forward" && this.flow.turn === this.#turn;
  }

  /** Goes on, unless its client is gone. What it does wrong is its own failure. */
  go(act: (flow: Flow, choice: UpstreamChoice) => void): void {
    this.flow.parts.wheel.disarm(this.#deadline);
    if (!this.waits) return;
    try {
      act(this.flow, this.choice);
    } catch (error) {
      this.flow.failInternal(error);
    }
  }
}

/** A fetch that requests for the same key share. */
export class Flight {
  readonly key: string;
  /** How a late one is served once the head is there; `false`: not by this. */
  serve: ((flow: Flow) => boolean) | undefined;
  #followers: Follower[] = [];

  constructor(key: string) {
    this.key = key;
  }

  join(flow: Flow, choice: UpstreamChoice, limitMs: number): void {
    this.#followers.push(new Follower(flow, choice, limitMs));
  }

  /** Those who wait, once. */
  take(): Follower[] {
    return this.#followers.splice(0);
  }
}

/** From here on requests for the same key wait for this one. */
export function lead(use: CacheUse): void {
  use.flight = new Flight(use.key);
  use.cache.flights.set(use.key, use.flight);
}
