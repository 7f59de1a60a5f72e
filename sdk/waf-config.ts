import type { Context } from "./context.ts";
import type { RequestDecision } from "./decisions.ts";
import type { ProxyRequest } from "./request.ts";
import type { MaybePromise, Size } from "./units.ts";
import type { WafRuleId, WafTag } from "./waf-rule-id.ts";
import type { WafRule, WafSeverity } from "./waf-rule.ts";

/** What is not to be found. All that is given must hold; without `rules` and `tags` every rule is left out there. */
export interface WafExclusion {
  /** `"/cms/page"`, or `"/cms/*"` for it and everything below. Default: every path. */
  path?: string;
  /** Name of a parameter, cookie, field or JSON path (`"user.bio"`), in any case; `*` at the end stands for anything. Default: every place. */
  parameter?: string;
  /** Ids of rules, or a beginning: `"sqli-structure"`, `"xss-*"`. A name that no rule has is an error. */
  rules?: readonly (WafRuleId | `${string}*` | (string & {}))[];
  /** Tags of rules: `"attack-rfi"`. A tag that no rule has is an error. */
  tags?: readonly (WafTag | (string & {}))[];
}

/** Whether answers are looked at, for what they give away. */
export interface WafResponseConfig {
  /**
   * So much of the beginning of each text is held back until it was looked at. Default `"64kb"`, at most `"1mb"`. What
   * follows it, and event streams, pass as they come.
   */
  maxInspect?: Size;
  /** Points of an answer from which on it is withheld. Default 4. */
  threshold?: number;
}

/** The web application firewall. `{}`: block, paranoia 1, threshold 5. A route's keys replace the global ones one by one. */
export interface WafConfig {
  /**
   * `"block"`: requests with `threshold` points or more are refused with 403. `"flag"`: none is, but what matched is in
   * `ctx.waf.matches`, in `ctx.score` and in the log. `"off"`: nothing is looked at. Default `"block"`.
   */
  mode?: "off" | "flag" | "block";
  /** How eager the rules are, 1 to 4. From 2 on expect to write exclusions. Default 1. */
  paranoia?: 1 | 2 | 3 | 4;
  /** Points from which on a request is refused. One critical match has 5. Default 5. _Risk_ of more: one attack alone may pass. */
  threshold?: number;
  /** What is not to be found. Default: nothing. */
  exclude?: readonly WafExclusion[];
  /** Rules of your own, beside those that come with Gatewright. Default: none. */
  rules?: readonly WafRule[];
  /**
   * Bytes of a request's content that are inspected, its codings taken off; files of multipart forms and pictures do not
   * count. More than that is refused in mode `"block"` (rule `anomaly-content-too-large`). Default `"1mb"`, at most
   * `"64mb"`.
   */
  maxInspect?: Size;
  /** Look at answers too: stack traces, SQL errors, private keys, card numbers. Default false. */
  response?: boolean | WafResponseConfig;
  /**
   * Called when rules have matched in the head of a request, and again when some have in its content, with all matches so
   * far and before anything is refused. Its decision is carried out; `forward` lets the request through to that upstream,
   * whatever matched. Without one, `mode` decides.
   */
  onMatch?(
    matches: readonly WafMatch[],
    request: ProxyRequest,
    ctx: Context,
  ): MaybePromise<RequestDecision | Response | void>;
}

/** A rule that matched. */
export interface WafMatch {
  /** The rule's id. */
  readonly rule: WafRuleId | (string & {});
  /** What it means. */
  readonly message: string;
  /** As the rule says. */
  readonly severity: WafSeverity;
  /** As the rule says. */
  readonly tags: readonly string[];
  /** Its points. */
  readonly points: number;
  /** Where: `"ARGS_GET:q"`, `"REQUEST_COOKIES:id"`. Names are the client's. */
  readonly place: string;
  /** What matched, shortened and masked. */
  readonly text: string;
  /** When it was found. */
  readonly phase: "head" | "content" | "response";
}

/** `ctx.waf`. */
export interface WafView {
  /** Of this request's route. */
  readonly mode: "off" | "flag" | "block";
  /** So far, in the order in which they were found: those of the head before `onRequest`, those of the content before an upstream is asked. */
  readonly matches: readonly WafMatch[];
  /** Sum of their points. */
  readonly points: number;
  /**
   * Inspects the content now, once, instead of after `onRequest`, and gives all matches so far. In mode `"block"` it rejects
   * with `PROXY_WAF_BLOCKED` where they reach the threshold: let that pass, and the request is refused.
   */
  inspect(): Promise<readonly WafMatch[]>;
}
