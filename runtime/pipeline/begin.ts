import { ProxyError } from "../errors.ts";
import { normalizePath, splitTarget } from "../http/path.ts";
import { parseAuthority } from "../http/host.ts";
import { fieldValue } from "../http/raw-fields.ts";
import { createRequestId, isRequestId } from "../http/request-id.ts";
import { viaNames } from "../http/via.ts";
import type { Flow } from "./flow.ts";
import { redirectToHttps } from "./https-redirect.ts";
import { traceStep } from "./trace.ts";
import { refusedByWaf } from "./waf.ts";

const ENCODED_SLASH = /%(?:2F|5C)/;
const ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/**
 * Step 2 of the path: who asks, for what, by which route. Answers what is ours to answer (`OPTIONS *`, TRACE,
 * Max-Forwards, loops) and refuses ambiguous paths, all before any hook runs. Returns true if the request goes on.
 */
export function begin(flow: Flow): boolean {
  const { exchange, parts } = flow;
  const connection = exchange.connection;

  const client = parts.clientAddress(exchange.fields, connection.peerAddress, connection.peerPort);
  flow.clientAddress = client.address;
  flow.clientPort = client.port;
  flow.peerTrusted = client.trusted;
  if (client.scheme !== undefined) flow.scheme = client.scheme;

  const sentId = client.trusted ? fieldValue(exchange.fields, "x-request-id") : undefined;
  flow.id = sentId !== undefined && isRequestId(sentId) ? sentId : createRequestId();

  if (exchange.target === "*") {
    // RFC 9110 §9.3.7: OPTIONS * asks about the server, and the server is us.
    flow.rawPath = "*";
    flow.normalizedPath = "*";
    flow.respond(204, ["Allow", ALLOWED], undefined, "proxy");
    return false;
  }

  const split = splitTarget(exchange.target);
  flow.rawPath = split.rawPath;
  flow.rawSearch = split.search;
  const answer = parts.challengeAnswers?.answerFor(split.rawPath);
  if (answer !== undefined) {
    answerChallenge(flow, answer);
    return false;
  }
  const normalized = normalizePath(split.rawPath);
  if (typeof normalized !== "string") {
    refusePath(flow, new ProxyError(normalized.error, { message: normalized.message }));
    return false;
  }
  if (parts.encodedSlash === "refuse" && ENCODED_SLASH.test(normalized)) {
    // Whether it separates is the upstream's business, and a rule for a folder must not depend on that.
    refusePath(
      flow,
      new ProxyError("PROXY_REQUEST_PATH", {
        message:
          "the path has an encoded slash; `paths.encodedSlash` decides whether that is allowed",
      }),
    );
    return false;
  }
  flow.normalizedPath = normalized;

  if (connection.redirectPort !== undefined && flow.scheme === "http") {
    // Not where a trusted proxy has ended TLS already: that would be a loop.
    redirectToHttps(flow, connection.redirectPort);
    return false;
  }
  if (parts.challenge !== undefined && normalized.startsWith(parts.challenge.path)) {
    flow.isOwn = true;
    return true;
  }
  if (flow.method === "TRACE" && !parts.trace) {
    // RFC 9110 §9.3.8 lets TRACE show the request as the origin got it, our own fields included.
    flow.fail(new ProxyError("PROXY_REQUEST_METHOD", { fields: ["Allow", ALLOWED] }));
    return false;
  }
  if (parts.via !== undefined && viaNames(exchange.fields, parts.via)) {
    flow.fail(new ProxyError("PROXY_LOOP", { message: `Via already names ${parts.via}` }));
    return false;
  }

  if (flow.trace !== null) {
    traceStep(flow, "begin", `path ${normalized}, client ${flow.clientAddress}`, [
      `id ${flow.id}`,
      flow.peerTrusted ? "the peer is a trusted proxy" : "no trusted proxy in front",
    ]);
  }
  matchRoute(flow);

  if (flow.method === "OPTIONS" || flow.method === "TRACE") {
    // RFC 9110 §7.6.2: Max-Forwards 0 must not be forwarded; we are the final recipient.
    if (fieldValue(exchange.fields, "max-forwards")?.trim() === "0") {
      flow.respond(204, ["Allow", ALLOWED], undefined, "proxy");
      return false;
    }
  }
  return true;
}

/** A path that nobody should see is mostly an attack: then it is called one, counted and logged as such. */
function refusePath(flow: Flow, error: ProxyError): void {
  const plan = flow.parts.waf?.global;
  if (plan === undefined || !refusedByWaf(flow, plan)) flow.fail(error);
}

/**
 * RFC 8555 §8.3. Before everything that could keep the CA from it: redirects, routes, user code. Whoever else asks gets it
 * too, it proves nothing to them.
 */
function answerChallenge(flow: Flow, answer: string): void {
  flow.normalizedPath = flow.rawPath;
  flow.responseHooksDone = true;
  const fields = ["Content-Type", "application/octet-stream", "Cache-Control", "no-store"];
  flow.respond(200, fields, Buffer.from(answer), "proxy");
}

/** Once for each request: every later step takes its options from the result. */
function matchRoute(flow: Flow): void {
  const { exchange, parts } = flow;
  const host = parseAuthority(exchange.authority)?.host ?? "";
  const match = parts.routes.match(
    host,
    flow.normalizedPath,
    flow.method,
    exchange.fields,
    flow.rawSearch,
    () => flow.request,
  );
  if (match !== undefined) {
    flow.routePlan = match.route;
    flow.params = match.params;
  }
  if (flow.trace !== null) {
    traceStep(
      flow,
      "route",
      match === undefined
        ? "no route matches"
        : `route ${match.route.name} (position ${match.route.index + 1})`,
      parts.routes.explain(
        host,
        flow.normalizedPath,
        flow.method,
        exchange.fields,
        flow.rawSearch,
        () => flow.request,
      ),
    );
  }
}
