import { ProxyError } from "../errors.ts";
import { parseAuthority } from "../http/host.ts";
import { safeLocation } from "../http/location.ts";
import type { Flow } from "./flow.ts";

/**
 * The same address under https. 308 keeps method and content (RFC 9110 §15.4.9). Only the host of the request's own
 * authority is taken over: a target such as `//evil.test` stays a path.
 */
export function redirectToHttps(flow: Flow, port: number): void {
  const host = parseAuthority(flow.exchange.authority)?.host;
  const target = flow.exchange.target;
  const location =
    host === undefined
      ? undefined
      : safeLocation(`https://${host}${port === 443 ? "" : `:${port}`}${target}`);
  if (location === undefined) {
    // HTTP/1.0 without Host: there is no address to send the client to.
    flow.fail(new ProxyError("PROXY_REQUEST_HOST", { message: "no host to redirect to" }));
    return;
  }
  flow.respond(308, ["Location", location], undefined, "proxy");
}
