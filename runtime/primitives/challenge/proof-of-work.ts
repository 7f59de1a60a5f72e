import { createHmac, randomInt } from "node:crypto";

import type { ChallengeFacts, ChallengePresentation, ChallengeProvider } from "@gatewright/sdk";
import { createChallenge, verifySolution, type Payload } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/pbkdf2";

import { escapeHtml } from "../../http/problem.ts";

const ALGORITHM = "PBKDF2/SHA-256";
/** Of one attempt: about a third of a millisecond, once for us and many times for the browser. */
const COST = 1000;
const LONGEST_ANSWER = 4096;

/**
 * Work for the browser (altcha). The number that it looks for is drawn by us, so that nobody waits much longer than
 * others; what a solution is checked against is signed and costs us one HMAC.
 */
export class ProofOfWork implements ChallengeProvider {
  readonly name = "pow";
  readonly #keys: readonly string[];

  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) =>
      createHmac("sha256", secret).update("challenge proof of work").digest("hex"),
    );
  }

  async present(facts: ChallengeFacts): Promise<ChallengePresentation> {
    const key = this.#keys[0] as string;
    const half = Math.max(1, Math.floor(facts.difficulty / 2));
    const challenge = await createChallenge({
      algorithm: ALGORITHM,
      cost: COST,
      counter: randomInt(half, half + facts.difficulty),
      deriveKey,
      expiresAt: new Date(facts.expiresAt),
      hmacSignatureSecret: key,
      hmacKeySignatureSecret: `${key} key`,
      data: { id: facts.id },
    });
    return {
      html: `<div id="work" data-challenge="${escapeHtml(JSON.stringify(challenge))}"></div>`,
    };
  }

  async verify(form: URLSearchParams, facts: ChallengeFacts): Promise<boolean> {
    const answer = payloadOf(form.get("altcha") ?? "");
    if (answer?.challenge.parameters.data?.["id"] !== facts.id) return false;
    const { challenge, solution } = answer;
    for (const key of this.#keys) {
      const { verified } = await verifySolution({
        challenge,
        solution,
        deriveKey,
        hmacSignatureSecret: key,
        hmacKeySignatureSecret: `${key} key`,
      });
      if (verified) return true;
    }
    return false;
  }
}

/** What a client sent, as far as its form goes; the rest is under the signature. */
function payloadOf(text: string): Payload | undefined {
  if (text.length > LONGEST_ANSWER) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64").toString());
  } catch {
    return undefined;
  }
  const { challenge, solution } = (value ?? {}) as Partial<Payload>;
  const { parameters, signature } = challenge ?? {};
  // Without the signed key a check would cost us as much as an attempt of theirs, or more: the cost would be theirs to say.
  const isWhole =
    typeof signature === "string" &&
    typeof parameters === "object" &&
    parameters !== null &&
    typeof parameters.keySignature === "string" &&
    typeof solution === "object" &&
    solution !== null &&
    typeof solution.derivedKey === "string";
  return isWhole ? (value as Payload) : undefined;
}
