import { describe, expect, it } from "vitest";

import { createRequestId, isRequestId } from "../../../runtime/http/request-id.ts";

describe("createRequestId", () => {
  it("makes valid ids of at least 20 characters that never repeat", () => {
    const ids = new Set<string>();
    for (let at = 0; at < 10_000; at++) ids.add(createRequestId());
    expect(ids.size).toBe(10_000);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-z]{20,}$/);
      expect(isRequestId(id)).toBe(true);
    }
  });
});

describe("isRequestId", () => {
  it.each(["a", "A-b_c.9", "x".repeat(128)])("takes %s", (id) => {
    expect(isRequestId(id)).toBe(true);
  });

  it.each(["", "x".repeat(129), "a b", "a/b", "a\n", "é", "<a>", "a,b", "a:b"])(
    "refuses %j",
    (id) => {
      expect(isRequestId(id)).toBe(false);
    },
  );
});
