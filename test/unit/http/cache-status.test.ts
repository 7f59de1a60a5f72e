import { describe, expect, it } from "vitest";

import { cacheStatusMember } from "../../../runtime/http/cache-status.ts";

describe("cacheStatusMember", () => {
  it.each([
    [{ hit: true, ttl: 376.9 }, "gatewright; hit; ttl=376"],
    [{ hit: true, ttl: -412 }, "gatewright; hit; ttl=-412"],
    [{ forwarded: "uri-miss", stored: true }, "gatewright; fwd=uri-miss; stored"],
    [
      { forwarded: "stale", forwardedStatus: 304, collapsed: true },
      "gatewright; fwd=stale; fwd-status=304; collapsed",
    ],
    [{ forwarded: "miss", detail: "set-cookie" }, "gatewright; fwd=miss; detail=set-cookie"],
    [{ hit: true, detail: 'a "b" é' }, 'gatewright; hit; detail="a \\"b\\" ?"'],
  ] as const)("writes %j (RFC 9211 §2)", (status, expected) => {
    expect(cacheStatusMember("gatewright", status)).toBe(expected);
  });
});
