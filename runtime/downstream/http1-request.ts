import { IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { Http1Content } from "./http1-content.ts";

/** node's request, with places for what belongs to it here, so that no table or closure is needed. */
export class Http1Request extends IncomingMessage {
  /** node's bookkeeping of the answer. Nothing is written through it; its `finish` event tells node that we are done. */
  response: ServerResponse | null = null;
  receivedContent: Http1Content | null = null;
  /** The client asked for an upgrade that it does not get. */
  upgradeDeclined = false;

  constructor(socket: Socket) {
    super(socket);
  }
}

const WITHOUT_CONTENT = Object.freeze({});
const WITH_CONTENT = Object.freeze({ "content-length": "" });

/**
 * node asks `headers` for three fields before it reports a request (Expect, and the two that announce content) and
 * would build an object of all of them for that. We read the raw list ourselves and answer Expect ourselves.
 */
Object.defineProperty(Http1Request.prototype, "headers", {
  configurable: true,
  get(this: Http1Request) {
    return announcesContent(this.rawHeaders) ? WITH_CONTENT : WITHOUT_CONTENT;
  },
});

/** RFC 9112 §6: content is announced by Content-Length or Transfer-Encoding, whatever the method. */
export function announcesContent(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === 14 ? name.toLowerCase() === "content-length" : name.length === 17) {
      if (name.length === 14) {
        if (fields[i + 1] !== "0") return true;
      } else if (name.toLowerCase() === "transfer-encoding") {
        return true;
      }
    }
  }
  return false;
}
