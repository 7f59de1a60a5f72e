import type { Duplex } from "node:stream";

import type { Exchange, ExchangeReceiver } from "../downstream/exchange.ts";

/** What is asked, by whom it was asked first. */
export type AbsentRequest = Pick<
  Exchange,
  "protocol" | "scheme" | "method" | "target" | "authority" | "fields" | "upgrade" | "connection"
>;

/** An exchange with nobody at the other end: takes whatever is sent at once, and is over with it. */
export class AbsentClient implements Exchange {
  readonly protocol: Exchange["protocol"];
  readonly scheme: Exchange["scheme"];
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: Exchange["fields"];
  readonly upgrade: string | undefined;
  readonly connection: Exchange["connection"];
  readonly content = undefined;
  readonly expectsContinue = false;
  readonly bytesReceived = 0;
  readonly bytesSent = 0;
  readonly takenBytes = 0;
  headSent = false;
  receiver: ExchangeReceiver | null = null;
  readonly #over: (() => void) | undefined;
  #open = true;

  /** `over`: called after the receiver has heard of the end. */
  constructor(request: AbsentRequest, over?: () => void) {
    this.protocol = request.protocol;
    this.scheme = request.scheme;
    this.method = request.method;
    this.target = request.target;
    this.authority = request.authority;
    this.fields = request.fields;
    this.upgrade = request.upgrade;
    this.connection = request.connection;
    this.#over = over;
  }

  writeInformational(): void {}

  writeHead(): void {
    this.headSent = true;
  }

  write(): boolean {
    return true;
  }

  end(): void {
    this.#close(true);
  }

  abort(): void {
    this.#close(false);
  }

  closeAfter(): void {}

  acceptUpgrade(): Duplex {
    throw new Error("nobody is there who could be upgraded");
  }

  #close(complete: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    // The caller is still in the middle of a phase: let it finish first.
    queueMicrotask(() => {
      this.receiver?.onClose(complete);
      this.#over?.();
    });
  }
}
