import { createHash } from "node:crypto";
import { Resolver } from "node:dns/promises";

import type { ChallengeProvider } from "@gatewright/sdk";

import type { Clock } from "../clock.ts";
import type { ResolvedChallengePolicy } from "../config/normalize-challenge.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import type { ChallengePlan, ChallengePolicy } from "../pipeline/challenge-plan.ts";
import { Clearance } from "../primitives/challenge/clearance.ts";
import {
  KnownBots,
  LARGE_SEARCH_ENGINES,
  type BotResolver,
} from "../primitives/challenge/known-bots.ts";
import { ProofOfWork } from "../primitives/challenge/proof-of-work.ts";
import { RemoteProvider, type PostForm } from "../primitives/challenge/remote-provider.ts";
import { Seal } from "../primitives/challenge/seal.ts";
import { SpentTicketTable } from "../primitives/challenge/spent-tickets.ts";
import type { Network } from "../upstream/network.ts";
import { generatedSecret } from "./generated-secret.ts";
import type { ResourceRegistry } from "./resources.ts";
import type { SharedState } from "./shared-state.ts";

export interface ProvisionedChallenge {
  readonly plan: ChallengePlan | undefined;
  readonly keys: readonly string[];
  /** By the route's index. */
  ofRoute(index: number): ChallengePolicy | false | undefined;
}

export interface ChallengeParts {
  readonly config: ResolvedConfig;
  readonly resources: ResourceRegistry;
  readonly clock: Clock;
  /** For tests. */
  readonly resolver?: BotResolver | undefined;
  readonly shared?: SharedState | undefined;
  readonly network: Network | undefined;
}

const VERIFY_MS = 10_000;
const LONGEST_REPLY = 64 * 1024;

/** What is spent and which bots are known outlives generations; everything else is made anew. */
export async function acquireChallenge(parts: ChallengeParts): Promise<ProvisionedChallenge> {
  const { config, resources, clock } = parts;
  const { challenge } = config;
  if (challenge === undefined) return { plan: undefined, keys: [], ofRoute: () => undefined };
  const secrets =
    challenge.secrets.length > 0
      ? challenge.secrets
      : [await generatedSecret(config.dataDir, "challenge")];
  const proof = new ProofOfWork(secrets);
  const post = postFormBy(parts.network?.fetch ?? fetch);
  const byKey = new Map<string, ChallengePolicy>();
  const add = (resolved: ResolvedChallengePolicy): ChallengePolicy => {
    const policy = toPolicy(resolved, proof, post);
    byKey.set(policy.key, policy);
    return policy;
  };
  const spentKey = JSON.stringify(["spent-challenges"]);
  const bots = challenge.bots ?? LARGE_SEARCH_ENGINES;
  const botsKey = JSON.stringify(["known-bots", bots]);
  const routes = config.routes.map(({ challenge: own }) =>
    own === undefined || own === false ? own : add(own),
  );
  return {
    plan: {
      path: challenge.path,
      cookie: challenge.cookie,
      policy: add(challenge.policy),
      named: new Map(challenge.policies.map(([name, policy]) => [name, add(policy)])),
      byKey,
      tickets: new Seal(secrets, "challenge ticket"),
      clearance: new Clearance(new Seal(secrets, "challenge clearance")),
      spent: resources.acquire(
        spentKey,
        () => parts.shared?.spentTickets ?? new SpentTicketTable(),
        () => {},
      ),
      bots: resources.acquire(
        botsKey,
        () => new KnownBots(bots, parts.resolver ?? systemResolver(), clock),
        () => {},
      ),
    },
    keys: [spentKey, botsKey],
    ofRoute: (index) => routes[index],
  };
}

function toPolicy(
  resolved: ResolvedChallengePolicy,
  proof: ProofOfWork,
  post: PostForm,
): ChallengePolicy {
  const { when, difficulty, clearanceMs, timeLimitMs, noScriptMs, bind } = resolved;
  const provider = toProvider(resolved.provider, proof, post);
  const siteKey = "siteKey" in Object(resolved.provider) ? resolved.provider : undefined;
  const settings = [
    provider.name,
    (siteKey as { siteKey?: string } | undefined)?.siteKey,
    typeof difficulty === "function" ? difficulty.toString() : difficulty,
    noScriptMs !== undefined,
    bind,
  ];
  const key = createHash("sha256")
    .update(JSON.stringify(settings))
    .digest("base64url")
    .slice(0, 16);
  return {
    key,
    provider,
    when,
    difficulty: typeof difficulty === "function" ? difficulty : () => difficulty,
    clearanceMs,
    timeLimitMs,
    // Waiting stands for work; it is no answer to what somebody else asks.
    noScriptMs: provider === proof ? noScriptMs : undefined,
    bind,
  };
}

function toProvider(
  provider: ResolvedChallengePolicy["provider"],
  proof: ProofOfWork,
  post: PostForm,
): ChallengeProvider {
  if (provider === "pow") return proof;
  if (!("type" in provider)) return provider;
  const { type, siteKey, secretKey, verifyUrl, scriptUrl } = provider;
  return new RemoteProvider({ type, siteKey, secretKey, verifyUrl, scriptUrl, post });
}

/** No redirect: the secret is for this address only. */
function postFormBy(fetch: typeof globalThis.fetch): PostForm {
  return async (url, form) => {
    const response = await fetch(url, {
      method: "POST",
      body: form,
      redirect: "error",
      signal: AbortSignal.timeout(VERIFY_MS),
    });
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.byteLength;
      if (length > LONGEST_REPLY) throw new Error("the verification's answer is too long");
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  };
}

function systemResolver(): BotResolver {
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  return {
    reverse: (address) => resolver.reverse(address),
    async addresses(name) {
      const both = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      return both.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    },
  };
}
