import { describe, expect, it } from "vitest";

import { ClientShares } from "../../../runtime/http/client-shares.ts";

describe("shares of clients", () => {
  it("are one for each address, and for each /64 of IPv6", () => {
    const shares = new ClientShares();
    const first = shares.enter("192.0.2.1");
    expect(shares.enter("192.0.2.1")).toBe(first);
    expect(shares.enter("192.0.2.2")).not.toBe(first);
    const v6 = shares.enter("2001:db8::1");
    expect(shares.enter("2001:db8::ffff")).toBe(v6);
    expect(shares.enter("2001:db8:0:1::1")).not.toBe(v6);
    expect(shares.size).toBe(4);
  });

  it("are forgotten with their last message", () => {
    const shares = new ClientShares();
    const share = shares.enter("192.0.2.1");
    shares.enter("192.0.2.1");
    shares.leave(share);
    expect(shares.size).toBe(1);
    shares.leave(share);
    expect(shares.size).toBe(0);
    expect(shares.enter("192.0.2.1")).not.toBe(share);
  });
});
