import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  canonicalAddress,
  createClientAddress,
  createRangeTest,
  type TrustedProxies,
} from "../../../runtime/primitives/client-address.ts";

const none: TrustedProxies = { kind: "none" };
const ranges: TrustedProxies = {
  kind: "ranges",
  ranges: ["127.0.0.0/8", "10.1.0.0/16", "2001:db8:1::/48"],
};

function addressOf(trust: TrustedProxies, fields: string[], peer = "127.0.0.2"): string {
  return createClientAddress(trust)(fields, peer, 4711).address;
}

describe("canonicalAddress", () => {
  it.each([
    ["203.0.113.5", "203.0.113.5"],
    ["::ffff:203.0.113.5", "203.0.113.5"],
    ["::FFFF:CB00:7105", "203.0.113.5"],
    ["0:0:0:0:0:ffff:cb00:7105", "203.0.113.5"],
    ["fe80::1%eth0", "fe80::1"],
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["::", "::"],
    ["::1", "::1"],
  ])("brings %s to %s (RFC 5952, RFC 4291 §2.5.5.2, PUB-32)", (text, expected) => {
    expect(canonicalAddress(text)).toBe(expected);
  });

  it.each([
    "",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "01.2.3.4",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.4%eth0",
    ":::",
    "[::1]",
    "a.test",
    "1.2.3.4 ",
  ])("finds no address in %j", (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  it("gives the same for every spelling of an IPv6 address", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = canonicalAddress(text);
        expect(address).toBeDefined();
        expect(canonicalAddress(address as string)).toBe(address);
        expect(canonicalAddress(text.toUpperCase())).toBe(address);
      }),
    );
  });
});

describe("without trusted proxies", () => {
  it.each([
    ["X-Forwarded-For", "198.51.100.1"],
    ["X-Real-IP", "198.51.100.1"],
    ["Forwarded", "for=198.51.100.1;proto=https"],
    ["CF-Connecting-IP", "198.51.100.1"],
    ["X-Forwarded-Proto", "https"],
  ])("believes the socket and not %s (PUB-27)", (name, value) => {
    expect(createClientAddress(none)([name, value], "203.0.113.7", 4711)).toEqual({
      address: "203.0.113.7",
      port: 4711,
      trusted: false,
      scheme: undefined,
    });
  });

  it("folds mapped addresses and cuts zones (PUB-32)", () => {
    expect(addressOf(none, [], "::ffff:203.0.113.5")).toBe("203.0.113.5");
    expect(addressOf(none, [], "fe80::1%eth0")).toBe("fe80::1");
  });

  it("does not choke on a peer without an address", () => {
    expect(addressOf(none, [], "")).toBe("");
  });
});

