import type { Context, ProxyRequest } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { createKey, type KeySource } from "../../../../runtime/upstream/balance/balance-key.ts";
import { balanceRequest } from "../../../helpers/balance-targets.ts";

const fields = ["X-Tenant", "acme", "Cookie", "a=b; session=s1"];
const facades = { request: { path: "/p" } as ProxyRequest, context: {} as Context };

function keyOf(by: KeySource, given = fields): { key: string; faults: unknown[] } {
  const faults: unknown[] = [];
  const key = createKey(by, (error) => faults.push(error));
  return { key: key({ ...balanceRequest("10.0.0.1", given), facades }), faults };
}

describe("a key to balance by", () => {
  it.each<[string, KeySource, string]>([
    ["the client", "client", "10.0.0.1"],
    ["a field", { header: "x-tenant" }, "acme"],
    ["a cookie", { cookie: "session" }, "s1"],
    ["a function", ({ path }) => path, "/p"],
  ])("is that of %s", (_what, by, expected) => {
    expect(keyOf(by)).toEqual({ key: expected, faults: [] });
  });

  it.each<[string, KeySource]>([
    ["a field", { header: "x-other" }],
    ["a cookie", { cookie: "other" }],
    ["an answer", () => undefined],
    ["more than an empty answer", () => ""],
  ])("is the client's address without %s", (_what, by) => {
    expect(keyOf(by)).toEqual({ key: "10.0.0.1", faults: [] });
  });

  it("is the client's address when the function fails or returns nonsense, which is told", () => {
    const failing = keyOf(() => {
      throw new Error("broken");
    });
    expect(failing.key).toBe("10.0.0.1");
    expect(failing.faults).toHaveLength(1);
    const odd = keyOf((() => 7) as unknown as KeySource);
    expect(odd.key).toBe("10.0.0.1");
    expect(odd.faults).toHaveLength(1);
  });
});
