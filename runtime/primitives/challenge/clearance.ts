import type { Seal } from "./seal.ts";

const LONGEST = 64;
const SECONDS = /^[0-9a-z]{1,8}$/;

/** The cookie of whoever has solved a challenge: when it ends, and a proof that it is ours and theirs. */
export class Clearance {
  readonly #seal: Seal;

  constructor(seal: Seal) {
    this.#seal = seal;
  }

  issue(expiresAtMs: number, binding: string): string {
    return this.#seal.seal(Math.floor(expiresAtMs / 1000).toString(36), binding);
  }

  /** By the server's clock alone. */
  holds(cookie: string, nowMs: number, binding: string): boolean {
    if (cookie.length > LONGEST) return false;
    const seconds = this.#seal.open(cookie, binding);
    if (seconds === undefined || !SECONDS.test(seconds)) return false;
    return Number.parseInt(seconds, 36) * 1000 > nowMs;
  }
}
