import { randomBytes } from "node:crypto";

import { SignJWT, type JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connectRaw } from "../../test/helpers/raw-client.ts";
import { runCommand, startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";
import { AUDIENCE, ISSUER } from "./token-rules.ts";

const SECRET = randomBytes(32).toString("hex");
const DIR = import.meta.dirname;

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: DIR, env: { JWT_SECRET: SECRET } });
});

afterAll(async () => {
  await proxy?.stop();
});

describe("a request", () => {
  it("with a valid token reaches the upstream, which learns the user", async () => {
    const response = await get({ authorization: `Bearer ${await token({ sub: "ada" })}` });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("You are ada\n");
  });

  it("cannot say itself who the user is", async () => {
    const headers = { "x-user": "root", authorization: `Bearer ${await token({ sub: "ada" })}` };
    expect(await (await get(headers)).text()).toBe("You are ada\n");
    expect(
      await (await fetch(`${proxy.url}/public`, { headers: { "x-user": "root" } })).text(),
    ).toBe("You are null\n");
  });

  it("without a token is refused and told how to do better (RFC 6750 §3)", async () => {
    const response = await get({});
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  it.each([
    ["an expired token", () => token({ sub: "ada", exp: 1_000_000_000 })],
    [
      "a token signed with another key",
      () => token({ sub: "ada" }, randomBytes(32).toString("hex")),
    ],
    ["a token for another audience", () => token({ sub: "ada", aud: "someone-else" })],
    ["a token of another issuer", () => token({ sub: "ada", iss: "https://evil.example" })],
    ["a token without a subject", () => token({})],
    ["a token that is not signed", () => unsigned({ sub: "ada" })],
    ["a text that is no token", () => "abc"],
  ])("with %s is refused", async (_name, make) => {
    const response = await get({ authorization: `Bearer ${await make()}` });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    expect(await response.json()).toEqual({ error: "invalid_token" });
  });

  it("for an upgrade is refused like any other", async () => {
    const client = await connectRaw(proxy.port);
    await client.send(
      "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    const response = await client.response();
    expect(response.status).toBe(401);
    client.destroy();
  });
});

describe("without JWT_SECRET", () => {
  it("the proxy does not start, and says what to do", async () => {
    const { code, stdout, stderr } = await runCommand(["start"], {
      dir: DIR,
      env: { JWT_SECRET: undefined },
    });
    expect(code).toBe(2);
    expect(stdout + stderr).toContain("Set JWT_SECRET");
    expect(stdout + stderr).toContain("token-rules.ts");
  });
});

function get(headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(`${proxy.url}/account`, { headers });
}

function token(claims: JWTPayload, secret = SECRET): Promise<string> {
  return new SignJWT({
    iss: ISSUER,
    aud: AUDIENCE,
    exp: Math.floor(Date.now() / 1000) + 3600,
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
}

/** The old trick: `alg: none` and no signature. */
function unsigned(claims: JWTPayload): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return `${part({ alg: "none" })}.${part({ iss: ISSUER, aud: AUDIENCE, exp, ...claims })}.`;
}
