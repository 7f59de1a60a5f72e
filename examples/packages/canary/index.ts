/** A share of the clients goes to another upstream: always the same ones, so that nobody changes sides from page to page. */
import { createHash } from "node:crypto";

import { definePlugin, type Context, type Plugin, type ProxyRequest } from "@gatewright/sdk";

export interface CanaryOptions {
  /** The upstream that a share of the clients goes to. */
  readonly upstream: string;
  /** From 0 to 1. */
  readonly share: number;
  /**
   * What makes one client. Default `"address"`. A cookie (`{ cookie: "session" }`) and a field keep somebody together
   * who changes the address; who has none is taken by the address.
   */
  readonly by?:
    | "address"
    | { readonly cookie: string }
    | { readonly header: string }
    | ((request: ProxyRequest, ctx: Context) => string | undefined);
  /** Another text picks other clients: a new experiment does not meet those of the last one. Default: `upstream`. */
  readonly seed?: string;
  /** Cookie of testers that says `always` or `never`. Default `"canary"`; `false`: nobody chooses. */
  readonly override?: string | false;
  /** Only paths that begin so. Default: all. */
  readonly paths?: readonly string[];
}

const canary: (options: CanaryOptions) => Plugin = definePlugin((options: CanaryOptions) => {
  const { upstream, share, by = "address", seed = upstream, override = "canary" } = options;
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`canary: share is ${share}; expected a number from 0 to 1.`);
  }
  const identify = toIdentity(by);

  return {
    name: `gatewright-plugin-canary ${upstream}`,

    onRequest(request, ctx) {
      if (options.paths?.some((path) => request.path.startsWith(path)) === false) return;
      const wish = override === false ? undefined : request.cookie(override);
      const client = identify(request, ctx) ?? ctx.client.address;
      const isCanary = wish === "always" || (wish !== "never" && position(seed, client) < share);
      ctx.state["canary"] = isCanary;
      if (isCanary) return ctx.forward(upstream);
    },
  };
});

export default canary;

function toIdentity(
  by: NonNullable<CanaryOptions["by"]>,
): (request: ProxyRequest, ctx: Context) => string | undefined {
  if (by === "address") return (_request, ctx) => ctx.client.address;
  if (typeof by === "function") return by;
  if ("cookie" in by) return (request) => request.cookie(by.cookie);
  return (request) => request.headers.get(by.header) ?? undefined;
}

/** From 0 to below 1, spread evenly, the same on every machine. */
function position(seed: string, client: string): number {
  const digest = createHash("sha256").update(seed).update("\0").update(client).digest();
  return digest.readUInt32BE(0) / 0x1_0000_0000;
}
