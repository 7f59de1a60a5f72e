/**
 * Signed requests to an ACME server: RFC 8555 §6 (JWS, nonces, problem documents) and §7.1.1 (directory), with RFC 7515
 * and RFC 7638 where it leans on them. What the orders are about is in order.ts.
 */
import { createHash, createHmac, createPublicKey, sign, type KeyObject } from "node:crypto";

import { AcmeError } from "./acme-error.ts";
import type { AcmeAnswer, AcmeTransport } from "./transport.ts";

export interface AcmeDirectory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
}

export interface SessionOptions {
  readonly directoryUrl: string;
  /** P-256. */
  readonly accountKey: KeyObject;
  readonly transport: AcmeTransport;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

export interface AccountOptions {
  readonly email: string | undefined;
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | undefined;
}

/** An answer whose content is a JSON object (empty where there was none). */
export interface JsonAnswer extends AcmeAnswer {
  readonly json: Readonly<Record<string, unknown>>;
}

const NONCE_ATTEMPTS = 6;
const MAX_RETRY_AFTER_MS = 7 * 24 * 3_600_000;
const BAD_NONCE = "urn:ietf:params:acme:error:badNonce";
/** RFC 8555 §6.7: problems that time heals, or that a person has to. */
const KINDS: Readonly<Record<string, AcmeError["kind"]>> = {
  rateLimited: "limited",
  serverInternal: "busy",
  connection: "challenge",
  dns: "challenge",
  incorrectResponse: "challenge",
  tls: "challenge",
  unauthorized: "challenge",
};

/** One conversation, with one account key. Short-lived: made for an order, dropped after it. */
export class AcmeSession {
  readonly #options: SessionOptions;
  readonly #jwk: Readonly<Record<string, string>>;
  #directory: AcmeDirectory | undefined;
  #account = "";
  #nonces: string[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    const { kty, crv, x, y } = createPublicKey(options.accountKey).export({ format: "jwk" });
    // The order of RFC 7638 §3.2: the same text is hashed for the thumbprint.
    this.#jwk = { crv: crv ?? "", kty: kty ?? "", x: x ?? "", y: y ?? "" };
  }

