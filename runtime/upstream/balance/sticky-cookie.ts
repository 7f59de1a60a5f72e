import { createHmac } from "node:crypto";

import { cookieValue } from "../../http/cookie.ts";
import type { BalanceRequest, Balancer, BalanceTarget } from "./balancer.ts";

export interface CookieAttributes {
  readonly name: string;
  readonly path: string;
  readonly domain: string | undefined;
  /** Seconds; absent: until the browser ends. */
  readonly maxAgeSeconds: number | undefined;
  readonly sameSite: "Lax" | "Strict" | "None";
  /** `"auto"`: where the client speaks TLS. */
  readonly secure: boolean | "auto";
  readonly httpOnly: boolean;
}

export interface StickyCookieOptions {
  /** Of the upstream: the same target has another value elsewhere. */
  readonly upstream: string;
  readonly cookie: CookieAttributes;
  /** The first one signs; values of all of them are known. */
  readonly secrets: readonly string[];
  /** Chooses for clients that are new. */
  readonly otherwise: Balancer;
}

/**
 * Brings a client back to the target that it had, by a cookie. Its value is a signature (HMAC-SHA-256) of the target's
 * name and nothing else: it tells nothing of the addresses behind us, nobody can make one up, and whose it is takes one
 * look into a table.
 */
export class StickyCookie implements Balancer {
  readonly binding = true;
  readonly #options: StickyCookieOptions;
  #targets = new Map<string, BalanceTarget>();
  readonly #values = new WeakMap<BalanceTarget, readonly string[]>();

  constructor(options: StickyCookieOptions) {
    this.#options = options;
  }

  update(targets: readonly BalanceTarget[]): void {
    this.#targets = new Map(
      targets.flatMap((target) => this.#valuesOf(target).map((value) => [value, target])),
    );
    this.#options.otherwise.update(targets);
  }

  pick(request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    const value = cookieValue(request.fields, this.#options.cookie.name);
    const target = value === undefined ? undefined : this.#targets.get(value);
    if (target !== undefined && avoid?.has(target) !== true) return target;
    return this.#options.otherwise.pick(request, avoid);
  }

  begun(target: BalanceTarget): void {
    this.#options.otherwise.begun?.(target);
  }

  ended(target: BalanceTarget): void {
    this.#options.otherwise.ended?.(target);
  }

  setCookie(request: BalanceRequest, target: BalanceTarget): string | undefined {
    const { cookie } = this.#options;
    const [value] = this.#valuesOf(target);
    if (value === undefined || cookieValue(request.fields, cookie.name) === value) return undefined;
    const secure = cookie.secure === "auto" ? request.scheme === "https" : cookie.secure;
    let line = `${cookie.name}=${value}; Path=${cookie.path}`;
    if (cookie.domain !== undefined) line += `; Domain=${cookie.domain}`;
    if (cookie.maxAgeSeconds !== undefined) line += `; Max-Age=${cookie.maxAgeSeconds}`;
    if (cookie.httpOnly) line += "; HttpOnly";
    if (secure) line += "; Secure";
    return `${line}; SameSite=${cookie.sameSite}`;
  }

  #valuesOf(target: BalanceTarget): readonly string[] {
    let values = this.#values.get(target);
    if (values === undefined) {
      const { upstream, secrets } = this.#options;
      // The lengths of both names are part of the text: no two pairs make the same one.
      const text = JSON.stringify(["sticky", upstream, target.key]);
      values = secrets.map((secret) =>
        createHmac("sha256", secret).update(text).digest().subarray(0, 16).toString("base64url"),
      );
      this.#values.set(target, values);
    }
    return values;
  }
}
