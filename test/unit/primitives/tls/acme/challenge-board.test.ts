import { X509Certificate } from "node:crypto";

import { describe, expect, it } from "vitest";

import { ChallengeBoard } from "../../../../../runtime/primitives/tls/acme/challenge-board.ts";
import {
  createChallengeCertificate,
  createSigningRequest,
} from "../../../../../runtime/primitives/tls/acme/credentials.ts";

describe("pending challenges", () => {
  it("are answered under their exact path, and only while pending (RFC 8555 §8.3)", () => {
    const board = new ChallengeBoard();
    expect(board.answerFor("/.well-known/acme-challenge/token")).toBeUndefined();
    const takeDown = board.publishToken("token", "token.thumbprint");
    expect(board.answerFor("/.well-known/acme-challenge/token")).toBe("token.thumbprint");
    for (const path of [
      "/.well-known/acme-challenge/",
      "/x/.well-known/acme-challenge/token",
      "/.well-known/acme-challenge/token/",
      "/.well-known/acme-challenge/TOKEN",
    ]) {
      expect(board.answerFor(path)).toBeUndefined();
    }
    takeDown();
    takeDown();
    expect([board.answerFor("/.well-known/acme-challenge/token"), board.size]).toEqual([
      undefined,
      0,
    ]);
  });

  it("do not lose a later order's answer when an earlier one ends", async () => {
    const board = new ChallengeBoard();
    const [one, other] = [
      await createChallengeCertificate("a.test", "1", 0),
      await createChallengeCertificate("a.test", "2", 0),
    ];
    const takeDown = board.publishCertificate("a.test", one);
    board.publishCertificate("a.test", other);
    takeDown();
    expect(board.certificateFor("a.test")).toBe(other);
  });
});

describe("what is made for an order", () => {
  it("is a challenge certificate with the critical extension of RFC 8737 §3", async () => {
    const pair = await createChallengeCertificate("a.test", "token.thumbprint", Date.now());
    const { subjectAltName, raw } = new X509Certificate(pair.cert);
    expect(subjectAltName).toBe("DNS:a.test");
    // OID 1.3.6.1.5.5.7.1.31, TRUE, OCTET STRING of 34 bytes that holds an OCTET STRING of 32.
    const start = Buffer.from("06082b0601050507011f0101ff04220420", "hex");
    expect(raw.includes(start)).toBe(true);
  });

  it("is a request with every name and a key of its own", async () => {
    const [one, other] = [
      await createSigningRequest(["a.test", "b.test"]),
      await createSigningRequest(["a.test"]),
    ];
    expect(one.der.includes("b.test")).toBe(true);
    expect(one.key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(one.key).not.toBe(other.key);
  });
});
