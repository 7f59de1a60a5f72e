/** Bearer tokens (RFC 6750) that are JSON Web Tokens (RFC 7519), checked against keys that are cached and may rotate. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";

import { definePlugin, type Context, type Plugin, type ProxyRequest } from "@gatewright/sdk";

export interface JwtAuthOptions {
  /**
   * Where the keys are: the `jwks_uri` of an identity provider, or the keys themselves (RFC 7517 §5). Fetched keys are
   * kept for ten minutes; a token of a key that is not among them fetches them again, at most every 30 seconds.
   */
  readonly keys: URL | JSONWebKeySet;
  /** What `iss` must be. */
  readonly issuer: string | readonly string[];
  /** What `aud` must have. */
  readonly audience: string | readonly string[];
  /** Never what the token itself asks for. Default: RS256, PS256, ES256 and EdDSA. */
  readonly algorithms?: readonly string[];
  /** Where a token is needed, by the beginning of the path. Default: everywhere, `["/"]`. */
  readonly paths?: readonly string[];
  /** A token in this cookie does as well. Default: none; a cookie comes with requests of other sites, too. */
  readonly cookie?: string;
  /** Claims that the upstream gets, by field. Default `{ "x-user": "sub" }`. */
  readonly forward?: Readonly<Record<string, string>>;
  /** The last word on a valid token. False refuses it with 403. */
  readonly allows?: (payload: JWTPayload, request: ProxyRequest, ctx: Context) => boolean;
  /** By how many seconds clocks may differ. Default 5. */
  readonly clockToleranceSeconds?: number;
  /** For keys that are fetched. Default: the global one. */
  readonly fetch?: typeof fetch;
}

const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];

const jwtAuth: (options: JwtAuthOptions) => Plugin = definePlugin((options: JwtAuthOptions) => {
  const { keys, paths = ["/"], forward = { "x-user": "sub" }, cookie } = options;
  const rules = {
    issuer: toArray(options.issuer),
    audience: toArray(options.audience),
    algorithms: [...(options.algorithms ?? ALGORITHMS)],
    clockTolerance: options.clockToleranceSeconds ?? 5,
    requiredClaims: ["exp"],
  };
  if (rules.algorithms.includes("none")) throw new TypeError('jwt-auth: "none" is no algorithm.');
  let keyOf: JWTVerifyGetKey;

  return {
    name: "gatewright-plugin-jwt-auth",
    order: "pre",

    async setup(env) {
      if (!(keys instanceof URL)) {
        keyOf = createLocalJWKSet(keys);
        return;
      }
      // Survives reloads: saving the config must not make every save a visit to the identity provider.
      keyOf = await env.keep(keys.href, () =>
        createRemoteJWKSet(keys, {
          cacheMaxAge: 600_000,
          cooldownDuration: 30_000,
          timeoutDuration: 5_000,
          ...(options.fetch === undefined ? {} : { [customFetch]: options.fetch }),
        }),
      );
    },

    async onRequest(request, ctx) {
      // Only this plugin says who the user is.
      for (const field of Object.keys(forward)) request.headers.delete(field);
      if (!paths.some((path) => request.path.startsWith(path))) return;
      const token =
        bearerToken(request.headers.get("authorization")) ??
        (cookie === undefined ? undefined : request.cookie(cookie));
      if (token === undefined) return unauthorized(ctx);
      let payload: JWTPayload;
      try {
        ({ payload } = await jwtVerify(token, keyOf, { ...rules, currentDate: new Date(ctx.now) }));
      } catch (error) {
        if (isRefusal(error)) {
          ctx.log.info({ code: error.code }, "a token was refused");
          ctx.score.add(1, "an invalid token", "jwt-auth");
          return unauthorized(ctx, "invalid_token");
        }
        // No keys, no entry: the client is not at fault, and may come again.
        ctx.log.error({ error: String(error) }, "the keys for tokens are out of reach");
        return ctx.json({ error: "tokens cannot be checked at present" }, 503, {
          "retry-after": 30,
        });
      }
      if (options.allows?.(payload, request, ctx) === false) {
        return unauthorized(ctx, "insufficient_scope", 403);
      }
      ctx.state["jwt"] = payload;
      for (const [field, claim] of Object.entries(forward)) {
        const text = toFieldText(payload[claim]);
        if (text !== undefined) request.headers.set(field, text);
      }
    },
  };
});

export default jwtAuth;

/** RFC 6750 §3: a 401 says what is wanted and what was wrong. */
function unauthorized(ctx: Context, problem?: string, status = 401) {
  const challenge = problem === undefined ? "Bearer" : `Bearer error="${problem}"`;
  return ctx.json({ error: problem ?? "a token is needed" }, status, {
    "www-authenticate": challenge,
  });
}

/** The token is at fault. Anything else is the keys' source, or a bug: neither lets anybody through. */
function isRefusal(error: unknown): error is errors.JOSEError {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}

function bearerToken(field: string | null): string | undefined {
  const [scheme, token, ...rest] = field?.split(" ") ?? [];
  return scheme?.toLowerCase() === "bearer" && rest.length === 0 ? token : undefined;
}

/** Of any text: what a field cannot carry is escaped. */
function toFieldText(claim: unknown): string | undefined {
  if (typeof claim === "string") return encodeURIComponent(claim);
  if (typeof claim === "number" || typeof claim === "boolean") return String(claim);
  return claim === undefined ? undefined : encodeURIComponent(JSON.stringify(claim));
}

function toArray(value: string | readonly string[]): string[] {
  return typeof value === "string" ? [value] : [...value];
}
