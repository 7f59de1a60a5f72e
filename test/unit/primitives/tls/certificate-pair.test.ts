import { describe, expect, it } from "vitest";

import { namesOf, parsePair } from "../../../../runtime/primitives/tls/certificate-pair.ts";
import { authority, certificateFor, encryptedKey } from "../../../helpers/certificates.ts";

const place = { path: "tls.certificates[0]", certFrom: "a.pem", keyFrom: "a.key" };

async function made() {
  const ca = await authority();
  return { ca, one: await certificateFor(["a.test", "*.A.Test"], { authority: ca }) };
}

describe("parsePair", () => {
  it("reads names, kind of key and dates", async () => {
    const { one } = await made();
    const result = parsePair({ ...one, ...place, passphrase: undefined });
    expect(result).toMatchObject({
      kind: "pair",
      pair: { names: ["a.test", "*.a.test"], keyType: "ec", from: "a.pem" },
    });
  });

  it.each([
    ["an empty certificate", { cert: " \n" }, "cert", /a\.pem is empty/],
    ["an empty key", { key: "" }, "key", /a\.key is empty/],
    ["no PEM", { cert: "\x30\x82" }, "cert", /no PEM certificate/],
    [
      "a broken certificate",
      { cert: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
      "cert",
      /cannot be parsed/,
    ],
    ["no key", { key: "-----BEGIN CERTIFICATE-----" }, "key", /no PEM private key/],
    [
      "a broken key",
      { key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" },
      "key",
      /cannot be parsed/,
    ],
  ])("says what is wrong with %s, where, and what to do", async (_what, change, end, message) => {
    const { one } = await made();
    const result = parsePair({ ...one, ...place, passphrase: undefined, ...change });
    expect(result).toMatchObject({
      kind: "unusable",
      issue: {
        path: `tls.certificates[0].${end}`,
        message: expect.stringMatching(message) as string,
        fix: expect.any(String) as string,
      },
    });
  });

  it("tells a wrong order from a wrong key", async () => {
    const { one, ca } = await made();
    const other = await certificateFor(["b.test"]);
    const wrongKey = parsePair({ ...one, key: other.key, ...place, passphrase: undefined });
    expect(wrongKey).toMatchObject({ issue: { fix: expect.stringMatching(/made for/) as string } });
    const wrongOrder = parsePair({
      cert: ca.cert + one.cert,
      key: one.key,
      ...place,
      passphrase: undefined,
    });
    expect(wrongOrder).toMatchObject({
      issue: { fix: expect.stringMatching(/must come first/) as string },
    });
  });

  it("tells a missing passphrase from a wrong one, and repeats neither key nor passphrase", async () => {
    const { one } = await made();
    const key = encryptedKey(one, "open sesame");
    const parse = (passphrase: string | undefined) =>
      parsePair({ cert: one.cert, key, ...place, passphrase });
    expect(parse("open sesame").kind).toBe("pair");
    expect(parse(undefined)).toMatchObject({
      issue: { message: expect.stringMatching(/is encrypted/) as string },
    });
    const wrong = parse("guess what");
    expect(wrong).toMatchObject({
      issue: { message: expect.stringMatching(/does not open/) as string },
    });
    expect(JSON.stringify(wrong)).not.toMatch(/guess what|BEGIN/);
  });
});

describe("namesOf", () => {
  it.each([
    [undefined, []],
    ["", []],
    ["DNS:a.test, DNS:*.b.test, IP Address:127.0.0.1, email:x@y.test", ["a.test", "*.b.test"]],
    ["DNS:A.test, DNS:a.test", ["a.test"]],
    // CVE-2021-44532: a name made to look like two.
    ['DNS:"a.test, DNS:evil.test", DNS:b.test', ["b.test"]],
    ['URI:"http://x/, DNS:evil.test", DNS:b.test', ["b.test"]],
    ["DNS:f*.a.test, DNS:*, DNS:a.*.test", []],
  ])("reads %j as %j", (text, names) => {
    expect(namesOf(text)).toEqual(names);
  });
});
