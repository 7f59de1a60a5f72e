/**
 * The rules that hold for every protocol, once more over HTTP/2: these files' own tests, asked on streams. Tests that
 * speak bytes of HTTP/1.1 skip themselves; those named here say something that is true of HTTP/1.1 alone.
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
  // Via tells the protocol.
  /Via .* is added to the request after those of the hops before/,
]);

await import("./client-address.test.ts");
await import("./compression.test.ts");
await import("./decoded-response.test.ts");
await import("./error-answers.test.ts");
await import("./event-stream.test.ts");
await import("./fallback-upstream.test.ts");
await import("./forwarded-fields.test.ts");
await import("./forwarded-message.test.ts");
await import("./header-rule-order.test.ts");
await import("./hook-decisions.test.ts");
await import("./hop-by-hop-fields.test.ts");
await import("./host-of-upstream-request.test.ts");
await import("./methods-answered-by-us.test.ts");
await import("./plugin-order.test.ts");
await import("./request-content-in-hooks.test.ts");
await import("./request-content-of-any-method.test.ts");
await import("./response-edits.test.ts");
await import("./responses-without-content.test.ts");
await import("./rewrites-and-answers-of-routes.test.ts");
await import("./subrequests.test.ts");
await import("./truncated-response.test.ts");
