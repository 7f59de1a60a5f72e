import { isIP } from "node:net";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { addressHolder, maskIp, parseIp } from "../../../runtime/http/ip-address.ts";
import { canonicalAddress } from "../../../runtime/primitives/client-address.ts";

const words = new Uint32Array(4);

function parsed(text: string): readonly number[] {
  const family = parseIp(text, words);
  return family === 0 ? [0] : [family, ...words.subarray(0, family === 4 ? 1 : 4)];
}

/** What another parser makes of it. */
function reference(text: string): readonly number[] {
  const canonical = canonicalAddress(text);
  if (canonical === undefined) return [0];
  if (isIP(canonical) === 4) {
    return [4, canonical.split(".").reduce((value, byte) => value * 256 + Number(byte), 0)];
  }
  const [before = "", after] = canonical.split("::");
  const left = before.split(":").filter((group) => group !== "");
  const right = (after ?? "").split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
  return [6, ...[0, 2, 4, 6].map((at) => (groups[at] ?? 0) * 65_536 + (groups[at + 1] ?? 0))];
}

describe("parseIp", () => {
  it.each([
    ["203.0.113.5", [4, 0xcb_00_71_05]],
    ["::ffff:203.0.113.5", [4, 0xcb_00_71_05]],
    ["::FFFF:CB00:7105", [4, 0xcb_00_71_05]],
    ["fe80::1%eth0", [6, 0xfe_80_00_00, 0, 0, 1]],
    ["::", [6, 0, 0, 0, 0]],
    ["2001:db8::", [6, 0x20_01_0d_b8, 0, 0, 0]],
    ["1:2:3:4:5:6:7.8.9.10", [6, 0x1_0002, 0x3_0004, 0x5_0006, 0x07_08_09_0a]],
  ])("reads %s, mapped addresses as IPv4 and without zone (RFC 4291 §2.5.5.2)", (text, words_) => {
    expect(parsed(text)).toEqual(words_);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.",
    ":1",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "1:",
    "::1.2.3",
    "a.b.c.d",
    "unix",
  ])("refuses %j", (text) => {
    expect(parsed(text)).toEqual([0]);
  });

  it("agrees with another parser on addresses and on what resembles them", () => {
    const near = fc.string({
      unit: fc.constantFrom(..."0 1 2 3 4 5 6 7 8 9 a b F : . : . : %".split(" ")),
      maxLength: 24,
    });
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), near);
    fc.assert(
      fc.property(text, (one) => {
        // A zone belongs to IPv6 only.
        // The other parser takes the old "compatible" form for a mapped one.
        fc.pre(!/^::\d+\./.test(one));
        fc.pre(!(one.includes("%") && isIP(one.replace(/%.*$/s, "")) === 4));
        expect(parsed(one)).toEqual(reference(one));
      }),
      { numRuns: 2000 },
    );
  });

  it("masks to a prefix", () => {
    expect(parseIp("2001:db8:1:2:3:4:5:6", words)).toBe(6);
    maskIp(words, 6, 56);
    expect([...words]).toEqual([0x20_01_0d_b8, 0x1_0000, 0, 0]);
  });
});

describe("whom an address belongs to", () => {
  it("is the address, in every notation, or the /64 of IPv6 (RFC 4291 §2.5.4)", () => {
    expect(addressHolder("203.0.113.1")).toBe(addressHolder("::ffff:203.0.113.1"));
    expect(addressHolder("203.0.113.1")).not.toBe(addressHolder("203.0.113.2"));
    expect(addressHolder("2001:db8::1")).toBe(addressHolder("2001:DB8:0:0:ffff::"));
    expect(addressHolder("2001:db8::1")).not.toBe(addressHolder("2001:db8:0:1::1"));
    expect(addressHolder("unix")).toBe("unix");
  });
});
