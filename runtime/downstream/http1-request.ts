import { IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { requestFraming, type Framing } from "../http/framing.ts";
import type { Refusal } from "../http/refusal.ts";
import type { Http1Content } from "./http1-content.ts";

/** node's request, with places for what belongs to it here, so that no table or closure is needed. */
export class Http1Request extends IncomingMessage {
  /** node's bookkeeping of the answer. Nothing is written through it; its `finish` event tells node that we are done. */
  response: ServerResponse | null = null;
  receivedContent: Http1Content | null = null;
  /** The client asked for an upgrade that it does not get. */
  upgradeDeclined = false;
  #framing: Framing | Refusal | undefined;

  constructor(socket: Socket) {
    super(socket);
  }

  get framing(): Framing | Refusal {
    return (this.#framing ??= requestFraming(this.rawHeaders));
  }

  get hasContent(): boolean {
    const { framing } = this;
    return (
      "error" in framing || framing.chunked || (framing.length !== undefined && framing.length > 0)
    );
  }
}

const WITHOUT_CONTENT = Object.freeze({});
const WITH_CONTENT = Object.freeze({ "content-length": "" });

/**
 * node asks `headers` for three fields before it reports a request (Expect, and the two that announce content) and
 * would build an object of all fields for that. We read the raw list ourselves, and answer Expect ourselves.
 */
Object.defineProperty(Http1Request.prototype, "headers", {
  configurable: true,
  get(this: Http1Request) {
    return this.hasContent ? WITH_CONTENT : WITHOUT_CONTENT;
  },
});
