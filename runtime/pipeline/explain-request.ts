import type { RawFields } from "../http/raw-fields.ts";
import { AbsentClient, type AbsentRequest } from "./absent-client.ts";
import { afterLimits } from "./after-limits.ts";
import { begin } from "./begin.ts";
import { explainStoring } from "./cache/explain-cache.ts";
import type { ExplainInput, ExplainStep, Explanation } from "./explain.ts";
import { LinkedSet } from "../linked-set.ts";
import { Flow } from "./flow.ts";
import { explainLimits, explainLists } from "./explain-gates.ts";
import { passIpLists } from "./ip-lists.ts";
import type { PipelineParts } from "./parts.ts";
import { passLimits } from "./rate-limits.ts";
import { traceStep } from "./trace.ts";

/** Takes a made-up request down the real path, hooks included, as far as the dispatch; nothing leaves the process but what hooks send. */
export function explainRequest(parts: PipelineParts, input: ExplainInput): Promise<Explanation> {
  const steps: ExplainStep[] = [];
  return new Promise((resolve) => {
    const exchange = new AbsentClient(madeUp(input), () => {
      const { method, url, response } = input;
      if (response !== undefined && steps.at(-1)?.phase === "forward")
        explainStoring(flow, response);
      resolve({ method, url, steps });
    });
    const flow = new Flow(parts, exchange, { live: new LinkedSet(), tunnels: 0 });
    flow.trace = steps;
    exchange.receiver = flow;
    parts.lease.acquire();
    try {
      if (begin(flow) && passGates(flow)) {
        const owners = parts.hooks.request.map((hook) => hook.owner);
        if (owners.length > 0) traceStep(flow, "onRequest", `hooks of ${owners.join(", ")}`);
        afterLimits(flow);
      }
    } catch (error) {
      flow.failInternal(error);
    }
  });
}

/** As ever, but limits take nothing, and each list and limit says what it makes of the request. */
function passGates(flow: Flow): boolean {
  const { ipLists, limits } = flow.parts;
  if (ipLists !== undefined) {
    explainLists(flow, ipLists);
    if (!passIpLists(flow, ipLists)) return false;
  }
  if (limits === undefined) return true;
  explainLimits(flow, limits);
  return passLimits(flow, limits, afterLimits);
}

/** The request that is to be explained, as a client on this machine would send it. */
function madeUp(input: ExplainInput): AbsentRequest {
  const url = new URL(input.url);
  const scheme = url.protocol === "https:" ? "https" : "http";
  // As written, not as URL would tidy it: dot-segments and the like are what one wants explained.
  const target = /^https?:\/\/[^/?#]*([^#]*)/i.exec(input.url)?.[1] || "/";
  const fields = ["Host", url.host, ...input.fields];
  return {
    protocol: "HTTP/1.1",
    scheme,
    method: input.method,
    target: target.startsWith("/") ? target : `/${target}`,
    authority: url.host,
    fields,
    upgrade: upgradeToken(fields),
    connection: {
      peerAddress: input.clientAddress ?? "127.0.0.1",
      peerPort: 0,
      localAddress: "127.0.0.1",
      localPort: Number(url.port || (scheme === "https" ? 443 : 80)),
      servername: scheme === "https" ? url.hostname : undefined,
    },
  };
}

function upgradeToken(fields: RawFields): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() === "upgrade") return fields[i + 1]?.toLowerCase();
  }
  return undefined;
}
