import { EventEmitter } from "node:events";
import type { Socket } from "node:net";

import { describe, expect, it } from "vitest";

import { AddressCounts } from "../../../runtime/downstream/address-counts.ts";

function socket(): Socket {
  return Object.assign(new EventEmitter(), { closed: false }) as unknown as Socket;
}

describe("counts of connections by address", () => {
  it("know a client in every notation, and by its /64 over IPv6", () => {
    const counts = new AddressCounts();
    const enter = (address: string): boolean => counts.enter(socket(), address, 1);
    expect(enter("203.0.113.1")).toBe(true);
    expect(enter("::ffff:203.0.113.1")).toBe(false);
    expect(enter("2001:db8::1%eth0")).toBe(true);
    expect(enter("2001:db8::ffff:1")).toBe(false);
    expect(enter("2001:db8:0:1::1")).toBe(true);
    expect(counts.size).toBe(3);
  });

  it("forget an address with its last connection", () => {
    const counts = new AddressCounts();
    const open = Array.from({ length: 1000 }, (_none, at) => {
      const one = socket();
      counts.enter(one, `10.0.0.${at % 250}`, 4);
      return one;
    });
    expect(counts.size).toBe(250);
    for (const one of open) one.emit("close");
    expect(counts.size).toBe(0);
  });

  it("count no connection that is closed already", () => {
    const counts = new AddressCounts();
    counts.enter(Object.assign(socket(), { closed: true }), "10.0.0.1", 1);
    expect(counts.size).toBe(0);
  });
});
