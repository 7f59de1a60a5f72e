import type { BodyInput, HeadersInput } from "./headers.ts";
import type { Duration } from "./units.ts";

/** Options of one forward, over those of the route and the upstream. */
export interface ForwardOptions {
  /** The Host that the upstream sees: the client's (`"preserve"`), the target's (`"target"`), or this text. Default: the route's, else the upstream's, else `"preserve"`. */
  host?: "preserve" | "target" | (string & {});
  /** Time until the response head has arrived. Default: the route's. Error: `PROXY_UPSTREAM_HEAD_TIMEOUT` (504). */
  responseHeadTimeout?: Duration;
}

/** Go to an upstream. Does not end the hook chain: later hooks still run and may choose again; the last choice wins. */
export interface ForwardDecision {
  /** Tells decisions apart. */
  readonly kind: "forward";
  /** Name in `upstreams`. */
  readonly upstream: string;
  /** Default: those of the route and the upstream. */
  readonly options?: ForwardOptions;
}
/** Answer now with this response. */
export interface RespondDecision {
  /** Tells decisions apart. */
  readonly kind: "respond";
  /** 200 to 599. */
  readonly status: number;
  /** Default: only what the content needs. */
  readonly headers?: HeadersInput;
  /** Default: no content. */
  readonly body?: BodyInput;
}
/** Send the client to the challenge page (needs `challenge` in the config). */
export interface ChallengeDecision {
  /** Tells decisions apart. */
  readonly kind: "challenge";
  /** Default: the policy of `challenge`. */
  readonly policy?: string;
}
/** Refuse with an error answer. `reason` goes to the log, never to the client. */
export interface BlockDecision {
  /** Tells decisions apart. */
  readonly kind: "block";
  /** One sentence for the log. */
  readonly reason: string;
  /** Default 403. */
  readonly status?: number;
}
/** Close the connection without an answer. */
export interface DropDecision {
  /** Tells decisions apart. */
  readonly kind: "drop";
}

/** What `onRequest` and `onUpgrade` may decide: plain data, so it can be logged and tested. */
export type RequestDecision =
  | ForwardDecision
  | RespondDecision
  | ChallengeDecision
  | BlockDecision
  | DropDecision;

/** What `onResponse` may decide. */
export type ResponseDecision = RespondDecision | BlockDecision | DropDecision;

/** What `onError` may decide. `forward` is a fallback upstream, possible only while no response head is out and the content can be replayed. */
export type ErrorDecision = ForwardDecision | RespondDecision | BlockDecision | DropDecision;
