/**
 * The rules that hold for every protocol, once more over HTTP/2: these files' own tests, asked on streams. Those named
 * here say something that is true of HTTP/1.1 alone, or speak of its bytes.
 */
import { useProtocol } from "../helpers/protocol-matrix.ts";

useProtocol("HTTP/2", [
  // Names are lower case on the wire (RFC 9113 §8.2).
  /in order, case and number/,
  /keep their place when a hook edits others/,
  /trailers > of a response (are passed on|pass an edit)/,
  // Connection names nothing here (RFC 9113 §8.2.2): such requests are refused.
  /hop-by-hop fields .* are not passed to the upstream, nor is what Connection names/,
  /hop-by-hop fields .* cannot name Host or the fields that we add ourselves/,
  // The request-target is always a path.
  /absolute-form/,
  /HTTP\/1\.0 without Host/,
  /OPTIONS http:/,
  // A field that names the host would be the whole target there: http2-request.test.ts.
  /never a way to another host, in any form/,
  /are not sent to a client of HTTP\/1\.0/,
  /CONNECT .* is refused with 405, Allow and a close/,
  // A broken chunk, and what becomes of a connection after a refusal: http2-request.test.ts and http2-limits.test.ts.
  /content whose chunks are broken/,
  /can be read by a client that sends all of it first/,
  /a request beyond a limit > is refused with/,
  /with its head, gets 408/,
  /connections of a listener > (beyond the limit|are closed when idle)/,
  // Upgrades: http2-websocket.test.ts.
  /cuts a tunnel whose client takes nothing/,
  // Via tells the protocol.
  /Via .* is added to the request after those of the hops before/,
  // The client refuses to send them.
  /two types for one content/,
]);

await import("./ambiguous-paths.test.ts");
await import("./cache.test.ts");
await import("./cache-fetch.test.ts");
await import("./client-address.test.ts");
await import("./complete-once.test.ts");
await import("./compression.test.ts");
await import("./decoded-response.test.ts");
await import("./error-answers.test.ts");
await import("./event-stream.test.ts");
await import("./expect-continue.test.ts");
await import("./fallback-upstream.test.ts");
await import("./forwarded-fields.test.ts");
await import("./forwarded-message.test.ts");
await import("./header-rule-order.test.ts");
await import("./hook-decisions.test.ts");
await import("./hook-time-limit.test.ts");
await import("./hop-by-hop-fields.test.ts");
await import("./host-of-upstream-request.test.ts");
await import("./illegal-field-values.test.ts");
await import("./ip-lists.test.ts");
await import("./load.test.ts");
await import("./methods-answered-by-us.test.ts");
await import("./plugin-order.test.ts");
await import("./rate-limits.test.ts");
await import("./request-buffering.test.ts");
await import("./request-content-in-hooks.test.ts");
await import("./request-content-of-any-method.test.ts");
await import("./request-limits.test.ts");
await import("./response-edits.test.ts");
await import("./responses-without-content.test.ts");
await import("./rewrites-and-answers-of-routes.test.ts");
await import("./safe-redirects.test.ts");
await import("./send-idle.test.ts");
await import("./slow-requests.test.ts");
await import("./subrequests.test.ts");
await import("./truncated-response.test.ts");
await import("./waf-content.test.ts");
await import("./waf-response.test.ts");
await import("./waf.test.ts");
