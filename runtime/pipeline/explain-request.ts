import type { Duplex } from "node:stream";

import type { ConnectionFacts, Exchange, ExchangeReceiver } from "../downstream/exchange.ts";
import type { RawFields } from "../http/raw-fields.ts";
import { afterLimits } from "./after-limits.ts";
import { begin } from "./begin.ts";
import type { ExplainInput, ExplainStep, Explanation } from "./explain.ts";
import { Flow } from "./flow.ts";
import { passIpLists } from "./ip-lists.ts";
import type { PipelineParts } from "./parts.ts";
import { traceStep } from "./trace.ts";

/** Takes a made-up request down the real path, hooks included, as far as the dispatch; nothing leaves the process but what hooks send. */
export function explainRequest(parts: PipelineParts, input: ExplainInput): Promise<Explanation> {
  const steps: ExplainStep[] = [];
  return new Promise((resolve) => {
    const exchange = new DryExchange(input, () =>
      resolve({ method: input.method, url: input.url, steps }),
    );
    const flow = new Flow(parts, exchange, { live: new Set(), tunnels: 0 });
    flow.trace = steps;
    exchange.receiver = flow;
    parts.lease.acquire();
    try {
      if (begin(flow) && explainLists(flow)) {
        const owners = parts.hooks.request.map((hook) => hook.owner);
        if (owners.length > 0) traceStep(flow, "onRequest", `hooks of ${owners.join(", ")}`);
        afterLimits(flow);
      }
    } catch (error) {
      flow.failInternal(error);
    }
  });
}

/** Lists are asked as ever; limits are only named, since an explanation must use up nobody's allowance. */
function explainLists(flow: Flow): boolean {
  const { ipLists, limits } = flow.parts;
  if (ipLists !== undefined && !passIpLists(flow, ipLists)) return false;
  const uses = [...(limits?.all ?? []), ...(flow.routePlan?.limits ?? [])];
  if (uses.length > 0) {
    traceStep(flow, "limits", `counted by ${uses.map(({ name }) => name).join(", ")}`);
  }
  return true;
}

/** An exchange with nobody at the other end: it ends where the explanation does. */
class DryExchange implements Exchange {
  readonly protocol = "HTTP/1.1";
  readonly scheme: "http" | "https";
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: RawFields;
  readonly content = undefined;
  readonly upgrade: string | undefined;
  readonly expectsContinue = false;
  readonly connection: ConnectionFacts;
  headSent = false;
  readonly bytesReceived = 0;
  readonly bytesSent = 0;
  readonly takenBytes = 0;
  receiver: ExchangeReceiver | null = null;
  readonly #over: () => void;
  #open = true;

  constructor(input: ExplainInput, over: () => void) {
    const url = new URL(input.url);
    this.scheme = url.protocol === "https:" ? "https" : "http";
    this.method = input.method;
    // As written, not as URL would tidy it: dot-segments and the like are what one wants explained.
    this.target = /^https?:\/\/[^/?#]*([^#]*)/i.exec(input.url)?.[1] || "/";
    if (!this.target.startsWith("/")) this.target = `/${this.target}`;
    this.authority = url.host;
    this.fields = ["Host", url.host, ...input.fields];
    this.upgrade = upgradeToken(this.fields);
    const peerAddress = input.clientAddress ?? "127.0.0.1";
    this.connection = {
      peerAddress,
      peerPort: 0,
      localAddress: "127.0.0.1",
      localPort: Number(url.port || (this.scheme === "https" ? 443 : 80)),
      servername: this.scheme === "https" ? url.hostname : undefined,
    };
    this.#over = over;
  }

  writeInformational(): void {}

  writeHead(): void {
    this.headSent = true;
  }

  write(): boolean {
    return true;
  }

  end(): void {
    this.#close(true);
  }

  abort(): void {
    this.#close(false);
  }

  closeAfter(): void {}

  acceptUpgrade(): Duplex {
    throw new Error("explain opens no tunnel");
  }

  #close(complete: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    // The caller is still in the middle of a phase: let it finish first.
    queueMicrotask(() => {
      this.receiver?.onClose(complete);
      this.#over();
    });
  }
}

function upgradeToken(fields: RawFields): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() === "upgrade") return fields[i + 1]?.toLowerCase();
  }
  return undefined;
}
