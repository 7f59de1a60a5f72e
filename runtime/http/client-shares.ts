import { addressHolder } from "./ip-address.ts";

/** What one client holds of something that all clients share. */
export interface ClientShare {
  readonly key: number | string;
  bytes: number;
  /** Messages that count here; with the last one it is forgotten. */
  messages: number;
}

/** The clients that hold part of something, by the holder of their address: never more entries than messages. */
export class ClientShares {
  readonly #shares = new Map<number | string, ClientShare>();

  /** Clients that hold something. */
  get size(): number {
    return this.#shares.size;
  }

  /** For another message of this client. Who enters leaves. */
  enter(address: string): ClientShare {
    const key = addressHolder(address);
    let share = this.#shares.get(key);
    if (share === undefined) {
      share = { key, bytes: 0, messages: 0 };
      this.#shares.set(key, share);
    }
    share.messages += 1;
    return share;
  }

  leave(share: ClientShare): void {
    share.messages -= 1;
    if (share.messages === 0) this.#shares.delete(share.key);
  }
}
