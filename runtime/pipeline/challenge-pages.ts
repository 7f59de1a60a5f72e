import { fieldValue } from "../http/raw-fields.ts";
import { ProxyError } from "../errors.ts";
import { cookieValue } from "../http/cookie.ts";
import { chooseLanguage, LANGUAGES, type Language } from "../primitives/challenge/languages.ts";
import { challengePage, contentSecurityPolicy, noticePage } from "../primitives/challenge/page.ts";
import type { Ticket } from "../primitives/challenge/ticket.ts";
import type { ChallengePlan, ChallengePolicy } from "./challenge-plan.ts";
import type { Flow } from "./flow.ts";

const LONGEST_WAIT_URL = 6000;
/** Solved so often within a minute and back again: something eats the clearance, and only a person can end that. */
const MOST_AUTOMATIC = 2;
const TRIES_MS = 60_000;
/** As long as a page may stay open. */
const COOKIE_SECONDS = 86_400;

/** Whose answers are ours: no hook and no field rule touches them. */
export function takeOver(flow: Flow): void {
  flow.isOwn = true;
  flow.responseHooksDone = true;
  flow.errorHooksDone = true;
}

/** The page that is solved. Its status is 403: whoever cannot look at it was refused. */
export function answerPage(
  flow: Flow,
  plan: ChallengePlan,
  policy: ChallengePolicy,
  ticket: Ticket,
  sealed: string,
): void {
  takeOver(flow);
  const language = languageOf(flow);
  const { turn } = flow;
  const { id, difficulty, expiresAt } = ticket;
  const facts = { id, difficulty, expiresAt, language, clientAddress: flow.clientAddress };
  presented(policy, facts).then(
    (presentation) => {
      if (flow.turn !== turn) return;
      const tries = triesOf(flow, plan);
      const waitUrl = `${plan.path}verify?policy=${policy.key}&token=${sealed}`;
      const canWait = policy.noScriptMs !== undefined && waitUrl.length <= LONGEST_WAIT_URL;
      const html = challengePage({
        language,
        path: plan.path,
        presentation,
        policy: policy.key,
        ticket: sealed,
        wait: canWait
          ? { seconds: Math.ceil((policy.noScriptMs as number) / 1000), url: waitUrl }
          : undefined,
        isAutomatic: (tries ?? 0) < MOST_AUTOMATIC,
      });
      const csp = contentSecurityPolicy(presentation.sources ?? []);
      const cookies = tries === undefined ? ["Set-Cookie", triesCookie(flow, plan, 0)] : [];
      answerHtml(flow, language, html, csp, cookies);
    },
    (cause: unknown) => {
      if (flow.turn === turn) flow.fail(unavailable(cause));
    },
  );
}

/** A form that was not sent: its tab keeps it, the challenge opens in another one. */
export function answerPostponed(flow: Flow, plan: ChallengePlan, location: string): void {
  takeOver(flow);
  const language = languageOf(flow);
  const { postponed, openPage } = LANGUAGES[language];
  const link = { href: location, text: openPage, newTab: true };
  answerHtml(flow, language, noticePage(language, plan.path, postponed, link));
}

/** What went wrong, and a way back that has to be chosen: nothing goes round by itself. */
export function answerNotice(
  flow: Flow,
  plan: ChallengePlan,
  text: "refused" | "failed" | "cookies",
  returnTo: string,
): void {
  takeOver(flow);
  flow.blockReason = `challenge ${text}`;
  const language = languageOf(flow);
  const texts = LANGUAGES[language];
  const link = { href: returnTo, text: texts.again };
  answerHtml(flow, language, noticePage(language, plan.path, texts[text], link));
}

export function unavailable(cause: unknown): ProxyError {
  return new ProxyError("PROXY_CHALLENGE_UNAVAILABLE", { cause });
}

/** How often this browser has solved one within the last minute; `undefined`: it has not shown that it keeps cookies. */
export function triesOf(flow: Flow, plan: ChallengePlan): number | undefined {
  const value = cookieValue(flow.exchange.fields, `${plan.cookie}-tries`) ?? "";
  const [, count, seconds] = /^(\d{1,3})-(\d{1,12})$/.exec(value) ?? [];
  if (count === undefined) return undefined;
  return Number(seconds) * 1000 > flow.parts.clock.now() - TRIES_MS ? Number(count) : 0;
}

export function triesCookie(flow: Flow, plan: ChallengePlan, tries: number): string {
  const value = `${Math.min(tries, 999)}-${Math.floor(flow.parts.clock.now() / 1000)}`;
  return setCookie(flow, `${plan.cookie}-tries`, value, COOKIE_SECONDS);
}

export function setCookie(flow: Flow, name: string, value: string, seconds: number): string {
  const secure = flow.scheme === "https" ? "; Secure" : "";
  return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
}

async function presented(
  policy: ChallengePolicy,
  facts: Parameters<ChallengePolicy["provider"]["present"]>[0],
): Promise<Awaited<ReturnType<ChallengePolicy["provider"]["present"]>>> {
  return policy.provider.present(facts);
}

function languageOf(flow: Flow): Language {
  return chooseLanguage(fieldValue(flow.exchange.fields, "accept-language"));
}

function answerHtml(
  flow: Flow,
  language: Language,
  html: string,
  csp = contentSecurityPolicy([]),
  fields: readonly string[] = [],
): void {
  flow.respond(
    403,
    [
      "Content-Type",
      "text/html; charset=utf-8",
      "Content-Language",
      language,
      "Cache-Control",
      "no-store",
      "Content-Security-Policy",
      csp,
      "Referrer-Policy",
      "same-origin",
      "X-Content-Type-Options",
      "nosniff",
      "X-Robots-Tag",
      "noindex",
      ...fields,
    ],
    Buffer.from(html),
    "proxy",
  );
}