describe("with trusted ranges", () => {
  it.each([
    ["the last entry", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"],
    ["past trusted entries", ["198.51.100.1, 203.0.113.7, 10.1.2.3"], "203.0.113.7"],
    [
      "over several lines, joined in order",
      ["198.51.100.1, 203.0.113.7", "10.1.2.3 , 127.0.0.9"],
      "203.0.113.7",
    ],
    ["the first entry if all are trusted", ["10.1.0.1, 10.1.0.2"], "10.1.0.1"],
    ["a mapped entry", ["::ffff:203.0.113.7"], "203.0.113.7"],
    ["a mapped trusted entry", ["203.0.113.7, ::FFFF:0A01:0203"], "203.0.113.7"],
    ["an entry in brackets", ["[2001:db8::1]:443"], "2001:db8::1"],
    ["past a trusted IPv6 entry", ["203.0.113.7, 2001:db8:1::5"], "203.0.113.7"],
    ["past empty entries", ["203.0.113.7,, ,"], "203.0.113.7"],
    ["not the garbage a client put in front", ['unknown, "x, 203.0.113.7'], "203.0.113.7"],
  ])("takes %s", (_, lines, expected) => {
    const fields = lines.flatMap((line) => ["X-Forwarded-For", line]);
    expect(addressOf(ranges, fields)).toBe(expected);
  });

  it.each([
    "unknown",
    "_hidden",
    "garbage",
    "203.0.113.7 x",
    "203.0.113.7, unknown",
    "127.1",
    "1.2.3.4:x",
    '"203.0.113.7"',
    "",
  ])("falls back to the peer at %j (PUB-27)", (line) => {
    expect(addressOf(ranges, ["X-Forwarded-For", line])).toBe("127.0.0.2");
  });

  it("falls back to the peer when garbage follows a trusted entry", () => {
    expect(addressOf(ranges, ["X-Forwarded-For", "203.0.113.7, junk, 10.1.2.3"])).toBe("127.0.0.2");
  });

  it("believes nothing from a peer outside the ranges", () => {
    const resolve = createClientAddress(ranges);
    const fields = ["X-Forwarded-For", "198.51.100.1", "X-Forwarded-Proto", "https"];
    expect(resolve(fields, "203.0.113.7", 1)).toEqual({
      address: "203.0.113.7",
      port: 1,
      trusted: false,
      scheme: undefined,
    });
  });

  it("recognises a trusted peer in mapped spelling", () => {
    expect(addressOf(ranges, ["X-Forwarded-For", "203.0.113.7"], "::ffff:127.0.0.2")).toBe(
      "203.0.113.7",
    );
  });

  it("tells the port if the proxy does, else 0, and the socket's for the peer itself", () => {
    const resolve = createClientAddress(ranges);
    expect(resolve(["X-Forwarded-For", "203.0.113.7:99"], "127.0.0.2", 1).port).toBe(99);
    expect(resolve(["X-Forwarded-For", "203.0.113.7"], "127.0.0.2", 1).port).toBe(0);
    expect(resolve([], "127.0.0.2", 1).port).toBe(1);
  });

  it.each([
    [["X-Forwarded-Proto", "https"], "https"],
    [["X-Forwarded-Proto", "HTTPS"], "https"],
    [["X-Forwarded-Proto", "http, https"], "https"],
    [["X-Forwarded-Proto", "http", "X-Forwarded-Proto", "https"], "https"],
    [["X-Forwarded-Proto", "ftp"], undefined],
    [[], undefined],
    [["Forwarded", "for=203.0.113.7;proto=https", "X-Forwarded-Proto", "http"], "https"],
    [["Forwarded", "for=203.0.113.7", "X-Forwarded-Proto", "https"], undefined],
  ])("reads the scheme of %j from the hop next to us", (fields, scheme) => {
    expect(createClientAddress(ranges)(fields, "127.0.0.2", 1).scheme).toBe(scheme);
  });

  it.each([
    ["for=203.0.113.7", "203.0.113.7"],
    ['for=198.51.100.1, for="[2001:db8::7]:80";proto=https', "2001:db8::7"],
    ['for=198.51.100.1, for=203.0.113.7, For="10.1.2.3:5"', "203.0.113.7"],
    ['for="unclosed, for=203.0.113.7', "203.0.113.7"],
    ["for=unknown", "127.0.0.2"],
    ["for=_hidden", "127.0.0.2"],
    ["proto=https", "127.0.0.2"],
    ["for=203.0.113.7, nonsense", "127.0.0.2"],
    ["for=203.0.113.7;for=198.51.100.1", "127.0.0.2"],
  ])("walks Forwarded: %s (RFC 7239)", (line, expected) => {
    expect(addressOf(ranges, ["Forwarded", line])).toBe(expected);
  });

  it("prefers X-Forwarded-For, which the proxy wrote, to a Forwarded that it may have passed on", () => {
    const fields = ["Forwarded", "for=198.51.100.1", "X-Forwarded-For", "203.0.113.7"];
    expect(addressOf(ranges, fields)).toBe("203.0.113.7");
  });

  it("gives a client no way to choose its address behind a proxy that appends", () => {
    const junk = fc.array(
      fc.tuple(
        fc.constantFrom("X-Forwarded-For", "x-forwarded-for", "Forwarded", "X-Real-IP"),
        fc.string({ unit: fc.constantFrom(...'1.2:[]",;= for\\%'.split("")) }),
      ),
    );
    fc.assert(
      fc.property(junk, (lines) => {
        const fields = [...lines.flat(), "X-Forwarded-For", "203.0.113.7"];
        expect(addressOf(ranges, fields)).toBe("203.0.113.7");
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    "10.0.0.0/33",
    "a.test",
    "10.0.0/8",
    "::1/129",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "fe80::1%eth0",
    "",
  ])("refuses the range %j", (range) => {
    expect(() => createClientAddress({ kind: "ranges", ranges: [range] })).toThrow(TypeError);
  });

  it("takes single addresses, IPv6 ranges and ranges of mapped addresses", () => {
    const trust: TrustedProxies = {
      kind: "ranges",
      ranges: ["127.0.0.2", "::ffff:10.0.0.0/104", "::1"],
    };
    const fields = ["X-Forwarded-For", "203.0.113.7, 10.9.9.9, ::1"];
    expect(addressOf(trust, fields)).toBe("203.0.113.7");
    expect(addressOf(trust, fields, "127.0.0.3")).toBe("127.0.0.3");
  });
});

describe("with a number of hops", () => {
  it.each([
    [1, "198.51.100.1, 203.0.113.7", "203.0.113.7"],
    [2, "198.51.100.1, 203.0.113.7", "198.51.100.1"],
    [3, "198.51.100.1, 203.0.113.7", "198.51.100.1"],
    [2, "junk, 203.0.113.7", "192.0.2.1"],
    [1, "junk, 203.0.113.7", "203.0.113.7"],
    [1, "", "192.0.2.1"],
  ])("counts %i from the right of %j", (count, line, expected) => {
    expect(addressOf({ kind: "hops", count }, ["X-Forwarded-For", line], "192.0.2.1")).toBe(
      expected,
    );
  });

  it("trusts the peer, whoever it is", () => {
    expect(createClientAddress({ kind: "hops", count: 1 })([], "192.0.2.1", 5)).toEqual({
      address: "192.0.2.1",
      port: 5,
      trusted: true,
      scheme: undefined,
    });
  });
});

describe("createRangeTest", () => {
  const isWithin = createRangeTest(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);

  it.each(["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1", "2001:db8::1", "2001:DB8:0::1%eth0"])(
    "finds %s within",
    (address) => {
      expect(isWithin(address)).toBe(true);
    },
  );

  it.each(["11.0.0.1", "192.0.2.2", "::1", "2001:db9::1", "", "localhost", "10.1", "10.1.2.3:80"])(
    "finds %j outside",
    (address) => {
      expect(isWithin(address)).toBe(false);
    },
  );

  it("refuses ranges that are none", () => {
    expect(() => createRangeTest(["10.0.0.0/33"])).toThrow(TypeError);
  });
});
