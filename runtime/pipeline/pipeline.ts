import type { Exchange } from "../downstream/exchange.ts";
import type { ExplainInput, Explanation } from "./explain.ts";

/** The compiled request path of one generation. */
export interface Pipeline {
  /** Takes one request from its head to its access record. Never throws. */
  serve(exchange: Exchange): void;
  /** Runs the phases up to the dispatch, dispatching nothing, and tells why. */
  explain(input: ExplainInput): Promise<Explanation>;
  /** Cuts every stream and tunnel that this pipeline still carries (WebSockets with 1001 where a frame boundary is known, else closed). */
  cutStreams(): void;
  /** Requests, streams and tunnels alive. */
  readonly stats: { readonly requests: number; readonly streams: number; readonly tunnels: number };
}
