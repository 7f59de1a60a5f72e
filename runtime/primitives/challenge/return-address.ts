import { safeLocation } from "../../http/location.ts";

/** No URL of anybody can have this host: what resolves to it is on our own. */
const BASE = "http://local.invalid";

/**
 * A request's target as an address to come back to: on this host, whatever a browser makes of it. `/` for what is none:
 * a redirect that a client chooses must not lead elsewhere.
 */
export function returnAddress(target: string): string {
  if (!target.startsWith("/")) return "/";
  const location = safeLocation(target);
  if (location === undefined || !location.startsWith("/")) return "/";
  const url = URL.parse(location, BASE);
  return url !== null && url.origin === BASE && url.username === "" ? location : "/";
}
