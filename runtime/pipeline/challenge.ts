import { randomBytes } from "node:crypto";

import { ProxyError } from "../errors.ts";
import { prefersHtml } from "../http/accept.ts";
import { cookieValue } from "../http/cookie.ts";
import { fieldValue } from "../http/raw-fields.ts";
import { isNavigation } from "../primitives/challenge/navigation.ts";
import { returnAddress } from "../primitives/challenge/return-address.ts";
import { sealTicket } from "../primitives/challenge/ticket.ts";
import { answerPage, answerPostponed } from "./challenge-pages.ts";
import { bindingFor, type ChallengePlan, type ChallengePolicy } from "./challenge-plan.ts";
import type { Flow } from "./flow.ts";
import { traceStep } from "./trace.ts";

const MAX_DIFFICULTY = 1_000_000;
/** Below the limit for targets, with room for what stands before us. */
const LONGEST_LOCATION = 6000;

/** Step 6: whoever a list, a limit or `challenge.when` names needs a clearance. Returns true if the request goes on now; else `resume` may be called. */
export function passChallenge(
  flow: Flow,
  plan: ChallengePlan,
  resume: (flow: Flow) => void,
): boolean {
  const policy = flow.routePlan?.challenge ?? plan.policy;
  if (flow.challengedBy !== undefined) {
    return requireClearance(flow, plan, policy === false ? plan.policy : policy, resume);
  }
  if (policy === false || policy.when === undefined) return true;
  flow.hookOwner = "challenge";
  let isSuspect: unknown;
  try {
    isSuspect = policy.when(flow.request, flow.context);
  } catch (cause) {
    flow.fail(new ProxyError("PROXY_HOOK_FAILED", { cause, message: "challenge.when failed" }));
    return false;
  }
  if (typeof isSuspect === "object" && isSuspect !== null) {
    // A promise is always true: it would challenge everybody.
    flow.fail(
      new ProxyError("PROXY_HOOK_DECISION", {
        message: "challenge.when must return true or false, and no promise",
      }),
    );
    return false;
  }
  if (isSuspect as boolean) return requireClearance(flow, plan, policy, resume);
  if (flow.trace !== null) {
    const score = `score ${flow.madeContext?.scoreTotal ?? 0}`;
    traceStep(flow, "challenge", "none: `challenge.when` says no", [score]);
  }
  return true;
}

/** A hook's `ctx.challenge()`. As {@link passChallenge}. */
export function challengeByHook(
  flow: Flow,
  name: string | undefined,
  owner: string,
  resume: (flow: Flow) => void,
): boolean {
  const plan = flow.parts.challenge;
  if (plan === undefined) {
    throw new ProxyError("PROXY_CAPABILITY_OFF", {
      message: `${owner} challenges the client, which needs \`challenge\` in the config`,
    });
  }
  const own = flow.routePlan?.challenge;
  const policy =
    name === undefined
      ? own === false
        ? plan.policy
        : (own ?? plan.policy)
      : plan.named.get(name);
  if (policy === undefined) {
    throw new ProxyError("PROXY_HOOK_DECISION", {
      message: `${owner} names the challenge policy ${JSON.stringify(name)}, which does not exist; there are: ${[...plan.named.keys()].join(", ")}`,
    });
  }
  return requireClearance(flow, plan, policy, resume);
}

function requireClearance(
  flow: Flow,
  plan: ChallengePlan,
  policy: ChallengePolicy,
  resume: (flow: Flow) => void,
): boolean {
  const { fields } = flow.exchange;
  const cookie = cookieValue(fields, plan.cookie);
  const now = flow.parts.clock.now();
  if (cookie !== undefined && plan.clearance.holds(cookie, now, bindingFor(flow, policy))) {
    if (flow.trace !== null) traceStep(flow, "challenge", "the client has a clearance");
    return true;
  }
  const isBot =
    flow.trace === null && plan.bots.isBot(fieldValue(fields, "user-agent"), flow.clientAddress);
  if (isBot === true) return true;
  if (isBot === false) {
    challenge(flow, plan, policy);
    return false;
  }
  const { turn } = flow;
  void isBot.then((isKnown) => {
    if (flow.turn !== turn) return;
    try {
      if (isKnown) resume(flow);
      else challenge(flow, plan, policy);
    } catch (error) {
      flow.failInternal(error);
    }
  });
  return false;
}

/** A redirect for whoever looks at a page; a refusal that says why for everybody else, so that nothing is lost silently. */
function challenge(flow: Flow, plan: ChallengePlan, policy: ChallengePolicy): void {
  const { method, fields } = flow.exchange;
  const by = flow.challengedBy;
  flow.blockReason = by === undefined ? "challenge" : `challenge, ${by}`;
  if (flow.trace !== null) {
    const details = by === undefined ? [] : [`because of the ${by}`];
    traceStep(flow, "challenge", "the client needs a clearance", details, "decided");
  }
  const navigates = isNavigation(method, fields);
  const isForm = !navigates && method !== "GET" && method !== "HEAD" && isDocument(flow);
  if (!navigates && !isForm) {
    flow.fail(
      new ProxyError("PROXY_CHALLENGE_REQUIRED", {
        message: `the client needs a clearance (score ${flow.madeContext?.scoreTotal ?? 0})`,
        fields: ["Vary", "Cookie, Accept"],
      }),
    );
    return;
  }
  const now = flow.parts.clock.now();
  const ticket = {
    id: randomBytes(12).toString("base64url"),
    difficulty: difficultyFor(flow, policy),
    issuedAt: now,
    expiresAt: now + policy.timeLimitMs,
    returnTo: navigates ? returnAddress(flow.rawPath + flow.rawSearch) : "/",
  };
  const sealed = sealTicket(plan.tickets, ticket, bindingFor(flow, policy));
  const location = `${plan.path}challenge?policy=${policy.key}&token=${sealed}`;
  if (isForm) {
    answerPostponed(flow, plan, location);
  } else if (location.length > LONGEST_LOCATION) {
    // Longer than a target may be, but not than a page.
    answerPage(flow, plan, policy, ticket, sealed);
  } else {
    flow.respond(302, ["Location", location, "Cache-Control", "no-store"], undefined, "proxy");
  }
}

function isDocument(flow: Flow): boolean {
  const { fields } = flow.exchange;
  const mode = fieldValue(fields, "sec-fetch-mode");
  return prefersHtml(fieldValue(fields, "accept")) && (mode === undefined || mode === "navigate");
}

function difficultyFor(flow: Flow, policy: ChallengePolicy): number {
  const difficulty: unknown = policy.difficulty(flow.madeContext?.scoreTotal ?? 0);
  if (typeof difficulty !== "number" || !(difficulty >= 1)) return 1;
  return Math.min(MAX_DIFFICULTY, Math.floor(difficulty));
}
