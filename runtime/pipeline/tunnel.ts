import type { Duplex } from "node:stream";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { forwardableFields } from "../http/hop-by-hop.ts";
import type { RawFields } from "../http/raw-fields.ts";
import {
  FrameBoundary,
  GOING_AWAY_FROM_CLIENT,
  GOING_AWAY_FROM_SERVER,
} from "../http/websocket-frames.ts";
import type { Cut, Flow } from "./flow.ts";

/** How long a closed-with-1001 WebSocket may take to say goodbye. */
const GOODBYE_MS = 1000;
/** How long the other side may be silent once one side has ended. A peer that overlooks the end would hold both sockets for good. */
const HALF_OPEN_MS = 30_000;

/**
 * After 101: bytes in both directions, with back pressure, until either side is gone. The lease goes back now, so that
 * a socket that lives for a week holds no generation.
 */
export function openTunnel(flow: Flow, fields: RawFields, upstream: Duplex): void {
  if (flow.stage !== "forward") {
    upstream.destroy();
    return;
  }
  flow.headAt = flow.parts.clock.monotonic();
  const token = flow.exchange.upgrade ?? "";
  const head = forwardableFields(fields, "response");
  head.push("Upgrade", token);
  if (flow.targetCookie !== undefined) head.push("Set-Cookie", flow.targetCookie);
  let client: Duplex;
  try {
    client = flow.exchange.acceptUpgrade(head);
  } catch (error) {
    // A field that may not be sent: there is no tunnel yet, so the client can be told.
    upstream.destroy();
    flow.failInternal(error);
    return;
  }
  flow.stage = "tunnel";
  flow.parts.load.end();
  flow.tunnel = new Tunnel(client, upstream, token === "websocket", flow.parts.wheel, () => {
    flow.registry.tunnels -= 1;
  });
  flow.registry.tunnels += 1;
  flow.releaseLease();
}

class Tunnel implements Cut {
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #toClient: FrameBoundary | undefined;
  readonly #toUpstream: FrameBoundary | undefined;
  readonly #closed: () => void;
  readonly #wheel: DeadlineWheel;
  readonly #halfOpen: Deadline;
  #open = 2;

  constructor(
    client: Duplex,
    upstream: Duplex,
    framed: boolean,
    wheel: DeadlineWheel,
    closed: () => void,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#closed = closed;
    this.#wheel = wheel;
    this.#halfOpen = new Deadline(() => this.#destroy());
    if (framed) {
      this.#toClient = new FrameBoundary();
      this.#toUpstream = new FrameBoundary();
      upstream.on("data", (chunk: Uint8Array) => this.#toClient?.push(chunk));
      client.on("data", (chunk: Uint8Array) => this.#toUpstream?.push(chunk));
    }
    this.#join(client, upstream);
    this.#join(upstream, client);
    client.pipe(upstream);
    upstream.pipe(client);
  }

  /** An orderly end of one side is passed on by `pipe`; any other close takes the other side with it. */
  #join(side: Duplex, other: Duplex): void {
    side.on("error", () => other.destroy());
    side.on("end", () => {
      const wait = (): void => this.#wheel.arm(this.#halfOpen, HALF_OPEN_MS);
      other.on("data", wait);
      wait();
    });
    side.on("close", () => {
      if (side.readableEnded) other.end();
      else other.destroy();
      this.#open -= 1;
      if (this.#open > 0) return;
      this.#wheel.disarm(this.#halfOpen);
      this.#closed();
    });
  }

  /** RFC 6455 §7.4.1: 1001 to both sides where a frame may begin; then, or else, the end. */
  cut(): void {
    this.#goodbye(this.#client, this.#toClient, GOING_AWAY_FROM_SERVER);
    this.#goodbye(this.#upstream, this.#toUpstream, GOING_AWAY_FROM_CLIENT);
    setTimeout(() => this.#destroy(), GOODBYE_MS).unref();
  }

  #destroy(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #goodbye(side: Duplex, boundary: FrameBoundary | undefined, frame: Uint8Array): void {
    if (boundary?.atBoundary !== true || !side.writable) {
      side.destroy();
      return;
    }
    this.#client.unpipe(this.#upstream);
    this.#upstream.unpipe(this.#client);
    side.resume();
    side.end(frame);
  }
}
