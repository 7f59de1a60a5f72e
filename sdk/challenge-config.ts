import type { Context } from "./context.ts";
import type { ProxyRequest } from "./request.ts";
import type { Duration, MaybePromise } from "./units.ts";

/** A service that tells people from programs. The page then loads its script from there. */
export interface RemoteChallenge {
  /** Whose. */
  type: "turnstile" | "hcaptcha" | "recaptcha";
  /** Public; goes into the page. */
  siteKey: string;
  /** Secret; sent to `verifyUrl` only. */
  secretKey: string;
  /** Where answers are verified. Default: the service's own. */
  verifyUrl?: string;
  /** The script that the page loads. Default: the service's own. Its origin is allowed to the page. */
  scriptUrl?: string;
}

/** What a provider puts into the challenge page. */
export interface ChallengePresentation {
  /** Put into the page's form as it is: escape what is not yours. Scripts and styles within it do not run. */
  html: string;
  /** URLs of scripts. They call `gatewrightSolved()` when the form can be sent. Default: none. */
  scripts?: readonly string[];
  /** Origins that the page may load scripts, frames and data from. Default: only its own. */
  sources?: readonly string[];
}

/** What a provider of your own makes a page for. */
export interface ChallengeFacts {
  /** Unique to this challenge, and spent with it. */
  readonly id: string;
  /** As chosen by `difficulty`. */
  readonly difficulty: number;
  /** Of the page: `"en"`, `"de"` … */
  readonly language: string;
  /** Milliseconds since 1970 from which it is not accepted any more. */
  readonly expiresAt: number;
  /** The client's, trusted proxies taken into account. */
  readonly clientAddress: string;
}

/** A kind of challenge of your own. */
export interface ChallengeProvider {
  /** For logs; clearances given under another name do not count. */
  name: string;
  /** Makes the form's content. */
  present(facts: ChallengeFacts): MaybePromise<ChallengePresentation>;
  /** Whether the form, as it was sent, is a solution. May be asked again until it has said yes. What it throws is logged and answered with 503. */
  verify(form: URLSearchParams, facts: ChallengeFacts): MaybePromise<boolean>;
}

/** What a clearance is bound to: whoever comes from elsewhere needs one of their own. */
export interface ChallengeBinding {
  /** Bits of an IPv4 address. Default 32. Fewer for clients whose address changes. */
  ipv4?: number;
  /** Bits of an IPv6 address. Default 64. */
  ipv6?: number;
  /** Default true. */
  userAgent?: boolean;
}

/** How clients are challenged. */
export interface ChallengePolicyConfig {
  /** Default `"pow"`: the browser computes for a moment, by itself, and nobody else is asked. */
  provider?: "pow" | RemoteChallenge | ChallengeProvider;
  /** Who is challenged. Must answer at once (no promise). Default: nobody but whom `ctx.challenge()` names. */
  when?(request: ProxyRequest, ctx: Context): boolean;
  /**
   * Of `"pow"`: how many attempts a solution takes on average; a browser makes some thousands a second. Default: 2,000,
   * doubled by every 5 points of score up to 32,000.
   */
  difficulty?: number | ((score: number) => number);
  /** How long a solution counts. Default `"1h"`. */
  clearance?: Duration;
  /** How long a client may take for a solution. Default `"5m"`. */
  timeLimit?: Duration;
  /**
   * Of `"pow"`: clients without JavaScript pass by waiting this long. Default `"5s"`. `false`: they do not pass. _Risk_: a
   * program can wait too.
   */
  noScript?: Duration | false;
  /** What a clearance is bound to. Default: the address (IPv6: its /64) and the User-Agent. */
  bind?: ChallengeBinding;
}

/** A crawler that is let through. */
export interface KnownBot {
  /** Part of its User-Agent, in any case. */
  userAgent: string;
  /** Its address must have a name below one of these, and the name this address. */
  domains: readonly string[];
}

/** The challenge page: suspicious clients solve something before they go on. */
export interface ChallengeConfig extends ChallengePolicyConfig {
  /** Where the page and what belongs to it is found. Default `"/.well-known/gatewright/"`. Nothing below it is forwarded. */
  path?: string;
  /** Name of the clearance's cookie. Default `"gatewright-clearance"`. */
  cookie?: string;
  /**
   * The newest first; clearances of older ones count until they end. At least 32 characters each. Default: one that is
   * generated and kept in `dataDir`.
   */
  secrets?: readonly string[];
  /** Others, for `ctx.challenge("name")`. Their keys replace those above one by one. */
  policies?: Readonly<Record<string, ChallengePolicyConfig>>;
  /** Crawlers that are not challenged, by their names in DNS. Default: the large search engines. `false`: none. */
  bots?: readonly KnownBot[] | false;
}
