import { describe, expect, it } from "vitest";

import {
  createBalancer,
  type BalanceRule,
} from "../../../../runtime/upstream/balance/create-balancer.ts";
import { balanceRequest, testTargets } from "../../../helpers/balance-targets.ts";

const SECRET = "a".repeat(32);
const OLDER = "b".repeat(32);

const cookie = {
  name: "target",
  path: "/",
  domain: undefined,
  maxAgeSeconds: undefined,
  sameSite: "Lax",
  secure: "auto",
  httpOnly: true,
} as const;

function sticky(
  change: Partial<Extract<BalanceRule, { type: "sticky" }>> = {},
  name = "shop",
): ReturnType<typeof createBalancer> {
  const rule = { type: "sticky", cookie, secrets: [SECRET], otherwise: "round-robin" } as const;
  return createBalancer({ name, rule: { ...rule, ...change } });
}

const valueOf = (line: string | undefined): string =>
  /^target=([^;]+);/.exec(line ?? "")?.[1] ?? "";
const withCookie = (value: string) => balanceRequest("c", ["cookie", `a=b; target=${value}`]);

describe("StickyCookie", () => {
  const targets = testTargets([1, 1, 1]);

  it("brings a client back to the target of its cookie, and sets that cookie only once", () => {
    const balancer = sticky();
    balancer.update(targets);
    for (const target of targets) {
      const value = valueOf(balancer.setCookie?.(balanceRequest("c"), target));
      for (let turn = 0; turn < 5; turn++) {
        expect(balancer.pick(withCookie(value))).toBe(target);
        expect(balancer.setCookie?.(withCookie(value), target)).toBeUndefined();
      }
    }
  });

  it("gives clients with a cookie that is not ours another target by the other way, and a new cookie", () => {
    const balancer = sticky();
    balancer.update(targets);
    const good = valueOf(balancer.setCookie?.(balanceRequest("c"), targets[2]!));
    const foreign = [
      "x",
      targets[2]!.key,
      `${good}x`,
      good.slice(0, -1),
      `${good.slice(0, -1)}${good.endsWith("A") ? "B" : "A"}`,
      valueOf(sticky({}, "other").setCookie?.(balanceRequest("c"), targets[2]!)),
      valueOf(sticky({ secrets: [OLDER] }).setCookie?.(balanceRequest("c"), targets[2]!)),
    ];
    for (const [at, value] of foreign.entries()) {
      const target = balancer.pick(withCookie(value))!;
      expect(target).toBe(targets[at % 3]);
      expect(valueOf(balancer.setCookie?.(withCookie(value), target))).not.toBe("");
    }
  });

  it("tells nothing of the target's address", () => {
    const value = valueOf(sticky().setCookie?.(balanceRequest("c"), targets[0]!));
    expect(value).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(Buffer.from(value, "base64url").toString("latin1")).not.toContain("t0");
  });

  it("chooses anew when the target is gone or has just failed the request", () => {
    const balancer = sticky();
    balancer.update(targets);
    const value = valueOf(balancer.setCookie?.(balanceRequest("c"), targets[0]!));
    expect(balancer.pick(withCookie(value), new Set([targets[0]!]))).not.toBe(targets[0]);
    balancer.update(targets.slice(1));
    const other = balancer.pick(withCookie(value))!;
    expect(targets.slice(1)).toContain(other);
    expect(valueOf(balancer.setCookie?.(withCookie(value), other))).not.toBe(value);
  });

  it("knows cookies of an older secret and renews them", () => {
    const old = valueOf(sticky({ secrets: [OLDER] }).setCookie?.(balanceRequest("c"), targets[1]!));
    const balancer = sticky({ secrets: [SECRET, OLDER] });
    balancer.update(targets);
    expect(balancer.pick(withCookie(old))).toBe(targets[1]);
    const line = balancer.setCookie?.(withCookie(old), targets[1]!);
    expect(valueOf(line)).not.toBe(old);
    expect(balancer.pick(withCookie(valueOf(line)))).toBe(targets[1]);
  });

  it("is HttpOnly and SameSite=Lax for the whole host, and Secure where the client speaks TLS", () => {
    const balancer = sticky();
    const plain = balancer.setCookie?.(balanceRequest("c"), targets[0]!);
    const secure = balancer.setCookie?.({ ...balanceRequest("c"), scheme: "https" }, targets[0]!);
    expect(plain).toMatch(/^target=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(secure).toMatch(/^target=[\w-]{22}; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  });

  it("has the attributes that the config gives it", () => {
    const balancer = sticky({
      cookie: {
        name: "target",
        path: "/shop",
        domain: "a.test",
        maxAgeSeconds: 3600,
        sameSite: "None",
        secure: true,
        httpOnly: false,
      },
    });
    expect(balancer.setCookie?.(balanceRequest("c"), targets[0]!)).toMatch(
      /^target=[\w-]{22}; Path=\/shop; Domain=a\.test; Max-Age=3600; Secure; SameSite=None$/,
    );
  });
});
