import { ProxyError } from "../errors.ts";
import { chooseCoding, parseAcceptEncoding } from "../http/accept-encoding.ts";
import { fieldValue } from "../http/raw-fields.ts";
import { challengeAsset } from "../primitives/challenge/assets.ts";
import { chooseLanguage } from "../primitives/challenge/languages.ts";
import { openTicket, type Ticket } from "../primitives/challenge/ticket.ts";
import { bindingFor, type ChallengePlan, type ChallengePolicy } from "./challenge-plan.ts";
import {
  answerNotice,
  answerPage,
  setCookie,
  takeOver,
  triesCookie,
  triesOf,
  unavailable,
} from "./challenge-pages.ts";
import type { Flow } from "./flow.ts";
import { traceStep } from "./trace.ts";

const LONGEST_FORM = 64 * 1024;

/** What lies under `challenge.path`: the page, its assets and the address that solutions are sent to. Nothing else, and nothing of it is forwarded. */
export function answerChallengePath(flow: Flow, plan: ChallengePlan): void {
  takeOver(flow);
  const name = flow.normalizedPath.slice(plan.path.length);
  const { method } = flow.exchange;
  const reads = method === "GET" || method === "HEAD";
  if (flow.trace !== null) traceStep(flow, "challenge", `answers ${name} itself`, [], "decided");
  if (name === "challenge" && reads) {
    showPage(flow, plan);
  } else if (name === "verify" && method === "GET") {
    verifyWait(flow, plan);
  } else if (name === "verify" && method === "POST") {
    verifyForm(flow, plan);
  } else if (name === "challenge" || name === "verify") {
    const allowed = name === "verify" ? "GET, POST" : "GET, HEAD";
    flow.fail(new ProxyError("PROXY_REQUEST_METHOD", { fields: ["Allow", allowed] }));
  } else {
    answerAsset(flow, name, reads);
  }
}

function answerAsset(flow: Flow, name: string, reads: boolean): void {
  const asset = challengeAsset(name);
  if (asset === undefined || !reads) {
    flow.fail(new ProxyError("PROXY_ROUTE_NOT_FOUND"));
    return;
  }
  const accepted = parseAcceptEncoding(
    fieldValue(flow.exchange.fields, "accept-encoding") ?? "identity",
  );
  const coding = chooseCoding(accepted, ["gzip"]);
  const fields = [
    "Content-Type",
    asset.type,
    "Cache-Control",
    "no-store",
    "Vary",
    "Accept-Encoding",
  ];
  fields.push("X-Content-Type-Options", "nosniff");
  if (coding !== undefined) fields.push("Content-Encoding", coding);
  flow.respond(200, fields, coding === undefined ? asset.bytes : asset.gzip, "proxy");
}

interface Claim {
  readonly policy: ChallengePolicy;
  readonly ticket: Ticket;
  readonly sealed: string;
}

function claimOf(flow: Flow, plan: ChallengePlan, form: URLSearchParams): Claim | undefined {
  const policy = plan.byKey.get(form.get("policy") ?? "");
  const sealed = form.get("token");
  if (policy === undefined || sealed === null) return undefined;
  const ticket = openTicket(plan.tickets, sealed, bindingFor(flow, policy));
  return ticket === undefined ? undefined : { policy, ticket, sealed };
}

function showPage(flow: Flow, plan: ChallengePlan): void {
  const claim = claimOf(flow, plan, new URLSearchParams(flow.rawSearch));
  if (claim === undefined || hasExpired(flow, claim)) {
    answerNotice(flow, plan, "refused", claim?.ticket.returnTo ?? "/");
  } else {
    answerPage(flow, plan, claim.policy, claim.ticket, claim.sealed);
  }
}

/** Without JavaScript: the solution is to have waited. */
function verifyWait(flow: Flow, plan: ChallengePlan): void {
  const claim = claimOf(flow, plan, new URLSearchParams(flow.rawSearch));
  if (claim === undefined || hasExpired(flow, claim)) {
    answerNotice(flow, plan, "refused", claim?.ticket.returnTo ?? "/");
    return;
  }
  const { policy, ticket } = claim;
  const hasWaited =
    policy.noScriptMs !== undefined &&
    flow.parts.clock.now() >= ticket.issuedAt + policy.noScriptMs;
  settle(flow, plan, claim, Promise.resolve(hasWaited));
}

