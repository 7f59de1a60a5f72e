/** A page for everybody but those on a list, with 503 and Retry-After, so that search engines and clients come again. */
import { BlockList, isIP } from "node:net";

import { definePlugin, type Plugin } from "@gatewright/sdk";

export interface MaintenanceOptions {
  /** Asked for each request, so that a flag or a time of day may decide. Default true. */
  readonly on?: boolean | (() => boolean);
  /** Addresses and CIDR ranges that are served as always. Default: none. */
  readonly allow?: readonly string[];
  /** Paths that are served as always, by their beginning: health checks. Default: none. */
  readonly except?: readonly string[];
  /** Seconds from now, or when it is over (RFC 9110 §10.2.3). Default 600. */
  readonly retryAfter?: number | Date;
  /** Default: a page that says so in a sentence. */
  readonly html?: string;
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Back soon</title><style>body{font:18px/1.6 system-ui;max-width:32rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>Back soon</h1><p>We are working on this site. Please come again in a few minutes.</p></html>
`;

const maintenance: (options?: MaintenanceOptions) => Plugin = definePlugin(
  (options: MaintenanceOptions = {}) => {
    const { on = true, allow = [], except = [], retryAfter = 600, html = PAGE } = options;
    const allowed = toBlockList(allow);
    const fields = {
      "retry-after": retryAfter instanceof Date ? retryAfter.toUTCString() : retryAfter,
      // No cache may show this page when the site is back.
      "cache-control": "no-store",
    };

    return {
      name: "gatewright-plugin-maintenance",
      order: "pre",

      onRequest(request, ctx) {
        if (!(typeof on === "function" ? on() : on)) return;
        if (except.some((path) => request.path.startsWith(path))) return;
        const { address } = ctx.client;
        if (allowed.check(address, isIP(address) === 6 ? "ipv6" : "ipv4")) return;
        if ((request.headers.get("accept") ?? "").includes("text/html")) {
          return ctx.respond(503, html, { ...fields, "content-type": "text/html; charset=utf-8" });
        }
        return ctx.json({ error: "under maintenance" }, 503, fields);
      },
    };
  },
);

export default maintenance;

function toBlockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix, ...rest] = range.split("/");
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
    if (version === 0 || rest.length > 0 || !(bits <= most)) {
      throw new TypeError(
        `maintenance: allow has ${JSON.stringify(range)}; expected an address or a range such as "198.51.100.0/24".`,
      );
    }
    list.addSubnet(address, bits, version === 6 ? "ipv6" : "ipv4");
  }
  return list;
}
