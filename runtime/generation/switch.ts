import type { Exchange } from "../downstream/exchange.ts";
import type { Generation } from "./generation.ts";

/** The one reference that decides which generation a new request runs on. */
export class GenerationSwitch {
  #current: Generation | undefined;
  readonly #serveWithout: (exchange: Exchange) => void;

  /** `serveWithout` answers while there is no generation at all. */
  constructor(serveWithout: (exchange: Exchange) => void) {
    this.#serveWithout = serveWithout;
  }

  get current(): Generation | undefined {
    return this.#current;
  }

  /** New requests run on `next` from here on. Returns the one before. */
  swap(next: Generation | undefined): Generation | undefined {
    const previous = this.#current;
    this.#current = next;
    return previous;
  }

  /** A field, not a method: listeners keep it as their receiver for as long as they live. */
  readonly serve = (exchange: Exchange): void => {
    if (this.#current === undefined) this.#serveWithout(exchange);
    else this.#current.serve(exchange);
  };
}
