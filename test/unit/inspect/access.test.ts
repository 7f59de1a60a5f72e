import { describe, expect, it } from "vitest";

import { checkAccess, isLoopback, type AccessFacts } from "../../../runtime/inspect/access.ts";

const TOKEN = "0123456789abcdef";

function check(facts: Partial<AccessFacts>, rules: { token?: string; hosts?: string[] } = {}) {
  const result = checkAccess(
    {
      peer: "127.0.0.1",
      local: "127.0.0.1",
      host: "127.0.0.1:9901",
      origin: undefined,
      fetchSite: undefined,
      authorization: undefined,
      ...facts,
    },
    { token: rules.token, hosts: rules.hosts ?? [] },
  );
  return result.allowed ? 200 : result.status;
}

describe("checkAccess", () => {
  it.each([
    "localhost",
    "localhost:9901",
    "LOCALHOST.:9901",
    "a.localhost:9901",
    "127.0.0.1",
    "127.9.9.9:1",
    "[::1]:9901",
  ])("answers loopback that names itself %s", (host) => {
    expect(check({ host })).toBe(200);
  });

  it.each([
    ["a name that was rebound to loopback", "evil.test:9901"],
    ["a name that only ends like loopback", "evil-localhost"],
    ["a name that starts like loopback", "127.0.0.1.evil.test"],
    ["localhost under another name", "localhost.evil.test"],
    ["an address that is not ours", "10.1.2.3"],
    ["a short form of an address", "127.1"],
  ])("refuses %s", (_what, host) => {
    expect(check({ host })).toBe(403);
  });

  it.each(["", "a b", "user@localhost", "localhost:99999999", "localhost/path", "[::1"])(
    "refuses what is no Host: %j",
    (host) => {
      expect(check({ host })).toBe(400);
    },
  );

  it("refuses a request without exactly one Host", () => {
    expect(check({ host: undefined })).toBe(400);
  });

  it("answers configured names and the address that was connected to", () => {
    expect(check({ host: "Admin.Example.test:9901" }, { hosts: ["admin.example.test"] })).toBe(200);
    const far = { peer: "10.0.0.9", authorization: `Bearer ${TOKEN}` };
    expect(check({ ...far, local: "10.0.0.5", host: "10.0.0.5:9901" }, { token: TOKEN })).toBe(200);
    expect(
      check({ ...far, local: "::ffff:10.0.0.5", host: "10.0.0.5:9901" }, { token: TOKEN }),
    ).toBe(200);
    expect(check({ ...far, local: "fd00::5", host: "[fd00::5]:9901" }, { token: TOKEN })).toBe(200);
  });

  it.each([
    ["the page itself", "http://127.0.0.1:9901", 200],
    ["a page of another site", "http://evil.test", 403],
    ["another program on this machine", "http://127.0.0.1:3000", 403],
    ["loopback by another name", "http://localhost:9901", 403],
    ["a sandboxed page", "null", 403],
    ["an extension", "chrome-extension://abc", 403],
    ["a lookalike", "http://127.0.0.1:9901.evil.test", 403],
  ])("judges an Origin of %s", (_what, origin, status) => {
    expect(check({ origin })).toBe(status);
  });

  it("compares origins with their scheme's default port", () => {
    expect(check({ host: "localhost", origin: "http://localhost:80" })).toBe(200);
    expect(check({ host: "localhost", origin: "https://localhost" })).toBe(200);
    expect(check({ host: "localhost:8443", origin: "https://localhost" })).toBe(403);
  });

  it("refuses what a browser says another site asked for", () => {
    expect(check({ fetchSite: "cross-site" })).toBe(403);
    expect(check({ fetchSite: "same-site" })).toBe(403);
    expect(check({ fetchSite: "same-origin" })).toBe(200);
    expect(check({ fetchSite: "none" })).toBe(200);
  });

  it("wants the token from every peer that is not loopback", () => {
    const far = { peer: "10.0.0.9", host: "localhost" };
    expect(check(far, { token: TOKEN })).toBe(401);
    expect(check({ ...far, authorization: "Bearer wrong" }, { token: TOKEN })).toBe(401);
    expect(check({ ...far, authorization: `Basic ${TOKEN}` }, { token: TOKEN })).toBe(401);
    expect(check({ ...far, authorization: `Bearer ${TOKEN}x` }, { token: TOKEN })).toBe(401);
    expect(check({ ...far, authorization: `bearer ${TOKEN}` }, { token: TOKEN })).toBe(200);
  });

  it("lets nobody but loopback in where there is no token", () => {
    expect(check({ peer: "10.0.0.9", authorization: "Bearer undefined" })).toBe(403);
  });
});

describe("isLoopback", () => {
  it.each([
    ["127.0.0.1", true],
    ["127.255.0.3", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["::1%lo", true],
    ["128.0.0.1", false],
    ["::ffff:10.0.0.1", false],
    ["127.0.0.1.evil.test", false],
    ["", false],
  ])("%s: %s", (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});
