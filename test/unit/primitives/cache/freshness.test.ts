import { describe, expect, it } from "vitest";

import { judgeResponse, type CachePolicy } from "../../../../runtime/primitives/cache/freshness.ts";

const NOW = Date.UTC(2030, 0, 1);
const POLICY: CachePolicy = {
  ttlMs: undefined,
  statuses: undefined,
  staleWhileRevalidateMs: undefined,
  staleIfErrorMs: undefined,
  heuristic: true,
  setCookie: "skip",
};

function judge(
  fields: readonly string[],
  options: {
    request?: string[];
    status?: number;
    policy?: Partial<CachePolicy>;
    ttlMs?: number;
  } = {},
) {
  const policy = { ...POLICY, ...options.policy };
  const { request = [], status = 200 } = options;
  return judgeResponse(request, status, fields, policy, NOW, NOW, options.ttlMs);
}

const control = (text: string, ...more: string[]): string[] => ["Cache-Control", text, ...more];

describe("what may be stored (RFC 9111 §3)", () => {
  it("refuses no-store, private, Vary: *, parts and a request's no-store", () => {
    expect(judge(control("max-age=60")).refused).toBeUndefined();
    expect(judge(control("max-age=60, no-store")).refused).toBe("no-store");
    expect(judge(control("max-age=60, private")).refused).toBe("private");
    expect(judge(control("max-age=60", "Vary", "a, *")).refused).toBe("vary");
    expect(judge(control("max-age=60"), { status: 206 }).refused).toBe("status");
    const request = control("no-store");
    expect(judge(control("max-age=60"), { request }).refused).toBe("request-no-store");
  });

  it("PUB-21: does not store Set-Cookie unless the route strips it", () => {
    const fields = control("public, max-age=60", "Set-Cookie", "a=b");
    expect(judge(fields).refused).toBe("set-cookie");
    expect(judge(fields, { policy: { setCookie: "strip" } }).refused).toBeUndefined();
  });

  it("PUB-26: answers to Authorization need public, s-maxage or must-revalidate (§3.5)", () => {
    const request = ["Authorization", "Bearer t1"];
    const refused = (text: string) => judge(control(text), { request }).refused;
    expect(refused("max-age=60")).toBe("authorization");
    expect(refused("private")).toBe("private");
    for (const text of ["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"])
      expect(refused(text), text).toBeUndefined();
  });

  it("must-understand lifts no-store for statuses whose rules are known (§5.2.2.3)", () => {
    const fields = control("must-understand, no-store, max-age=60");
    expect(judge(fields).refused).toBeUndefined();
    expect(judge(fields, { status: 299 }).refused).toBe("must-understand");
  });
});

describe("how long it is fresh (RFC 9111 §4.2)", () => {
  const ms = (...args: Parameters<typeof judge>) => judge(...args).lifetimeMs;

  it("s-maxage goes over max-age, max-age over Expires", () => {
    const date = ["Date", new Date(NOW).toUTCString()];
    const expires = ["Expires", new Date(NOW + 5000).toUTCString()];
    expect(ms([...date, ...expires])).toBe(5000);
    expect(ms(control("max-age=60", ...date, ...expires))).toBe(60_000);
    expect(ms(control("max-age=60, s-maxage=7", ...expires))).toBe(7000);
  });

  it("what is no number or no date is stale (§4.2.1, §5.3)", () => {
    expect(ms(control("max-age=1.5"))).toBe(0);
    expect(ms(control("max-age=-1"))).toBe(0);
    expect(ms(["Expires", "0"])).toBe(0);
  });

  it("a targeted field replaces Cache-Control and Expires (RFC 9213 §2.2)", () => {
    expect(ms(control("no-store", "CDN-Cache-Control", "max-age=9"))).toBe(9000);
    expect(judge(control("max-age=60", "CDN-Cache-Control", "no-store")).refused).toBe("no-store");
    expect(ms(control("max-age=60", "CDN-Cache-Control", "%"))).toBe(60_000);
  });

  it("is 10 % of the age since Last-Modified, at most a day, where nothing says (§4.2.2)", () => {
    const modified = (ago: number) => ["Last-Modified", new Date(NOW - ago).toUTCString()];
    expect(judge(modified(100_000))).toMatchObject({ lifetimeMs: 10_000, heuristic: true });
    expect(ms(modified(86_400_000 * 365))).toBe(86_400_000);
    expect(ms(modified(100_000), { policy: { heuristic: false } })).toBe(0);
    expect(ms(modified(100_000), { status: 201 })).toBe(0);
  });

  it("a hook's word goes over the response's; a route's holds where the response says nothing", () => {
    expect(ms(control("max-age=60"), { ttlMs: 5 })).toBe(5);
    expect(ms([], { policy: { ttlMs: 7 } })).toBe(7);
    expect(ms(control("max-age=60"), { policy: { ttlMs: 7 } })).toBe(60_000);
  });

  it("PUB-22: must-revalidate and its kin allow no stale answer (§4.2.4)", () => {
    const stale = "max-age=1, stale-if-error=60, stale-while-revalidate=60";
    expect(judge(control(stale))).toMatchObject({
      staleIfErrorMs: 60_000,
      staleWhileRevalidateMs: 60_000,
    });
    for (const word of ["must-revalidate", "proxy-revalidate", "no-cache"]) {
      const policy = { staleIfErrorMs: 9, staleWhileRevalidateMs: 9 };
      expect(judge(control(`${stale}, ${word}`), { policy }), word).toMatchObject({
        staleIfErrorMs: 0,
        staleWhileRevalidateMs: 0,
      });
    }
  });

  it("PUB-22: s-maxage allows no stale answer that the origin has not named with it (§5.2.2.10, RFC 5861)", () => {
    const policy = { staleIfErrorMs: 9, staleWhileRevalidateMs: 9 };
    expect(judge(control("s-maxage=1"), { policy })).toMatchObject({
      mustRevalidate: true,
      staleIfErrorMs: 0,
      staleWhileRevalidateMs: 0,
    });
    expect(judge(control("s-maxage=1, stale-while-revalidate=60"), { policy })).toMatchObject({
      mustRevalidate: true,
      staleIfErrorMs: 0,
      staleWhileRevalidateMs: 60_000,
    });
  });

  it("is not old by the part of a second that Date leaves out", () => {
    const fields = ["Date", new Date(NOW).toUTCString()];
    const at = NOW + 999;
    expect(judgeResponse([], 200, fields, POLICY, at, at, undefined).ageMs).toBe(0);
    expect(judgeResponse([], 200, fields, POLICY, at, at + 1, undefined).ageMs).toBe(1000);
  });

  it("counts the age that it comes with (§4.2.3)", () => {
    expect(judge(control("max-age=60", "Age", "30")).ageMs).toBe(30_000);
    expect(judge(["Date", new Date(NOW - 10_000).toUTCString()]).ageMs).toBe(10_000);
    expect(judge(["Age", "-5"]).ageMs).toBe(0);
  });
});
