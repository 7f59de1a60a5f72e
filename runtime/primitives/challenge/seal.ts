import { createHmac, timingSafeEqual } from "node:crypto";

const MAC = /^[A-Za-z0-9_-]{43}$/;

/**
 * Texts that only we can have written (HMAC-SHA-256). The newest secret signs, older ones are still believed. Each purpose
 * has a key of its own, so that a text of one is none of another.
 */
export class Seal {
  readonly #keys: readonly Buffer[];

  constructor(secrets: readonly string[], purpose: string) {
    if (secrets.length === 0) throw new TypeError("a seal needs a secret");
    this.#keys = secrets.map((secret) => createHmac("sha256", secret).update(purpose).digest());
  }

  /** `binding` is not in the text: whoever opens it must know it. `payload` has no dot. */
  seal(payload: string, binding: string): string {
    return `${payload}.${this.#mac(this.#keys[0] as Buffer, payload, binding).toString("base64url")}`;
  }

  /** The payload, or `undefined` for what was not sealed by us for this binding. */
  open(text: string, binding: string): string | undefined {
    const dot = text.indexOf(".");
    if (dot === -1) return undefined;
    const claimed = text.slice(dot + 1);
    if (!MAC.test(claimed)) return undefined;
    const mac = Buffer.from(claimed, "base64url");
    const payload = text.slice(0, dot);
    for (const key of this.#keys) {
      if (timingSafeEqual(mac, this.#mac(key, payload, binding))) return payload;
    }
    return undefined;
  }

  #mac(key: Buffer, payload: string, binding: string): Buffer {
    // The payload has no line break, so nothing can move from one part to the other.
    return createHmac("sha256", key).update(`${payload}\n${binding}`).digest();
  }
}
