import { generateKeyPairSync, sign } from "node:crypto";

import { expect } from "vitest";

import { html, named, type Recipe } from "./recipe.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const JWKS = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256" }] };

/** RFC 7515 §3.1. */
function token(claims: Readonly<Record<string, unknown>> = {}): string {
  const payload = {
    iss: "https://id.example",
    aud: "shop",
    sub: "ada",
    exp: Math.floor(Date.now() / 1000) + 60,
    ...claims,
  };
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "ES256", kid: "one" })}.${encode(payload)}`;
  const signature = sign("sha256", Buffer.from(text), {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${text}.${signature.toString("base64url")}`;
}

const PARTNER = {
  subject: "O=Acme\nCN=acme",
  issuer: "CN=partners",
  fingerprint256: "00:11",
  serialNumber: "01",
  validTo: "2036-01-01T00:00:00.000Z",
};
const SCRIPT = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const SQL = "sql=1%27%20UNION%20SELECT%20password%20FROM%20users--";

export const gates: Readonly<Record<string, Recipe>> = {
  "jwt-auth": {
    upstreams: { app: (request) => new Response(`you are ${request.headers.get("x-user")}`) },
    web: () => Response.json(JWKS),
    clock: "system",
    page: { variables: () => ({ TOKEN: token() }) },
    checks: [
      {
        does: "tells the application who it is, and shows it no token",
        async run(proxy) {
          const headers = {
            authorization: `Bearer ${token({ role: "clerk" })}`,
            "x-role": "admin",
          };
          const response = await proxy.fetch("/account", { headers });
          expect(await response.text()).toBe("you are ada");
          const seen = proxy.upstreamCalls.at(-1)?.request.headers;
          expect(seen?.get("authorization")).toBe(null);
          expect(seen?.get("x-role")).toBe("clerk");
        },
      },
      {
        does: "asks for a token",
        ask: "GET /account",
        status: 401,
        answer: { "www-authenticate": "Bearer" },
        upstream: null,
      },
      {
        does: "takes no other text for one",
        ask: "GET /api/orders",
        fields: { authorization: "Bearer abc" },
        status: 401,
        answer: { "www-authenticate": 'Bearer error="invalid_token"' },
        upstream: null,
      },
      {
        does: "lets only admins to what is theirs",
        async run(proxy) {
          const ask = async (role: string): Promise<number> => {
            const headers = { authorization: `Bearer ${token({ role })}` };
            return (await proxy.fetch("/api/admin/users", { headers })).status;
          };
          expect(await ask("clerk")).toBe(403);
          expect(await ask("admin")).toBe(200);
        },
      },
      {
        does: "leaves public pages alone, and believes nobody there",
        ask: "GET /",
        fields: { "x-user": "root" },
        status: 200,
        text: "you are null",
      },
    ],
  },

  "basic-auth": {
    upstreams: { app: named("app") },
    checks: [
      {
        does: "asks for a name and a password",
        ask: "GET /admin/",
        status: 401,
        answer: { "www-authenticate": 'Basic realm="Back office", charset="UTF-8"' },
        upstream: null,
      },
      {
        does: "lets in who has them, and tells the application the name alone",
        ask: "GET /admin/",
        fields: { authorization: `Basic ${btoa("ada:correct horse")}` },
        status: 200,
        upstream: "app",
        sees: { fields: { "x-user": "ada", authorization: null } },
      },
      {
        does: "refuses a wrong password",
        ask: "GET /admin/",
        fields: { authorization: `Basic ${btoa("ada:wrong")}` },
        status: 401,
        upstream: null,
      },
      { does: "leaves the rest alone", ask: "GET /", status: 200, upstream: "app" },
      {
        does: "bounds guesses",
        async run(proxy) {
          const statuses = [];
          for (let i = 0; i < 20; i++) statuses.push((await proxy.fetch("/admin/")).status);
          expect(statuses).toContain(429);
        },
      },
    ],
  },

  "mutual-tls": {
    upstreams: { billing: named("billing") },
    page: "TLS needs a listener: test/integration/recipes.test.ts",
    checks: [
      {
        does: "tells the service who the partner is",
        ask: "GET /invoices",
        fields: { "x-partner": "root" },
        client: { certificate: PARTNER },
        status: 200,
        upstream: "billing",
        sees: { fields: { "x-partner": "acme" } },
      },
      { does: "wants a certificate", ask: "GET /invoices", status: 403, upstream: null },
      {
        does: "wants a name in it",
        ask: "GET /invoices",
        client: { certificate: { ...PARTNER, subject: "O=Acme" } },
        status: 403,
        upstream: null,
      },
      {
        does: "answers health checks, and believes nobody there",
        ask: "GET /health",
        fields: { "x-partner": "root" },
        status: 200,
        upstream: "billing",
        sees: { fields: { "x-partner": null } },
      },
    ],
  },

  "block-by-list": {
    upstreams: {
      app: named("app"),
      "https://lists.example": () => new Response("203.0.113.0/24\n192.0.2.99\n"),
    },
    files: { "blocked.txt": "192.0.2.7 # by hand\n" },
    checks: [
      { does: "serves everybody else", ask: "GET /", status: 200, upstream: "app" },
      ...["203.0.113.7", "192.0.2.7"].map((address) => ({
        does: `refuses ${address}, which is on a list`,
        ask: "GET /",
        client: { address },
        status: 403,
        text: /"code":"PROXY_ADDRESS_BLOCKED"/,
        upstream: null,
      })),
      {
        does: "catches who scans",
        ask: "GET /wp-login.php",
        client: { address: "192.0.2.50" },
        status: 403,
        text: /"code":"PROXY_BLOCKED"/,
      },
      {
        does: "keeps them out",
        ask: "GET /",
        client: { address: "192.0.2.50" },
        status: 403,
        text: /"code":"PROXY_ADDRESS_BLOCKED"/,
      },
      {
        does: "lets them in again after an hour",
        ask: "GET /",
        before: (proxy) => proxy.advance("61m"),
        client: { address: "192.0.2.50" },
        status: 200,
      },
      {
        does: "never shuts out the office",
        async run(proxy) {
          const client = { address: "198.51.100.1" };
          await proxy.fetch("/.env", { client });
          expect((await proxy.fetch("/", { client })).status).toBe(200);
        },
      },
    ],
  },

  "waf-exclusions": {
    upstreams: { app: named("app") },
    checks: [
      {
        does: "refuses an attack",
        ask: `GET /search?q=${SCRIPT}`,
        status: 403,
        text: /"code":"PROXY_WAF_BLOCKED"/,
        upstream: null,
      },
      {
        does: "lets an editor post HTML",
        ask: "POST /cms/pages/7",
        fields: FORM,
        content: `body=${SCRIPT}`,
        status: 200,
        upstream: "app",
      },
      {
        does: "looks at the editor's other fields",
        ask: "POST /cms/pages/7",
        fields: FORM,
        content: `title=${SCRIPT}`,
        status: 403,
        upstream: null,
      },
      {
        does: "lets colleagues post SQL where it is wanted",
        ask: "POST /console/run",
        fields: FORM,
        content: SQL,
        status: 200,
        upstream: "app",
      },
      {
        does: "and nowhere else",
        ask: "POST /search",
        fields: FORM,
        content: SQL,
        status: 403,
        upstream: null,
      },
      {
        does: "only takes notes on the new route",
        async run(proxy) {
          expect((await proxy.fetch(`/beta/?q=${SCRIPT}`)).status).toBe(200);
          expect(proxy.requests.at(-1)?.waf?.[0]?.rule).toMatch(/^xss-/);
        },
      },
    ],
  },

  "flash-crowd": {
    upstreams: { shop: () => html("shop") },
    page: { edit: ["requestsPerSecond > 300", "requestsPerSecond > 0"] },
    checks: [
      {
        does: "lets everybody in on a quiet day",
        ask: "GET /",
        fields: { accept: "text/html" },
        status: 200,
        upstream: "shop",
      },
      {
        does: "challenges newcomers when it gets crowded",
        async run(proxy) {
          const crowd = Array.from({ length: 320 }, (_, i) => {
            const client = { address: `10.0.${i >> 8}.${i & 255}` };
            return proxy.fetch("/", { client, headers: { accept: "text/html" } });
          });
          await Promise.all(crowd);
          const late = await proxy.fetch("/", { headers: { accept: "text/html" } });
          expect(late.status).toBe(302);
          expect(late.headers.get("location")).toMatch(/^\/\.well-known\/gatewright\/challenge\?/);
        },
      },
      {
        does: "lets customers go on",
        ask: "GET /",
        fields: { accept: "text/html", cookie: "session=1" },
        status: 200,
        upstream: "shop",
      },
      { does: "asks no machine", ask: "GET /api/stock", status: 200, upstream: "shop" },
      {
        does: "refuses programs elsewhere",
        ask: "GET /",
        status: 403,
        text: /"code":"PROXY_CHALLENGE_REQUIRED"/,
        upstream: null,
      },
      {
        does: "is over when the crowd has gone",
        ask: "GET /",
        before: (proxy) => proxy.advance("20s"),
        fields: { accept: "text/html" },
        status: 200,
      },
    ],
  },
};