  /** What a challenge has to be answered with (RFC 8555 §8.1). */
  keyAuthorization(token: string): string {
    const thumbprint = createHash("sha256").update(JSON.stringify(this.#jwk)).digest("base64url");
    return `${token}.${thumbprint}`;
  }

  /** Registers the key, or finds the account it already has (RFC 8555 §7.3.1). */
  async openAccount({ email, externalAccount }: AccountOptions): Promise<void> {
    const { newAccount } = await this.directory();
    const payload: Record<string, unknown> = {
      termsOfServiceAgreed: true,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
    };
    if (externalAccount !== undefined) {
      payload["externalAccountBinding"] = this.#bind(newAccount, externalAccount);
    }
    const answer = await this.#signed(newAccount, payload, true);
    const { location } = answer.headers;
    if (location === undefined) throw senseless("names no account");
    this.#account = location;
  }

  async directory(): Promise<AcmeDirectory> {
    if (this.#directory !== undefined) return this.#directory;
    const { transport, directoryUrl, signal } = this.#options;
    const answer = toJson(await transport("GET", directoryUrl, undefined, signal));
    if (answer.status !== 200) throw this.#problem(answer);
    const { newNonce, newAccount, newOrder } = answer.json;
    if (
      typeof newNonce !== "string" ||
      typeof newAccount !== "string" ||
      typeof newOrder !== "string"
    ) {
      throw senseless("is no ACME directory");
    }
    this.#directory = { newNonce, newAccount, newOrder };
    return this.#directory;
  }

  /** Sends `payload`; without one it reads (POST-as-GET, RFC 8555 §6.3). Rejects with an {@link AcmeError}. */
  async post(url: string, payload?: object): Promise<JsonAnswer> {
    return this.#signed(url, payload, false);
  }

  /** How long the answer asks to wait, in ms. */
  retryAfterMs(answer: AcmeAnswer): number | undefined {
    return parseRetryAfter(answer.headers["retry-after"], this.#options.now());
  }

  async #signed(url: string, payload: object | undefined, isNew: boolean): Promise<JsonAnswer> {
    for (let attempt = 1; ; attempt++) {
      const nonce = this.#nonces.pop() ?? (await this.#freshNonce());
      const protectedHeader = {
        alg: "ES256",
        ...(isNew ? { jwk: this.#jwk } : { kid: this.#account }),
        nonce,
        url,
      };
      const head = encode(protectedHeader);
      const body = payload === undefined ? "" : encode(payload);
      const signature = sign("sha256", Buffer.from(`${head}.${body}`), {
        key: this.#options.accountKey,
        dsaEncoding: "ieee-p1363",
      }).toString("base64url");
      const text = JSON.stringify({ protected: head, payload: body, signature });
      const answer = toJson(await this.#options.transport("POST", url, text, this.#options.signal));
      this.#keepNonce(answer);
      if (answer.status < 400) return answer;
      // RFC 8555 §6.5: nonces may be forgotten at any time; the refusal brings a new one.
      if (answer.json["type"] === BAD_NONCE && attempt < NONCE_ATTEMPTS) continue;
      throw this.#problem(answer);
    }
  }

  async #freshNonce(): Promise<string> {
    const { newNonce } = await this.directory();
    const { transport, signal } = this.#options;
    const answer = await transport("HEAD", newNonce, undefined, signal);
    const nonce = answer.headers["replay-nonce"];
    if (answer.status >= 400) throw this.#problem(toJson(answer));
    if (nonce === undefined) throw senseless("has no nonce");
    return nonce;
  }

  #keepNonce(answer: AcmeAnswer): void {
    const nonce = answer.headers["replay-nonce"];
    if (nonce !== undefined && nonce.length <= 1024) this.#nonces = [nonce];
  }

  /** RFC 8555 §7.3.4. */
  #bind(url: string, { kid, hmacKey }: { kid: string; hmacKey: string }): object {
    const head = encode({ alg: "HS256", kid, url });
    const body = encode(this.#jwk);
    const signature = createHmac("sha256", Buffer.from(hmacKey, "base64url"))
      .update(`${head}.${body}`)
      .digest("base64url");
    return { protected: head, payload: body, signature };
  }

  #problem(answer: JsonAnswer): AcmeError {
    const retryAfterMs = this.retryAfterMs(answer);
    const { kind, message } = readProblem(answer.json);
    if (answer.status === 429) return new AcmeError("limited", message, { retryAfterMs });
    if (answer.status >= 500) {
      return new AcmeError("busy", `the CA answered ${answer.status}: ${message}`, {
        retryAfterMs,
      });
    }
    return new AcmeError(kind, message, { retryAfterMs });
  }
}

/** What a problem document (RFC 7807) says, for a log line. */
export function readProblem(problem: unknown): { kind: AcmeError["kind"]; message: string } {
  const { type, detail } = (problem ?? {}) as { type?: unknown; detail?: unknown };
  const name = typeof type === "string" ? (type.split(":").at(-1) ?? "") : "";
  const text = typeof detail === "string" ? detail : "no reason given";
  // A CA repeats what it found at our address: whoever holds the name writes into our log.
  const message = `${name === "" ? "" : `${name}: `}${text}`.replace(/\p{C}/gu, " ").slice(0, 500);
  return { kind: Object.hasOwn(KINDS, name) ? (KINDS[name] ?? "refused") : "refused", message };
}

/** RFC 9110 §10.2.3: seconds or a date. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function toJson(answer: AcmeAnswer): JsonAnswer {
  let json: unknown;
  if (answer.headers["content-type"]?.includes("json") === true) {
    try {
      json = JSON.parse(answer.text);
    } catch {
      // A proxy's error page, perhaps: the status says enough.
    }
  }
  const isObject = typeof json === "object" && json !== null;
  return { ...answer, json: isObject ? (json as Record<string, unknown>) : {} };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function senseless(what: string): AcmeError {
  return new AcmeError("unreachable", `the CA's answer ${what}`);
}
