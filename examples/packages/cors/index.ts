/** Cross-origin requests by the Fetch standard (https://fetch.spec.whatwg.org/#http-cors-protocol). */
import { definePlugin, type Plugin, type ProxyResponse } from "@gatewright/sdk";

export interface CorsOptions {
  /** Who may: `"*"` for everybody, origins as browsers write them (`"https://app.example"`), or a function. */
  readonly origins: "*" | readonly string[] | ((origin: string) => boolean);
  /** Default: GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly methods?: readonly string[];
  /** Request fields beyond the safelisted ones. Default `["content-type"]`; `"*"`: whatever is asked for. */
  readonly headers?: readonly string[] | "*";
  /** Response fields that scripts may read. Default: none beyond the safelisted ones. */
  readonly exposed?: readonly string[];
  /** Cookies and Authorization come along. Default false. Not together with `origins: "*"`. */
  readonly credentials?: boolean;
  /** How long browsers keep a preflight's answer, seconds. Default 600. */
  readonly maxAge?: number;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const OWN_FIELDS = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "access-control-max-age",
];

const cors: (options: CorsOptions) => Plugin = definePlugin((options: CorsOptions) => {
  const { origins, methods = METHODS, headers = ["content-type"], exposed = [] } = options;
  const { credentials = false, maxAge = 600 } = options;
  // The standard forbids it, and a server that mirrors every origin instead gives each site the user's data.
  if (credentials && origins === "*") {
    throw new TypeError('cors: `credentials` needs `origins` that are named, not "*".');
  }
  if (Array.isArray(origins)) for (const origin of origins as string[]) checkOrigin(origin);
  const isAllowed = toTest(origins);
  const allowedFields = headers === "*" ? undefined : new Set(headers.map(lower));

  return {
    name: "gatewright-plugin-cors",
    // A preflight carries no token: it must be answered before a plugin asks for one.
    order: "pre",

    onRequest(request, ctx) {
      const origin = request.headers.get("origin");
      ctx.state["corsOrigin"] = origin;
      const method = request.headers.get("access-control-request-method");
      if (request.method !== "OPTIONS" || origin === null || method === null) return;
      const asked = (request.headers.get("access-control-request-headers") ?? "")
        .split(",")
        .map((name) => lower(name.trim()))
        .filter((name) => name !== "");
      const fits =
        isAllowed(origin) &&
        methods.includes(method) &&
        asked.every((name) => allowedFields?.has(name) ?? true);
      if (!fits) {
        ctx.log.debug({ origin, method, asked }, "a preflight was refused");
        ctx.state["corsOrigin"] = null;
        return ctx.respond(403, null);
      }
      return ctx.respond(204, null, {
        "access-control-allow-methods": methods.join(", "),
        ...(asked.length > 0 ? { "access-control-allow-headers": asked.join(", ") } : {}),
        "access-control-max-age": maxAge,
      });
    },

    onResponse(response, ctx) {
      const { headers: fields } = response;
      // What a limit, a list or the WAF refuses has seen no onRequest; the page is to learn the status all the same.
      const seen = ctx.state["corsOrigin"] as string | null | undefined;
      const origin = seen === undefined ? ctx.request.headers.get("origin") : seen;
      const isPreflight = response.source === "hook" && fields.has("access-control-max-age");
      // What an upstream says about it is not this config's word.
      if (!isPreflight) for (const name of OWN_FIELDS) fields.delete(name);
      // Also where nothing is allowed: a cache must not give this answer to another origin.
      if (origins !== "*") addVary(fields, "Origin");
      if (origin === null || !isAllowed(origin)) return;
      fields.set("access-control-allow-origin", origins === "*" ? "*" : origin);
      if (credentials) fields.set("access-control-allow-credentials", "true");
      if (exposed.length > 0 && !isPreflight) {
        fields.set("access-control-expose-headers", exposed.join(", "));
      }
    },
  };
});

export default cors;

function toTest(origins: CorsOptions["origins"]): (origin: string) => boolean {
  if (origins === "*") return () => true;
  if (typeof origins === "function") return origins;
  const all = new Set(origins);
  return (origin) => all.has(origin);
}

/** A typing error here would open or close a door silently. */
function checkOrigin(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.origin === text) return;
  throw new TypeError(
    `cors: ${JSON.stringify(text)} is no origin; expected scheme, host and port as browsers write them${url === undefined ? "" : `: ${JSON.stringify(url.origin)}`}.`,
  );
}

function addVary(fields: ProxyResponse["headers"], name: string): void {
  const present = fields.getAll("vary").join(", ");
  const names = present.split(",").map((one) => lower(one.trim()));
  if (names.includes("*") || names.includes(lower(name))) return;
  fields.set("vary", present === "" ? name : `${present}, ${name}`);
}

function lower(text: string): string {
  return text.toLowerCase();
}
