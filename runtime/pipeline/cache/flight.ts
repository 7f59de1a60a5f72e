import { Deadline } from "../../clock.ts";
import { ProxyError } from "../../errors.ts";
import type { Selection } from "../../primitives/cache/stored-response.ts";
import type { Flow } from "../flow.ts";
import type { CacheUse } from "./cache-use.ts";
import type { UpstreamChoice } from "../parts.ts";

/** One request that waits for another's fetch. It has a time limit of its own. */
export class Follower {
  readonly flow: Flow;
  readonly choice: UpstreamChoice;
  readonly #flight: Flight;
  readonly #turn: number;
  readonly #deadline: Deadline;

  constructor(flight: Flight, flow: Flow, choice: UpstreamChoice, limitMs: number) {
    this.#flight = flight;
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

  /** Its request is over: nothing of it stays behind for as long as the fetch lasts. */
  leave(): void {
    this.flow.parts.wheel.disarm(this.#deadline);
    this.#flight.remove(this);
  }
}

/** A fetch that requests for the same key share. */
export class Flight {
  readonly key: string;
  /** Of the store when the fetch began. */
  readonly epoch: number;
  /** Whom its response is for, and how it is tagged, once that is known. */
  selection: Selection | undefined;
  tags: readonly string[] | undefined;
  /** How a late one is served once the head is there; `false`: not by this. */
  serve: ((flow: Flow) => boolean) | undefined;
  readonly #followers = new Set<Follower>();

  constructor(key: string, epoch: number) {
    this.key = key;
    this.epoch = epoch;
  }

  join(flow: Flow, choice: UpstreamChoice, limitMs: number): Follower {
    const follower = new Follower(this, flow, choice, limitMs);
    this.#followers.add(follower);
    return follower;
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower);
  }

  /** Those who wait, once. */
  take(): Follower[] {
    const all = [...this.#followers];
    this.#followers.clear();
    return all;
  }
}

/** From here on requests for the same key wait for this one. */
export function lead(use: CacheUse): void {
  const { cache } = use;
  use.flight = new Flight(use.flightKey, cache.store.epoch);
  cache.flights.set(use.flightKey, use.flight);
}

/**
 * The fetch under way for this request. None that began before a purge of what it asks for: who has just changed
 * something must not be answered from before.
 */
export function flightFor(use: CacheUse): Flight | undefined {
  const { flights, store } = use.cache;
  const flight = flights.get(use.flightKey);
  if (flight === undefined) return undefined;
  const { epoch, tags } = flight;
  return store.purgedSince(epoch, { url: use.url, tags }) ? undefined : flight;
}
