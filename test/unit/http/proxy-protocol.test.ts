import { isIPv4, SocketAddress } from "node:net";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  MAX_V1_BYTES,
  MAX_V2_BYTES,
  readProxyHeader,
  writeProxyHeader,
  type ProxiedEnds,
} from "../../../runtime/http/proxy-protocol.ts";

const V4: ProxiedEnds = {
  peerAddress: "192.0.2.7",
  peerPort: 56_324,
  localAddress: "198.51.100.1",
  localPort: 443,
};
const V6: ProxiedEnds = {
  peerAddress: "2001:db8::7",
  peerPort: 4124,
  localAddress: "2001:db8:1::",
  localPort: 443,
};

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** Version 2 by hand: command and protocol bytes, then the rest. */
function v2(command: number, protocol: number, rest: Buffer, size = rest.length): Buffer {
  const fixed = Buffer.from([command, protocol, size >> 8, size & 255]);
  return Buffer.concat([Buffer.from(SIGNATURE, "hex"), fixed, rest]);
}

const V4_ADDRESSES = Buffer.from("c0000207c6336401dc0401bb", "hex");

describe("readProxyHeader, version 1 (proxy-protocol.txt §2.1)", () => {
  it.each([
    ["PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", V4],
    ["PROXY TCP6 2001:db8::7 2001:db8:1:: 4124 443\r\n", V6],
    [
      "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
      { peerAddress: "255.255.255.255", peerPort: 65_535, localAddress: "0.0.0.0", localPort: 0 },
    ],
  ])("reads %j", (line, ends) => {
    const read = readProxyHeader(Buffer.from(`${line}GET / HTTP/1.1\r\n`));
    expect(read).toEqual({ kind: "header", length: line.length, ends });
  });

  it.each([
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
    "PROXY UNKNOWN anything at all\r\n",
  ])("takes %j for a header without addresses", (line) => {
    const read = readProxyHeader(Buffer.from(`${line}GET`));
    expect(read).toEqual({ kind: "header", length: line.length, ends: undefined });
  });

  it.each([
    "GET / HTTP/1.1\r\n",
    "PROXY\r\n",
    "PROXY \r\n",
    "proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "PROXY UNKNOWNX\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
    "PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n",
    "PROXY TCP4 192.0.2.7\t198.51.100.1 1 2\r\n",
    "PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
    "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
    "PROXY TCP4 0xc0000207 198.51.100.1 1 2\r\n",
    "PROXY TCP4 256.0.2.7 198.51.100.1 1 2\r\n",
    "PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n",
    "PROXY TCP6 192.0.2.7 2001:db8::7 1 2\r\n",
    "PROXY TCP6 fe80::1%eth0 2001:db8::7 1 2\r\n",
    "PROXY TCP6 [2001:db8::7] 2001:db8::7 1 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1.5 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n",
    "PROXY UNKNOWN \rx\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\0\r\n",
  ])("refuses %j", (line) => {
    expect(readProxyHeader(Buffer.from(line)).kind).toBe("invalid");
  });

  it("takes a line of 107 bytes and none that is longer", () => {
    const line = (size: number) => `PROXY UNKNOWN ${"x".repeat(size - 16)}\r\n`;
    expect(readProxyHeader(Buffer.from(line(MAX_V1_BYTES)))).toMatchObject({ length: 107 });
    expect(readProxyHeader(Buffer.from(line(MAX_V1_BYTES + 1))).kind).toBe("invalid");
    expect(readProxyHeader(Buffer.from(line(MAX_V1_BYTES).slice(0, 106))).kind).toBe("incomplete");
  });

  it("refuses what is no header at its first byte that differs", () => {
    for (const text of ["G", "PG", "PROXYZ", "\r\n\r\nx", "\x16\x03\x01"]) {
      expect(readProxyHeader(Buffer.from(text, "latin1")).kind).toBe("invalid");
    }
  });
});

