import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseIp } from "../../../../runtime/http/ip-address.ts";
import { toListText, type ListText } from "../../../../runtime/primitives/ip-list/list-text.ts";
import { parseList } from "../../../../runtime/primitives/ip-list/parse-list.ts";
import {
  inSlices,
  RangeBuilder,
  type RangeTable,
} from "../../../../runtime/primitives/ip-list/range-table.ts";
import { NONE, TimedRanges } from "../../../../runtime/primitives/ip-list/timed-ranges.ts";

const words = new Uint32Array(4);

async function tableOf(text: string, column?: number): Promise<RangeTable & { invalid: number }> {
  const builder = new RangeBuilder();
  const { invalid } = await inSlices(parseList(toListText(text), column, builder));
  const table = await inSlices(builder.finish());
  return { ...table, invalid };
}

async function countsOf(text: ListText): Promise<object> {
  const builder = new RangeBuilder();
  const { entries, invalid } = await inSlices(parseList(text, undefined, builder));
  return { entries, invalid, size: (await inSlices(builder.finish())).size };
}

function has(table: RangeTable, address: string): boolean {
  return table.has(parseIp(address, words), words);
}

describe("a table of ranges", () => {
  it("finds the same where it is large enough for an index over the upper halves", async () => {
    const builder = new RangeBuilder();
    const listed = new Set<number>();
    // Every other one of 40000 neighbours, both ends of the address space, and gaps of many upper halves between.
    for (let at = 0; at < 40_000; at++) {
      listed.add((at < 20_000 ? 0x0a_00_00_00 : 0xc0_00_ff_00) + at * 2);
    }
    listed.add(0).add(0xff_ff_ff_ff);
    for (const address of listed) {
      words[0] = address;
      builder.add(4, words, 32);
    }
    const table = await inSlices(builder.finish());
    expect(table.size).toBe(listed.size);
    const wrong: number[] = [];
    for (const address of listed) {
      for (const near of [address - 1, address, address + 1, address + 0x1_00_00]) {
        words[0] = near >>> 0;
        if (table.has(4, words) !== listed.has(near >>> 0)) wrong.push(near >>> 0);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("has what a walk over all ranges has", async () => {
    // Few bits, so that ranges overlap and addresses hit.
    const byte = fc.constantFrom(0, 1, 127, 128, 254, 255);
    const range = fc.tuple(
      fc.array(byte, { minLength: 4, maxLength: 4 }),
      fc.nat(32),
      fc.boolean(),
    );
    const address = fc.tuple(fc.array(byte, { minLength: 4, maxLength: 4 }), fc.boolean());
    const text = (bytes: readonly number[], isIpv6: boolean): string =>
      isIpv6 ? `2001:db8::${bytes.map((one) => one.toString(16)).join(":")}` : bytes.join(".");
    const bits = (bytes: readonly number[], isIpv6: boolean): string =>
      bytes.map((one) => one.toString(2).padStart(isIpv6 ? 16 : 8, "0")).join("");
    await fc.assert(
      fc.asyncProperty(
        fc.array(range, { maxLength: 40 }),
        fc.array(address),
        async (ranges, asked) => {
          const lines = ranges.map(
            ([bytes, length, six]) => `${text(bytes, six)}/${six ? 64 + length * 2 : length}`,
          );
          const table = await tableOf(lines.join("\n"));
          for (const [bytes, six] of asked) {
            const own = bits(bytes, six);
            const naive = ranges.some(
              ([base, length, baseSix]) =>
                baseSix === six &&
                bits(base, six).slice(0, six ? length * 2 : length) ===
                  own.slice(0, six ? length * 2 : length),
            );
            expect(has(table, text(bytes, six))).toBe(naive);
          }
        },
      ),
    );
  });

  it("matches an IPv4 range in each notation of the address, and no zone changes that (PUB-32)", async () => {
    const table = await tableOf("203.0.113.0/24\nfe80::/10\n::ffff:198.51.100.0/120");
    const inside = ["::ffff:203.0.113.5", "::FFFF:CB00:7105", "fe80::1%eth0", "198.51.100.7"];
    expect(inside.filter((address) => !has(table, address))).toEqual([]);
    expect(has(table, "203.0.114.1")).toBe(false);
  });
});

describe("whether a table has any address of a prefix", () => {
  it("is what asking for each address says", async () => {
    const byte = fc.constantFrom(0, 3, 4, 7, 8, 255);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(byte, fc.integer({ min: 24, max: 32 })), { maxLength: 6 }),
        byte,
        fc.integer({ min: 24, max: 32 }),
        async (ranges, base, bits) => {
          const table = await tableOf(
            ranges.map(([last, length]) => `203.0.113.${last}/${length}`).join("\n"),
          );
          const size = 2 ** (32 - bits);
          const first = base - (base % size);
          const naive = Array.from({ length: size }, (_, at) => first + at).some((last) =>
            has(table, `203.0.113.${last}`),
          );
          parseIp(`203.0.113.${base}`, words);
          expect(table.touches(4, words, bits)).toBe(naive);
        },
      ),
    );
  });

  it("holds for IPv6 as well", async () => {
    const table = await tableOf("2001:db8:0:8000::/50");
    const touches = (text: string, bits: number): boolean => {
      parseIp(text, words);
      return table.touches(6, words, bits);
    };
    expect([touches("2001:db8::1", 32), touches("2001:db8:0:8001::", 64)]).toEqual([true, true]);
    expect([touches("2001:db8::1", 50), touches("2001:db9::", 32)]).toEqual([false, false]);
  });
});

describe("the text of a list", () => {
  it.each([
    ["FireHOL netsets", "# maintainer\n192.0.2.0/24\n198.51.100.7\n"],
    ["Spamhaus DROP", "; expires\n192.0.2.0/24 ; SBL1\n198.51.100.7/32 ; SBL2\r\n"],
    [
      "JSON lines",
      '{"cidr":"192.0.2.0/24","sblid":"1"}\n{"ip":"198.51.100.7"}\n{"type":"metadata"}\n',
    ],
    ["ipset save", "create bad hash:net\nadd bad 192.0.2.0/24\nadd bad 198.51.100.7\n"],
    ["spans", "192.0.2.0-192.0.2.255\n198.51.100.7"],
  ])("may be %s", async (_name, text) => {
    const table = await tableOf(text);
    expect(table.invalid).toBe(0);
    expect(["192.0.2.255", "198.51.100.7"].every((address) => has(table, address))).toBe(true);
    expect(table.size).toBe(2);
  });

  it("may be a column of CSV", async () => {
    const table = await tableOf('# id,ip\n1,"192.0.2.1",x\n2,192.0.2.9,y', 1);
    expect(has(table, "192.0.2.9") && has(table, "192.0.2.1")).toBe(true);
  });

  it("never throws, whatever it is", async () => {
    const line = fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.ipV4Extended(), fc.ipV6());
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.option(fc.nat(3), { nil: undefined }),
        async (lines, column) => {
          await tableOf(lines.join("\n"), column);
        },
      ),
    );
  });

  it("is the same however it comes in pieces, and a line without end is one that is no address", async () => {
    const text = Buffer.from(
      `# list\n203.0.113.7\r\n2001:db8::/32\n${"9".repeat(200_000)}\n198.51.100.0/24`,
    );
    const whole = await countsOf([text]);
    expect(whole).toEqual({ entries: 3, invalid: 1, size: 3 });
    for (const bytes of [1, 7, 4096]) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += bytes) pieces.push(text.subarray(at, at + bytes));
      expect(await countsOf(pieces)).toEqual(whole);
    }
  });

  it("counts what is no address", async () => {
    expect((await tableOf("<html>\n10.0.0.0/33\n10.0.0.1-9.0.0.1\n10.0.0.1")).invalid).toBe(3);
  });
});

describe("ranges that come and go", () => {
  it("end when their time is over, and when they are taken out", () => {
    const ranges = new TimedRanges();
    expect(ranges.add("203.0.113.0/24", 100, 0)).toBe(true);
    expect(ranges.add("2001:db8::/64", Infinity, 0)).toBe(true);
    expect(ranges.add("nonsense", 100, 0)).toBe(false);
    const family = parseIp("203.0.113.9", words);
    expect([ranges.longest(family, words, 99), ranges.longest(family, words, 100)]).toEqual([
      24,
      NONE,
    ]);
    expect(parseIp("2001:db8::5", words)).toBe(6);
    expect(ranges.longest(6, words, 1e9)).toBe(64);
    expect(ranges.entries(99, 9)).toEqual([
      { range: "203.0.113.0/24", until: 100 },
      { range: "2001:db8::/64", until: Infinity },
    ]);
    expect([ranges.count(99), ranges.count(100)]).toEqual([2, 1]);
    expect(ranges.remove("2001:db8::/64")).toBe(true);
    expect(ranges.longest(6, words, 0)).toBe(NONE);
  });
});
