import { createTestProxy, type TestProxy } from "gatewright/testing";
import { exportJWK, generateKeyPair, SignJWT, type JSONWebKeySet, type JWTPayload } from "jose";
import { beforeAll, describe, expect, it } from "vitest";

import jwtAuth, { type JwtAuthOptions } from "./index.ts";

const ISSUER = "https://id.example";
const AUDIENCE = "shop";
const JWKS_URL = new URL("https://id.example/jwks.json");

interface Pair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JSONWebKeySet["keys"][number];
}

let first: Pair;
let second: Pair;

beforeAll(async () => {
  first = await makePair("first");
  second = await makePair("second");
});

async function makePair(kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" } };
}

function token(pair: Pair, claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: "ada", exp: now + 60, ...claims };
  return new SignJWT(payload as JWTPayload)
    .setProtectedHeader({ alg: "ES256", kid: pair.kid })
    .sign(pair.privateKey);
}

function start(options: Partial<JwtAuthOptions> = {}): Promise<TestProxy> {
  return createTestProxy(
    {
      plugins: [
        jwtAuth({ keys: { keys: [first.jwk] }, issuer: ISSUER, audience: AUDIENCE, ...options }),
      ],
      upstreams: {
        app: { fetch: (request) => new Response(`you are ${request.headers.get("x-user")}`) },
      },
    },
    { clock: "system" },
  );
}

async function ask(proxy: TestProxy, bearer?: string, path = "/"): Promise<Response> {
  const headers = bearer === undefined ? undefined : { authorization: `Bearer ${bearer}` };
  return proxy.fetch(path, headers === undefined ? {} : { headers });
}

describe("a token", () => {
  it("that is valid names the user to the upstream, which nobody else can", async () => {
    await using proxy = await start({ paths: ["/account"] });
    expect(await (await ask(proxy, await token(first), "/account")).text()).toBe("you are ada");
    const forged = await proxy.fetch("/", { headers: { "x-user": "root" } });
    expect(await forged.text()).toBe("you are null");
  });

  it.each<[string, () => Promise<string | undefined>, string]>([
    ["missing", async () => undefined, "Bearer"],
    ["of another key", () => token(second), 'Bearer error="invalid_token"'],
    ["expired", () => token(first, { exp: 1_000_000 }), 'Bearer error="invalid_token"'],
    ["without an end", () => token(first, { exp: undefined }), 'Bearer error="invalid_token"'],
    ["for somebody else", () => token(first, { aud: "other" }), 'Bearer error="invalid_token"'],
    ["of somebody else", () => token(first, { iss: "https://x" }), 'Bearer error="invalid_token"'],
    ["no token", async () => "abc", 'Bearer error="invalid_token"'],
  ])("that is %s is refused with a word on how to do better", async (_what, make, challenge) => {
    await using proxy = await start();
    const response = await ask(proxy, await make());
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(challenge);
    expect(proxy.upstreamCalls).toEqual([]);
  });

  it("may come in a cookie where the config says so", async () => {
    await using proxy = await start({ cookie: "session" });
    const headers = { cookie: `session=${await token(first)}` };
    expect((await proxy.fetch("/", { headers })).status).toBe(200);
  });

  it("is not enough where `allows` says no", async () => {
    await using proxy = await start({ allows: (payload) => payload["role"] === "admin" });
    expect((await ask(proxy, await token(first))).status).toBe(403);
    expect((await ask(proxy, await token(first, { role: "admin" }))).status).toBe(200);
  });
});

describe("keys from a URL", () => {
  it("are fetched once, kept over reloads, and again for a key that is new", async () => {
    const published = [first.jwk];
    let fetches = 0;
    const fetchKeys = async (): Promise<Response> => {
      fetches += 1;
      return Response.json({ keys: published });
    };
    const plugin = (): ReturnType<typeof jwtAuth> =>
      jwtAuth({ keys: JWKS_URL, issuer: ISSUER, audience: AUDIENCE, fetch: fetchKeys });
    const config = () => ({
      plugins: [plugin()],
      upstreams: { app: { fetch: () => new Response("ok") } },
    });
    await using proxy = await createTestProxy(config(), { clock: "system" });
    for (let i = 0; i < 3; i++) expect((await ask(proxy, await token(first))).status).toBe(200);
    await proxy.reload(config());
    expect((await ask(proxy, await token(first))).status).toBe(200);
    expect(fetches).toBe(1);
  });

  it("that cannot be fetched let nobody in, and nobody is blamed", async () => {
    const fetchNothing = (): Promise<Response> => Promise.reject(new TypeError("no route"));
    await using proxy = await start({ keys: JWKS_URL, fetch: fetchNothing });
    const response = await ask(proxy, await token(first));
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("30");
  });

  it("rotate: a token of a new key is good as soon as the provider publishes it", async () => {
    let published = [first.jwk];
    const fetchKeys = async (): Promise<Response> => Response.json({ keys: published });
    await using proxy = await start({ keys: JWKS_URL, fetch: fetchKeys });
    published = [first.jwk, second.jwk];
    expect((await ask(proxy, await token(second))).status).toBe(200);
    expect((await ask(proxy, await token(first))).status).toBe(200);
  });
});

it('refuses "none" as an algorithm', () => {
  expect(() =>
    jwtAuth({ keys: JWKS_URL, issuer: ISSUER, audience: AUDIENCE, algorithms: ["none"] }),
  ).toThrow("none");
});
