import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  // gRPC clients without TLS. With `tls` instead of `h2c`, HTTP/2 is negotiated by itself.
  listen: { port: 8080, h2c: true },

  upstreams: {
    // `http2: true` to an http:// target is h2c, to an https:// target it is negotiated.
    greeter: { targets: [process.env["GREETER_URL"] ?? "http://127.0.0.1:50051"], http2: true },
  },

  // A route for a service: its path is /package.Service/Method.
  routes: [{ match: { path: "/greeter.v1.Greeter/*" }, upstream: "greeter" }],

  // Metadata are header fields. gRPC clients see a 401 as UNAUTHENTICATED.
  onRequest(request, ctx) {
    if (request.headers.get("authorization") !== "Bearer let-me-in") {
      return ctx.block("no token", 401);
    }
    request.headers.set("x-user", "ada");
  },
});
