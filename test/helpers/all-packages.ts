/** The config with every package of `examples/`, and requests that reach into each of them. */
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { hashPassword } from "gatewright-plugin-basic-auth";
import { onTestFinished } from "vitest";

const CONFIG = new URL("../fixtures/packages/proxy.config.ts", import.meta.url);

export interface AllPackages {
  /** What the config reads of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Its text for a folder in `examples/`, with a number that its pages show. */
  config(version: number): string;
  /**
   * Asks so that every package has something to do, and compares what comes back with what they promise. Resolves with
   * the number that the pages show.
   */
  visit(ask: typeof fetch, url: string): Promise<string>;
  /** How often the keys for tokens were fetched. */
  readonly keyVisits: number;
}

export async function createAllPackages(): Promise<AllPackages> {
  const text = (await readFile(CONFIG, "utf8")).replace("../../../examples/", "../");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = JSON.stringify({
    keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256" }],
  });
  let keyVisits = 0;
  const identity = createServer((_request, response) => {
    keyVisits += 1;
    response.writeHead(200, { "content-type": "application/json" }).end(keys);
  });
  identity.listen(0, "127.0.0.1");
  await once(identity, "listening");
  onTestFinished(() => {
    identity.closeAllConnections();
    identity.close();
  });
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const claims = { iss: "https://id.example", aud: "shop", sub: "ada", exp };
  const signed = `${encode({ alg: "ES256", kid: "one" })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
  }).toString("base64url");

  const requests: readonly Visit[] = [
    {
      path: "/",
      headers: { origin: "https://app.example", "user-agent": "curl/8", accept: "text/html" },
      status: 200,
      shows: [/"x-client-tags":"office, script"/, /"traceparent":"00-/, /<footer>rewritten</],
      fields: { "access-control-allow-origin": "https://app.example", server: null },
    },
    { path: "/", headers: { cookie: "canary=always" }, status: 200, shows: [/<p>next \d+</] },
    {
      path: "/",
      headers: { "x-forwarded-for": "203.0.113.9" },
      status: 503,
      shows: [/maintenance/],
    },
    { path: "/basic", status: 401 },
    {
      path: "/basic",
      headers: { authorization: `Basic ${btoa("ada:secret")}` },
      status: 200,
      shows: [/"x-user":"ada"/],
    },
    {
      path: "/members",
      headers: { authorization: `Bearer ${signed}.${signature}` },
      status: 200,
      shows: [/"x-member":"ada"/],
    },
    { path: "/members", headers: { authorization: "Bearer a.b.c" }, status: 401 },
    {
      path: "/api",
      headers: { "x-api-key": "open" },
      status: 200,
      shows: [/"x-api-client":"shop"/],
    },
    { path: "/api", status: 401 },
  ];

  return {
    env: {
      HASH: await hashPassword("secret"),
      IDENTITY: `http://127.0.0.1:${(identity.address() as AddressInfo).port}/keys`,
    },
    config(version) {
      const next = text.replace("const version = 1;", `const version = ${version};`);
      if (next === text && version !== 1) throw new Error("the config has no version");
      return next;
    },
    async visit(ask, url) {
      let version = "";
      for (const request of requests) {
        const content = await visitOne(ask, url, request);
        version = /<p>site (\d+)</.exec(content)?.[1] ?? version;
      }
      return version;
    },
    get keyVisits() {
      return keyVisits;
    },
  };
}

interface Visit {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly shows?: readonly RegExp[];
  readonly fields?: Readonly<Record<string, string | null>>;
}

async function visitOne(
  ask: typeof fetch,
  url: string,
  { path, headers = {}, status, shows = [], fields = {} }: Visit,
): Promise<string> {
  const response = await ask(url + path, { headers });
  const content = await response.text();
  const wrong = [
    ...(response.status === status ? [] : [`status ${response.status} instead of ${status}`]),
    ...shows.filter((one) => !one.test(content)).map((one) => `nothing like ${one}`),
    ...Object.entries({
      "x-content-type-options": "nosniff",
      ...fields,
    }).flatMap(([name, value]) =>
      response.headers.get(name) === value ? [] : [`${name}: ${response.headers.get(name)}`],
    ),
    ...(response.headers.get("x-request-id") === null ? ["no x-request-id"] : []),
  ];
  if (wrong.length > 0) throw new Error(`${path}: ${wrong.join("; ")}\n${content}`);
  return content;
}
