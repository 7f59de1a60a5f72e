import type { Socket } from "node:net";

import { addressHolder } from "../http/ip-address.ts";

/**
 * Open connections by the address of their client, IPv6 by its /64. An entry lives as long as its connections: there are
 * never more entries than connections.
 */
export class AddressCounts {
  readonly #counts = new Map<number | string, number>();

  /** Addresses with a connection. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts the connection until it is closed; `false` if its address has `max` already. */
  enter(socket: Socket, address: string, max: number): boolean {
    const key = addressHolder(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= max) return false;
    // It died on the way here, and its close is past.
    if (socket.closed) return true;
    this.#counts.set(key, count + 1);
    socket.once("close", () => this.#leave(key));
    return true;
  }

  #leave(key: number | string): void {
    const count = this.#counts.get(key) as number;
    if (count === 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
  }
}
