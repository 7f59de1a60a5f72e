import { createHash, generateKeyPairSync, verify } from "node:crypto";

import { describe, expect, it } from "vitest";

import {
  AcmeSession,
  parseRetryAfter,
  readProblem,
} from "../../../../../runtime/primitives/tls/acme/session.ts";
import type { AcmeAnswer } from "../../../../../runtime/primitives/tls/acme/transport.ts";

const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
const DIRECTORY = {
  newNonce: "https://ca.test/nonce",
  newAccount: "https://ca.test/account",
  newOrder: "https://ca.test/order",
};

function setUp(answers: Partial<AcmeAnswer>[]) {
  const sent: { url: string; body: string }[] = [];
  let nonce = 0;
  const session = new AcmeSession({
    directoryUrl: "https://ca.test/dir",
    accountKey: keys.privateKey,
    signal: new AbortController().signal,
    now: () => 0,
    transport: async (method, url, body) => {
      const json = { "content-type": "application/json" };
      if (url.endsWith("/dir"))
        return { status: 200, text: JSON.stringify(DIRECTORY), headers: json };
      if (method === "HEAD") {
        return { status: 200, text: "", headers: { "replay-nonce": `fresh-${nonce++}` } };
      }
      sent.push({ url, body: body ?? "" });
      const answer = answers.shift() ?? {};
      return { status: 200, text: "{}", ...answer, headers: { ...json, ...answer.headers } };
    },
  });
  return { session, sent };
}

function headOf(body: string): Record<string, unknown> {
  const { protected: head } = JSON.parse(body) as { protected: string };
  return JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, unknown>;
}

const BAD_NONCE = {
  status: 400,
  text: JSON.stringify({ type: "urn:ietf:params:acme:error:badNonce" }),
};

describe("an ACME session", () => {
  it("signs with the key until it has an account, then with the account (RFC 8555 §6.2)", async () => {
    const { session, sent } = setUp([
      { status: 201, headers: { location: "https://ca.test/account/1" } },
      {},
    ]);
    await session.openAccount({ email: undefined, externalAccount: undefined });
    await session.post("https://ca.test/order/1");
    const [first, second] = sent.map(({ body }) => headOf(body));
    expect(first).toMatchObject({ alg: "ES256", url: DIRECTORY.newAccount, nonce: "fresh-0" });
    expect(Object.keys((first?.["jwk"] ?? {}) as object)).toEqual(["crv", "kty", "x", "y"]);
    expect(second).toMatchObject({
      kid: "https://ca.test/account/1",
      url: "https://ca.test/order/1",
    });
    expect(second).not.toHaveProperty("jwk");
    const {
      protected: head,
      payload,
      signature,
    } = JSON.parse(sent[1]?.body ?? "") as Record<string, string>;
    // POST-as-GET: an empty payload (§6.3).
    expect(payload).toBe("");
    const isSigned = verify(
      "sha256",
      Buffer.from(`${head}.${payload}`),
      { key: keys.publicKey, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature ?? "", "base64url"),
    );
    expect(isSigned).toBe(true);
  });

  it("answers challenges with the key's thumbprint (RFC 8555 §8.1, RFC 7638 §3)", () => {
    const { session } = setUp([]);
    const { x, y } = keys.publicKey.export({ format: "jwk" });
    const text = `{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`;
    const thumbprint = createHash("sha256").update(text).digest("base64url");
    expect(session.keyAuthorization("token")).toBe(`token.${thumbprint}`);
  });

  it("tries again with the nonce that a refusal brings, a few times (RFC 8555 §6.5)", async () => {
    const { session, sent } = setUp([
      { ...BAD_NONCE, headers: { "replay-nonce": "second" } },
      { headers: { "replay-nonce": "third" } },
      {},
    ]);
    await session.post("https://ca.test/a");
    await session.post("https://ca.test/b");
    expect(sent.map(({ body }) => headOf(body)["nonce"])).toEqual(["fresh-0", "second", "third"]);
    const endless = setUp(Array.from({ length: 100 }, () => BAD_NONCE));
    await expect(endless.session.post("https://ca.test/a")).rejects.toMatchObject({
      kind: "refused",
    });
    expect(endless.sent).toHaveLength(6);
  });

  it.each([
    [429, {}, "limited"],
    [500, {}, "busy"],
    [503, {}, "busy"],
    [403, { type: "urn:ietf:params:acme:error:rateLimited" }, "limited"],
    [400, { type: "urn:ietf:params:acme:error:rejectedIdentifier" }, "refused"],
    [400, { type: "__proto__" }, "refused"],
  ])("tells what kind of failure %i with %j is", async (status, problem, kind) => {
    const { session } = setUp([
      { status, text: JSON.stringify(problem), headers: { "retry-after": "120" } },
    ]);
    await expect(session.post("https://ca.test/a")).rejects.toMatchObject({
      kind,
      retryAfterMs: 120_000,
    });
  });

  it.each(["", "[]", "<html>", '{"newNonce":1}'])(
    "does not take %j for a directory",
    async (text) => {
      const session = new AcmeSession({
        directoryUrl: "https://ca.test/dir",
        accountKey: keys.privateKey,
        signal: new AbortController().signal,
        now: () => 0,
        transport: async () => ({
          status: 200,
          text,
          headers: { "content-type": "application/json" },
        }),
      });
      await expect(session.directory()).rejects.toMatchObject({ kind: "unreachable" });
    },
  );
});

describe("what a CA says", () => {
  it("keeps line breaks and endless texts out of the log", () => {
    const { message } = readProblem({
      type: "urn:ietf:params:acme:error:unauthorized",
      detail: `got "a\r\nb\u001b[31m\u2028"${"x".repeat(10_000)}`,
    });
    expect(message).toMatch(/^unauthorized: got "a {2}b \[31m/);
    expect(message).toHaveLength(500);
  });

  it("reads Retry-After as seconds or a date, within bounds (RFC 9110 §10.2.3)", () => {
    const now = Date.parse("Wed, 25 Nov 2026 03:00:00 GMT");
    expect(parseRetryAfter("120", now)).toBe(120_000);
    expect(parseRetryAfter("Wed, 25 Nov 2026 03:00:10 GMT", now)).toBe(10_000);
    expect(parseRetryAfter("Wed, 25 Nov 2026 02:00:10 GMT", now)).toBe(0);
    expect(parseRetryAfter("999999999", now)).toBe(7 * 86_400_000);
    expect(parseRetryAfter("soon", now)).toBeUndefined();
    expect(parseRetryAfter(undefined, now)).toBeUndefined();
  });
});
