import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createRedactor, redactTarget, redactUrl } from "../../runtime/redact.ts";

const redactor = createRedactor(["x-tenant-pin", "ticket"]);

describe("redactTarget", () => {
  it.each([
    ["/cb?code=SECRET123&state=xyz", "/cb?code=[redacted]&state=xyz"],
    ["/a?page=2&access_token=SECRET123", "/a?page=2&access_token=[redacted]"],
    ["/a?Access-Token=SECRET123&page=2", "/a?Access-Token=[redacted]&page=2"],
    ["/a?id_token=SECRET123", "/a?id_token=[redacted]"],
    ["/a?signature=SECRET123", "/a?signature=[redacted]"],
    ["/a?sig=SECRET123&se=2026", "/a?sig=[redacted]&se=2026"],
    ["/a?X-Amz-Signature=SECRET123&X-Amz-Date=1", "/a?X-Amz-Signature=[redacted]&X-Amz-Date=1"],
    ["/a?api_key=SECRET123", "/a?api_key=[redacted]"],
    ["/a?apikey=SECRET123", "/a?apikey=[redacted]"],
    ["/a?key=SECRET123", "/a?key=[redacted]"],
    ["/a?client_secret=SECRET123", "/a?client_secret=[redacted]"],
    ["/a?new_password=SECRET123=", "/a?new_password=[redacted]"],
    ["/a?b=1;token=SECRET123", "/a?b=1;token=[redacted]"],
    ["/a?%74oken=SECRET123", "/a?%74oken=[redacted]"],
    ["/a?next=%2Fcb%3Ftoken%3DSECRET123", "/a?next=%2Fcb%3Ftoken%3D[redacted]"],
    ["/a?next=%2Fcb%3fcode%3dSECRET123%26page%3D2", "/a?next=%2Fcb%3fcode%3d[redacted]%26page%3D2"],
    [
      "/a#access_token=SECRET123&token_type=bearer",
      "/a#access_token=[redacted]&token_type=[redacted]",
    ],
    ["/a?token=SECRET123?token=SECRET123", "/a?token=[redacted]"],
  ])("hides the secret in %s and keeps the rest", (target, expected) => {
    expect(redactTarget(target)).toBe(expected);
  });

  it.each([
    "/",
    "/a?b",
    "/a?page=2&sort=name",
    "/a?zipcode=1&keyword=x&monkey=y",
    "/a?token=&b=1",
    "/%zz?%zz=1",
    "/a==?=b",
  ])("leaves %s as it is", (target) => {
    expect(redactTarget(target)).toBe(target);
  });

  it("never leaves the value of a secret parameter behind, whatever surrounds it", () => {
    const word = fc.stringMatching(/^[A-Za-z0-9%=.;?-]{0,12}$/);
    const secretName = fc.constantFrom("token", "code", "API-KEY", "password", "sig");
    fc.assert(
      fc.property(word, secretName, word, (before, name, after) => {
        const out = redactTarget(`/p?a=${before}&${name}=SECRET123&z=${after}`);
        expect(out).not.toContain("SECRET123");
        expect(out).toContain("[redacted]");
      }),
    );
  });

  it("stays linear on text made of nothing but delimiters", () => {
    for (const unit of ["=", "%3D", "a=", "&=", "%3", "token=&", "%3Dtoken%3D&"]) {
      const started = performance.now();
      redactTarget(`/?${unit.repeat(200_000)}`);
      // A quadratic pass over 200,000 units takes minutes: this tells the two apart on any machine.
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });
});

describe("redactUrl", () => {
  it("hides user information (RFC 3986 §3.2.1)", () => {
    expect(redactUrl("https://ann:SECRET123@a.test/x?y=1")).toBe("https://[redacted]@a.test/x?y=1");
    expect(redactUrl("https://a.test/@x")).toBe("https://a.test/@x");
  });

  it("hides parameters of absolute URLs", () => {
    expect(redactUrl("https://a.test/x?token=SECRET123#top")).toBe(
      "https://a.test/x?token=[redacted]#top",
    );
  });
});

describe("createRedactor", () => {
  it.each([
    "Authorization",
    "proxy-authorization",
    "Cookie",
    "SET-COOKIE",
    "X-Api-Key",
    "x-apikey",
    "X-Auth-Token",
    "X-Client-Secret",
    "x-goog-iap-jwt-assertion",
    "X-Tenant-Pin",
  ])("counts the field %s as a secret", (name) => {
    expect(redactor.isSecretField(name)).toBe(true);
  });

  it.each(["Host", "Accept", "X-Request-ID", "Content-Type", "code", "key"])(
    "does not count the field %s as a secret",
    (name) => {
      expect(redactor.isSecretField(name)).toBe(false);
    },
  );

  it("adds the config's names to the parameters as well", () => {
    expect(redactTarget("/a?ticket=SECRET123", redactor)).toBe("/a?ticket=[redacted]");
    expect(redactTarget("/a?ticket=kept")).toBe("/a?ticket=kept");
  });

  it("keeps words of running text that only look like parameters", () => {
    expect(redactor.text("connect failed: code=ECONNREFUSED, key=7")).toBe(
      "connect failed: code=ECONNREFUSED, key=7",
    );
    expect(redactor.text("GET /a?code=SECRET123 failed")).toBe("GET /a?code=[redacted] failed");
    expect(redactor.text("sent password=SECRET123, then left")).not.toContain("SECRET123");
  });
});
