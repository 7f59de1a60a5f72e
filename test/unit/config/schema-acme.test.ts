import { describe, expect, it } from "vitest";

import { normalize } from "../../../runtime/config/normalize.ts";
import { formatPath } from "../../../runtime/config/option-path.ts";
import type { UserConfig } from "../../../runtime/config/resolved-config.ts";
import { validate } from "../../../runtime/config/validate.ts";

function configWith(acme: unknown, plain = false): UserConfig {
  return {
    listen: [...(plain ? [{ port: 80 }] : []), { port: 443, tls: { acme } }],
    upstreams: { demo: { fetch: () => new Response("") } },
  } as UserConfig;
}

function issuesOf(acme: unknown): [path: string, message: string][] {
  const result = validate(configWith(acme));
  return result.kind === "valid"
    ? []
    : result.issues.map(({ path, message }) => [formatPath(path), message]);
}

function resolved(acme: unknown, plain = false) {
  const config = normalize(configWith(acme, plain), "/srv/proxy.config.ts", "start");
  return config.listen.at(-1)?.tls?.acme ?? [];
}

describe("listen.tls.acme", () => {
  it("has defaults", () => {
    const acme = { agreeTos: true, hosts: ["A.Example.com.", "bücher.example"] };
    expect(issuesOf({ agreeTos: true, hosts: ["A.Example.com", "bücher.example"] })).toEqual([]);
    expect(resolved({ ...acme, hosts: ["A.Example.com", "bücher.example"] })).toEqual([
      {
        directory: "https://acme-v02.api.letsencrypt.org/directory",
        directoryCa: undefined,
        email: undefined,
        externalAccount: undefined,
        challenges: ["tls-alpn-01"],
        hostSets: [["a.example.com"], ["xn--bcher-kva.example"]],
        hasOnDemand: false,
        ordersPerHour: 80,
      },
    ]);
  });

  it("tries http-01 first where there is a plain-text listener", () => {
    const [one] = resolved({ agreeTos: true, hosts: ["a.test"] }, true);
    expect(one?.challenges).toEqual(["http-01", "tls-alpn-01"]);
  });

  it("takes several authorities, shared certificates, and every set once", () => {
    const all = resolved([
      { agreeTos: true, hosts: ["a.test", ["b.test", "c.test"], ["c.test", "b.test"], "A.test"] },
      {
        agreeTos: true,
        onDemand: () => true,
        directory: "https://ca.test/dir",
        directoryCa: "ca.pem",
      },
    ]);
    expect(all.map(({ hostSets, hasOnDemand }) => [hostSets.length, hasOnDemand])).toEqual([
      [2, false],
      [0, true],
    ]);
    expect(all[1]?.directoryCa).toEqual({ kind: "file", path: "/srv/ca.pem" });
  });

  it("keeps functions apart from what travels", () => {
    const onDemand = (): boolean => true;
    const config = normalize(
      configWith(
        [
          { agreeTos: true, hosts: ["a.test"] },
          { agreeTos: true, onDemand },
        ],
        true,
      ),
      "/srv/proxy.config.ts",
      "start",
    );
    expect(config.onDemandFunctions.map((all) => all.map((one) => one?.("a.test")))).toEqual([
      [],
      [undefined, true],
    ]);
    expect(() => structuredClone(config.listen)).not.toThrow();
  });

  it.each([
    [{ hosts: ["a.test"] }, "agreeTos", /missing/],
    [{ agreeTos: "yes", hosts: ["a.test"] }, "agreeTos", /terms of service/],
    [{ agreeTos: true }, "", /no name to get a certificate for/],
    [{ agreeTos: true, hosts: [] }, "hosts", /empty/],
    [{ agreeTos: true, hosts: ["*.a.test"] }, "hosts[0]", /wildcard/],
    [{ agreeTos: true, hosts: ["127.0.0.1"] }, "hosts[0]", /address/],
    [{ agreeTos: true, hosts: ["[::1]"] }, "hosts[0]", /address/],
    [{ agreeTos: true, hosts: ["a b"] }, "hosts[0]", /Not a host name/],
    [{ agreeTos: true, hosts: [["a.test", "../x"]] }, "hosts[0][1]", /Not a host name/],
    [{ agreeTos: true, hosts: ["a.test"], directory: "http://ca.test/" }, "directory", /directory/],
    [{ agreeTos: true, hosts: ["a.test"], email: "a@b, c@d" }, "email", /mail/],
    [{ agreeTos: true, hosts: ["a.test"], challenges: ["dns-01"] }, "challenges[0]", /No such/],
    [{ agreeTos: true, hosts: ["a.test"], ordersPerHour: 0 }, "ordersPerHour", /range/],
    [
      { agreeTos: true, hosts: ["a.test"], externalAccount: { kid: "1" } },
      "externalAccount.hmacKey",
      /missing/,
    ],
    [{ agreeTos: true, hosts: ["a.test"], host: "a.test" }, "host", /./],
  ])("refuses %j", (acme, place, message) => {
    const path = `listen[0].tls.acme${place === "" || place.startsWith("[") ? place : `.${place}`}`;
    const issues = issuesOf(acme);
    expect(issues).toHaveLength(1);
    expect(issues[0]?.[0]).toBe(path);
    expect(issues[0]?.[1]).toMatch(message);
  });

  it("does not show the key of an account", () => {
    const externalAccount = { kid: "1", hmacKey: "not base64url!" };
    const result = validate(configWith({ agreeTos: true, hosts: ["a.test"], externalAccount }));
    expect(JSON.stringify(result)).not.toContain("not base64url!");
  });
});