function verifyForm(flow: Flow, plan: ChallengePlan): void {
  if ((flow.content?.length ?? 0) > LONGEST_FORM) {
    flow.fail(new ProxyError("PROXY_CONTENT_TOO_LARGE"));
    return;
  }
  const { turn } = flow;
  flow.request.text().then(
    (text) => {
      if (flow.turn !== turn) return;
      try {
        verifyText(flow, plan, text);
      } catch (error) {
        flow.failInternal(error);
      }
    },
    (error: unknown) => {
      if (flow.turn !== turn) return;
      if (error instanceof ProxyError) flow.fail(error);
      else flow.failInternal(error);
    },
  );
}

function verifyText(flow: Flow, plan: ChallengePlan, text: string): void {
  const form = new URLSearchParams(text.length > LONGEST_FORM ? "" : text);
  const claim = claimOf(flow, plan, form);
  if (claim === undefined || hasExpired(flow, claim)) {
    answerNotice(flow, plan, "refused", claim?.ticket.returnTo ?? "/");
    return;
  }
  const { id, difficulty, expiresAt } = claim.ticket;
  const language = chooseLanguage(fieldValue(flow.exchange.fields, "accept-language"));
  const facts = { id, difficulty, expiresAt, language, clientAddress: flow.clientAddress };
  settle(flow, plan, claim, verified(claim.policy, form, facts));
}

async function verified(
  policy: ChallengePolicy,
  form: URLSearchParams,
  facts: Parameters<ChallengePolicy["provider"]["verify"]>[1],
): Promise<boolean> {
  return policy.provider.verify(form, facts);
}

/** A good solution is spent and paid with a clearance; the first of several wins. */
function settle(flow: Flow, plan: ChallengePlan, claim: Claim, solution: Promise<boolean>): void {
  const { returnTo } = claim.ticket;
  const tries = triesOf(flow, plan);
  if (tries === undefined) {
    // The clearance would be lost as well, and the client back here in a moment: it must not go round.
    void solution.catch(() => {});
    answerNotice(flow, plan, "cookies", returnTo);
    return;
  }
  const { turn } = flow;
  spend(flow, plan, claim, solution).then(
    (outcome) => {
      if (flow.turn !== turn) return;
      if (outcome === "spent") answerNotice(flow, plan, "refused", returnTo);
      else if (outcome === "wrong") answerNotice(flow, plan, "failed", returnTo);
      else clear(flow, plan, claim, tries);
    },
    (cause: unknown) => {
      if (flow.turn === turn) flow.fail(unavailable(cause));
    },
  );
}

async function spend(
  flow: Flow,
  plan: ChallengePlan,
  { ticket }: Claim,
  solution: Promise<boolean>,
): Promise<"good" | "wrong" | "spent"> {
  if ((await solution) !== true) return "wrong";
  const isFirst = await plan.spent.spend(ticket.id, ticket.expiresAt, flow.parts.clock.now());
  return isFirst ? "good" : "spent";
}

function clear(flow: Flow, plan: ChallengePlan, { policy, ticket }: Claim, tries: number): void {
  const expiresAt = flow.parts.clock.now() + policy.clearanceMs;
  const value = plan.clearance.issue(expiresAt, bindingFor(flow, policy));
  const seconds = Math.ceil(policy.clearanceMs / 1000);
  flow.respond(
    303,
    [
      "Location",
      ticket.returnTo,
      "Cache-Control",
      "no-store",
      "Set-Cookie",
      setCookie(flow, plan.cookie, value, seconds),
      "Set-Cookie",
      triesCookie(flow, plan, tries + 1),
    ],
    undefined,
    "proxy",
  );
}

function hasExpired(flow: Flow, { ticket }: Claim): boolean {
  return ticket.expiresAt <= flow.parts.clock.now();
}
