/** One certificate from order to chain: RFC 8555 §7.4 and §7.5, challenges of §8.3 and RFC 8737. */
import { setTimeout as wait } from "node:timers/promises";

import { AcmeError } from "./acme-error.ts";
import type { ChallengeType } from "./acme-options.ts";
import type { ChallengePublisher } from "./challenge-board.ts";
import { createChallengeCertificate, createSigningRequest } from "./credentials.ts";
import { readProblem, type AcmeSession, type JsonAnswer } from "./session.ts";

export interface OrderOptions {
  readonly session: AcmeSession;
  readonly names: readonly string[];
  /** The first that the CA offers is taken. */
  readonly challenges: readonly ChallengeType[];
  readonly publisher: ChallengePublisher;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Between the first two looks at what is pending. */
  readonly pollMs?: number;
}

export interface ObtainedCertificate {
  readonly chain: string;
  readonly key: string;
}

const POLL_MS = 500;
const MAX_POLL_MS = 10_000;
/** A token is base64url (RFC 8555 §8.1). It becomes a path on our side. */
const TOKEN = /^[A-Za-z0-9_-]{16,512}$/;

/** Rejects with an AcmeError. Whatever was put up for the CA is taken down again. */
export async function obtainCertificate(options: OrderOptions): Promise<ObtainedCertificate> {
  const { session, names } = options;
  const { newOrder } = await session.directory();
  const created = await session.post(newOrder, {
    identifiers: names.map((value) => ({ type: "dns", value })),
  });
  const url = created.headers.location;
  if (url === undefined) throw new AcmeError("unreachable", "the CA's order has no address");
  const published: (() => void)[] = [];
  try {
    await authorize(created, options, published);
    const ready = await settled(url, ["ready", "valid"], options);
    const request = await createSigningRequest(names);
    await session.post(textOf(ready, "finalize"), { csr: request.der.toString("base64url") });
    const valid = await settled(url, ["valid"], options);
    const chain = await session.post(textOf(valid, "certificate"));
    return { chain: chain.text, key: request.key };
  } finally {
    for (const takeDown of published) takeDown();
  }
}

async function authorize(
  order: JsonAnswer,
  options: OrderOptions,
  published: (() => void)[],
): Promise<void> {
  const { authorizations } = order.json;
  if (!Array.isArray(authorizations) || authorizations.length > options.names.length) {
    throw new AcmeError("unreachable", "the CA's order makes no sense");
  }
  // One after the other until all are put up; the CA then looks at them at the same time.
  const pending: string[] = [];
  for (const url of authorizations as unknown[]) {
    if (typeof url !== "string") throw new AcmeError("unreachable", "an authorization is no text");
    if (await answerChallenge(url, options, published)) pending.push(url);
  }
  for (const url of pending) await settled(url, ["valid"], options);
}

/** False if the CA already believes that the name is ours. */
async function answerChallenge(
  url: string,
  options: OrderOptions,
  published: (() => void)[],
): Promise<boolean> {
  const { session, publisher } = options;
  const { json } = await session.post(url);
  if (json["status"] === "valid") return false;
  const name = (json["identifier"] as { value?: unknown } | undefined)?.value;
  const offered = (Array.isArray(json["challenges"]) ? json["challenges"] : []) as readonly {
    readonly type?: unknown;
    readonly url?: unknown;
    readonly token?: unknown;
  }[];
  const type = options.challenges.find((one) => offered.some((other) => other.type === one));
  const challenge = offered.find((one) => one.type === type);
  if (typeof name !== "string" || !options.names.includes(name)) {
    throw new AcmeError("unreachable", "the CA asks about a name that was not ordered");
  }
  if (type === undefined || challenge === undefined) {
    const types = offered.map((one) => String(one.type)).join(", ");
    throw new AcmeError(
      "refused",
      `the CA offers no challenge that \`challenges\` allows for ${name} (it has ${types.slice(0, 200)})`,
    );
  }
  const { token, url: challengeUrl } = challenge;
  if (typeof token !== "string" || !TOKEN.test(token) || typeof challengeUrl !== "string") {
    throw new AcmeError("unreachable", "the CA's challenge makes no sense");
  }
  const answer = session.keyAuthorization(token);
  published.push(
    type === "http-01"
      ? publisher.publishToken(token, answer)
      : publisher.publishCertificate(
          name,
          await createChallengeCertificate(name, answer, options.now()),
        ),
  );
  await session.post(challengeUrl, {});
  return true;
}

/** Looks at an order or authorization until it is what we wait for. The caller's signal ends it. */
async function settled(
  url: string,
  wanted: readonly string[],
  options: OrderOptions,
): Promise<JsonAnswer> {
  const { session, signal } = options;
  for (let pause = options.pollMs ?? POLL_MS; ; pause = Math.min(pause * 1.5, MAX_POLL_MS)) {
    const answer = await session.post(url);
    const { status } = answer.json;
    if (typeof status === "string" && wanted.includes(status)) return answer;
    if (status !== "pending" && status !== "processing" && status !== "ready") {
      throw failureOf(answer, String(status));
    }
    const asked = session.retryAfterMs(answer);
    const ms = Math.min(Math.max(pause, asked ?? 0), MAX_POLL_MS);
    await wait(ms, undefined, { signal, ref: false }).catch(() => {
      throw new AcmeError("unreachable", "the CA took too long to decide");
    });
  }
}

/** Why an order or an authorization came to nothing: the reason stands at the challenge that failed. */
function failureOf({ json }: JsonAnswer, status: string): AcmeError {
  const challenges = (Array.isArray(json["challenges"]) ? json["challenges"] : []) as readonly {
    readonly type?: unknown;
    readonly error?: unknown;
  }[];
  const failed = challenges.find((one) => one.error !== undefined);
  const { kind, message } = readProblem(failed?.error ?? json["error"]);
  if (failed === undefined) return new AcmeError(kind, `${status.slice(0, 20)}: ${message}`);
  const name = (json["identifier"] as { value?: unknown } | undefined)?.value;
  return new AcmeError("challenge", `${String(failed.type)} for ${String(name)}: ${message}`);
}

function textOf({ json }: JsonAnswer, key: string): string {
  const value = json[key];
  if (typeof value !== "string") throw new AcmeError("unreachable", `the CA's order has no ${key}`);
  return value;
}