describe("readProxyHeader, version 2 (proxy-protocol.txt §2.2)", () => {
  it("reads IPv4", () => {
    const bytes = v2(0x21, 0x11, V4_ADDRESSES);
    expect(readProxyHeader(bytes)).toEqual({ kind: "header", length: 28, ends: V4 });
  });

  it("reads IPv6", () => {
    const rest =
      "20010db8000000000000000000000007" + "20010db8000100000000000000000000" + "101c01bb";
    const bytes = v2(0x21, 0x21, Buffer.from(rest, "hex"));
    expect(readProxyHeader(bytes)).toEqual({ kind: "header", length: 52, ends: V6 });
  });

  it("reads the addresses of datagrams, which HTTP/3 in front of the sender has", () => {
    expect(readProxyHeader(v2(0x21, 0x12, V4_ADDRESSES))).toMatchObject({ ends: V4 });
  });

  it.each([
    ["LOCAL without a protocol", v2(0x20, 0x00, Buffer.alloc(0))],
    ["LOCAL with addresses, which are ignored", v2(0x20, 0x11, V4_ADDRESSES)],
    ["LOCAL with a protocol that is not assigned", v2(0x20, 0xff, Buffer.alloc(3))],
    ["PROXY with an unspecified protocol", v2(0x21, 0x00, Buffer.alloc(7))],
    ["PROXY with an unspecified transport", v2(0x21, 0x10, V4_ADDRESSES)],
    ["PROXY of a Unix socket", v2(0x21, 0x31, Buffer.alloc(216, 0x2f))],
  ])("takes %s for a header without addresses", (_name, bytes) => {
    const read = readProxyHeader(Buffer.concat([bytes, Buffer.from("GET")]));
    expect(read).toEqual({ kind: "header", length: bytes.length, ends: undefined });
  });

  it("skips what follows the addresses, whatever it is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: MAX_V2_BYTES - 28 }), (tlvs) => {
        const bytes = v2(0x21, 0x11, Buffer.concat([V4_ADDRESSES, tlvs]));
        const read = readProxyHeader(Buffer.concat([bytes, Buffer.from("GET /")]));
        expect(read).toEqual({ kind: "header", length: bytes.length, ends: V4 });
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ["another version", v2(0x11, 0x11, V4_ADDRESSES)],
    ["version 3", v2(0x31, 0x11, V4_ADDRESSES)],
    ["an unknown command", v2(0x22, 0x11, V4_ADDRESSES)],
    ["an unknown family", v2(0x21, 0x41, Buffer.alloc(216))],
    ["an unknown transport", v2(0x21, 0x13, V4_ADDRESSES)],
    ["too few bytes for IPv4", v2(0x21, 0x11, V4_ADDRESSES.subarray(0, 11))],
    ["too few bytes for IPv6", v2(0x21, 0x21, Buffer.alloc(35))],
    ["too few bytes for a Unix socket", v2(0x21, 0x31, Buffer.alloc(215))],
    ["a length above ours", v2(0x21, 0x11, V4_ADDRESSES, MAX_V2_BYTES - 16 + 1)],
    ["LOCAL with a length above ours", v2(0x20, 0x00, Buffer.alloc(0), 65_535)],
  ])("refuses %s before it has all of it", (_name, bytes) => {
    expect(readProxyHeader(bytes).kind).toBe("invalid");
  });
});

const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6();
const port = fc.integer({ min: 0, max: 65_535 });
const endsOf = (address: fc.Arbitrary<string>): fc.Arbitrary<ProxiedEnds> =>
  fc.record({ peerAddress: address, peerPort: port, localAddress: address, localPort: port });
const anyEnds = fc.oneof(endsOf(ipv4), endsOf(ipv6), endsOf(fc.oneof(ipv4, ipv6)));
const anyVersion = fc.constantFrom("v1" as const, "v2" as const);

/** As 16 bytes would name it: IPv4 wrapped. */
function canonical(address: string): string {
  const six = isIPv4(address) ? `::ffff:${address}` : address;
  return new SocketAddress({ address: six, family: "ipv6" }).address;
}

