/**
 * START HERE: one request, top to bottom. Each step is a function in the file of its name.
 *
 *   begin            client address, id, path, Host and loop checks; the route, once
 *   ip-lists         allowlists and blocklists
 *   rate-limits      how much its client may ask for
 *   waf              attacks are refused: its rules on the head, later on the content and on what upstreams answer
 *   challenge        who looks suspicious needs a clearance first; our own addresses are answered here
 *   request-phase    onRequest (and onUpgrade): answer, refuse, or choose the upstream
 *   request-content  the whole content, in memory or in a file; or streamed
 *   cache/           from the store, with another request's fetch, or on; and what is stored
 *   forward          fields, Host, path, rules; dispatch to the upstream
 *   receive          what comes back: 1xx, head, content, trailers, errors
 *   response-phase   onUpstreamResponse, then onResponse
 *   send             response rules, transforms, compression, head and content to the client
 *   complete         access record, onComplete, lease; always, once
 *
 * Beside the path: `decide` carries out what a hook decided, `respond` answers without an upstream, `fail` is the one
 * way out for errors, `tunnel` carries upgraded connections, `subrequest` is `ctx.fetch`.
 */
import type { Exchange } from "../downstream/exchange.ts";
import { LinkedSet } from "../linked-set.ts";
import { afterLimits } from "./after-limits.ts";
import { begin } from "./begin.ts";
import type { ExplainInput, Explanation } from "./explain.ts";
import { explainRequest } from "./explain-request.ts";
import { Flow, type FlowRegistry } from "./flow.ts";
import type { PipelineParts } from "./parts.ts";
import { passIpLists } from "./ip-lists.ts";
import { passLimits } from "./rate-limits.ts";

/** The compiled request path of one generation. */
export interface Pipeline {
  /** Takes one request from its head to its access record. Never throws. */
  serve(exchange: Exchange): void;
  /** Runs the phases up to the dispatch, dispatching nothing, and tells why. */
  explain(input: ExplainInput): Promise<Explanation>;
  /** Cuts every stream and tunnel that this pipeline still carries: WebSockets with 1001 where a frame may begin. */
  cutStreams(): void;
  /** Requests, streams and tunnels alive. */
  readonly stats: {
    readonly requests: number;
    readonly streams: number;
    readonly tunnels: number;
  };
}

function checkLimits(flow: Flow): void {
  const { ipLists, limits } = flow.parts;
  if (ipLists !== undefined && !passIpLists(flow, ipLists)) return;
  if (limits === undefined || passLimits(flow, limits, afterLimits)) afterLimits(flow);
}

export function createPipeline(parts: PipelineParts): Pipeline {
  const registry: FlowRegistry = { live: new LinkedSet(), tunnels: 0 };

  return {
    serve(exchange) {
      const flow = new Flow(parts, exchange, registry);
      exchange.receiver = flow;
      registry.live.add(flow);
      parts.lease.acquire();
      parts.load.begin(flow.startedTick);
      try {
        if (begin(flow)) checkLimits(flow);
      } catch (error) {
        flow.failInternal(error);
      }
    },
    explain: (input) => explainRequest(parts, input),
    cutStreams() {
      for (const flow of registry.live.toArray()) {
        if (flow.stage === "over") continue;
        if (flow.tunnel !== undefined) flow.tunnel.cut();
        else if (flow.stage === "send") flow.exchange.abort();
      }
    },
    get stats() {
      let streams = 0;
      for (const flow of registry.live.toArray()) if (flow.stage === "send") streams += 1;
      return {
        requests: registry.live.size - registry.tunnels - streams,
        streams,
        tunnels: registry.tunnels,
      };
    },
  };
}
