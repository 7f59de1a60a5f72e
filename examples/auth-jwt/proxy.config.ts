import { defineConfig } from "@gatewright/sdk";
import { errors, jwtVerify } from "jose";

import { AUDIENCE, ISSUER, loadKey } from "./token-rules.ts";

// Thrown while the config loads: the proxy does not start (or keeps its last good version) rather than run without a key.
// With an identity provider it would be: const key = createRemoteJWKSet(new URL("https://id.example/jwks.json"));
const key = loadKey(process.env["JWT_SECRET"]);

export default defineConfig({
  listen: { port: 8080 },

  upstreams: {
    app: { fetch: (request) => new Response(`You are ${request.headers.get("x-user")}\n`) },
  },

  // Runs for every request, upgrades (WebSocket) included, before anything is sent to an upstream.
  async onRequest(request, ctx) {
    // Whatever a client says about itself is dropped: only this hook may set it.
    request.headers.delete("x-user");
    if (request.path === "/public") return;

    const token = bearerToken(request.headers.get("authorization"));
    if (token === undefined) return unauthorized();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ["HS256"], // never what the token itself asks for
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ["sub", "exp"],
      });
      request.headers.set("x-user", encodeURIComponent(payload.sub ?? ""));
      request.headers.delete("authorization"); // the upstream needs no token
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error; // a bug of ours: 500, never "let through"
      ctx.log.info({ code: error.code }, "token refused");
      return unauthorized("invalid_token");
    }

    /** RFC 6750 §3: a 401 says how to do better. */
    function unauthorized(problem?: string) {
      const challenge = problem === undefined ? "Bearer" : `Bearer error="${problem}"`;
      return ctx.json({ error: problem ?? "no token" }, 401, { "www-authenticate": challenge });
    }
  },
});

function bearerToken(field: string | null): string | undefined {
  const [scheme, token, ...rest] = field?.split(" ") ?? [];
  return scheme?.toLowerCase() === "bearer" && rest.length === 0 ? token : undefined;
}