describe("writeProxyHeader", () => {
  it("writes the line (§2.1)", () => {
    expect(writeProxyHeader("v1", V4).toString()).toBe(
      "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n",
    );
    expect(writeProxyHeader("v1", V6).toString()).toBe(
      "PROXY TCP6 2001:db8::7 2001:db8:1:: 4124 443\r\n",
    );
  });

  it("writes the binary form (§2.2)", () => {
    expect(writeProxyHeader("v2", V4)).toEqual(v2(0x21, 0x11, V4_ADDRESSES));
  });

  it("says for itself that it speaks for nobody", () => {
    expect(writeProxyHeader("v1", undefined).toString()).toBe("PROXY UNKNOWN\r\n");
    expect(writeProxyHeader("v2", undefined)).toEqual(v2(0x20, 0x00, Buffer.alloc(0)));
  });

  it("says nothing of a client without an address", () => {
    const ends = { ...V4, peerAddress: "" };
    expect(writeProxyHeader("v1", ends).toString()).toBe("PROXY UNKNOWN\r\n");
    expect(writeProxyHeader("v2", ends)).toEqual(v2(0x21, 0x00, Buffer.alloc(0)));
  });

  it("writes addresses of two families as two of IPv6, and IPv4 wrapped in IPv6 as IPv4", () => {
    const mixed = { ...V6, localAddress: "198.51.100.1" };
    expect(writeProxyHeader("v1", mixed).toString()).toBe(
      "PROXY TCP6 2001:db8::7 ::ffff:198.51.100.1 4124 443\r\n",
    );
    const wrapped = { ...V4, peerAddress: "::ffff:192.0.2.7" };
    expect(writeProxyHeader("v1", wrapped)).toEqual(writeProxyHeader("v1", V4));
    const zoned = { ...V6, peerAddress: "fe80::1%eth0" };
    expect(writeProxyHeader("v1", zoned).toString()).toContain("TCP6 fe80::1 ");
  });

  it("writes what is read back, in every piece size, with the bytes after it untouched", () => {
    fc.assert(
      fc.property(anyVersion, anyEnds, (version, ends) => {
        const header = writeProxyHeader(version, ends);
        if (version === "v1") expect(header.length).toBeLessThanOrEqual(MAX_V1_BYTES);
        for (let size = 0; size < header.length; size++) {
          expect(readProxyHeader(header.subarray(0, size)).kind).toBe("incomplete");
        }
        const read = readProxyHeader(Buffer.concat([header, Buffer.from("GET / HTTP/1.1\r\n")]));
        if (read.kind !== "header" || read.ends === undefined) throw new Error(read.kind);
        expect(read.length).toBe(header.length);
        expect({
          ...read.ends,
          peerAddress: canonical(read.ends.peerAddress),
          localAddress: canonical(read.ends.localAddress),
        }).toEqual({
          ...ends,
          peerAddress: canonical(ends.peerAddress),
          localAddress: canonical(ends.localAddress),
        });
      }),
    );
  });
});

describe("readProxyHeader on anything", () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(anyVersion, anyEnds, fc.nat(300), fc.nat(255)).map(([version, ends, at, value]) => {
      const header = Buffer.from(writeProxyHeader(version, ends));
      if (at < header.length) header[at] = value;
      return header;
    }),
  );

  it("never throws, never reads past the end, and keeps to its bounds", () => {
    fc.assert(
      fc.property(noise, (bytes) => {
        const read = readProxyHeader(bytes);
        if (read.kind !== "header") return;
        expect(read.length).toBeLessThanOrEqual(bytes.length);
        expect(read.length).toBeLessThanOrEqual(bytes[0] === 0x50 ? MAX_V1_BYTES : MAX_V2_BYTES);
      }),
      { numRuns: 2000 },
    );
  });

  it("has decided once it decides: more bytes change nothing", () => {
    fc.assert(
      fc.property(noise, fc.uint8Array({ maxLength: 50 }), (bytes, more) => {
        const read = readProxyHeader(bytes);
        if (read.kind === "incomplete") return;
        const again = readProxyHeader(Buffer.concat([bytes, more]));
        if (read.kind === "header") expect(again).toEqual(read);
        else expect(again.kind).toBe("invalid");
      }),
      { numRuns: 2000 },
    );
  });
});
