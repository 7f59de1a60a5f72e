import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bindingOf } from "../../../../runtime/primitives/challenge/binding.ts";
import { Clearance } from "../../../../runtime/primitives/challenge/clearance.ts";
import { returnAddress } from "../../../../runtime/primitives/challenge/return-address.ts";
import { Seal } from "../../../../runtime/primitives/challenge/seal.ts";
import { SpentTicketTable } from "../../../../runtime/primitives/challenge/spent-tickets.ts";
import { openTicket, sealTicket } from "../../../../runtime/primitives/challenge/ticket.ts";

const seal = new Seal(["a secret of thirty-two characters"], "test");

describe("a return address", () => {
  it("is on this host, whatever the target is", () => {
    const nasty = fc.array(
      fc.constantFrom(
        "/",
        "\\",
        "//",
        "evil.test",
        "@",
        ":",
        "http:",
        "\t",
        "\r\n",
        "\0",
        "%0d%0a",
        "?",
        "#",
        ".",
        "é",
        "javascript:",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          nasty.map((parts) => parts.join("")),
          nasty.map((parts) => `/${parts.join("")}`),
        ),
        (target) => {
          const address = returnAddress(target);
          expect(address).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/);
          expect(new URL(address, "https://own.test").origin).toBe("https://own.test");
        },
      ),
    );
  });

  it.each([
    ["//evil.test/a", "/evil.test/a"],
    ["/\\evil.test", "/evil.test"],
    ["/\tx", "/%09x"],
    ["https://evil.test/", "/"],
    ["*", "/"],
    ["/a?b=//c#d", "/a?b=//c#d"],
  ])("of %j is %j", (target, address) => {
    expect(returnAddress(target)).toBe(address);
  });
});

describe("what is sealed", () => {
  const ticket = fc.record({
    id: fc.string(),
    difficulty: fc.nat(),
    issuedAt: fc.nat(),
    expiresAt: fc.nat(),
    returnTo: fc.string(),
  });

  it("comes back as it was, for the same binding only", () => {
    fc.assert(
      fc.property(ticket, fc.string(), fc.string(), (value, binding, other) => {
        const text = sealTicket(seal, value, binding);
        expect(text).toMatch(/^[\w-]+\.[\w-]+$/);
        expect(openTicket(seal, text, binding)).toEqual(value);
        if (other !== binding) expect(openTicket(seal, text, other)).toBeUndefined();
        expect(openTicket(new Seal(["another"], "test"), text, binding)).toBeUndefined();
        expect(
          openTicket(new Seal(["a secret of thirty-two characters"], "other"), text, binding),
        ).toBeUndefined();
      }),
    );
  });

  it("is nothing after any change of a character, and rubbish is nothing", () => {
    const text = new Clearance(seal).issue(2_000_000, "b");
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom("a", "Z", "0", "-", "_", ".", "="),
        (at, char) => {
          const changed = text.slice(0, at) + char + text.slice(at + 1);
          // Two spellings of one last byte are the same bytes.
          if (at === text.length - 1) return;
          expect(new Clearance(seal).holds(changed, 1_000_000, "b")).toBe(changed === text);
        },
      ),
    );
    fc.assert(
      fc.property(fc.string(), (rubbish) => {
        expect(new Clearance(seal).holds(rubbish, 0, "b")).toBe(false);
        expect(openTicket(seal, rubbish, "b")).toBeUndefined();
      }),
    );
  });

  it("ends with its time", () => {
    const clearance = new Clearance(seal);
    const text = clearance.issue(1_000_000, "b");
    expect(clearance.holds(text, 999_999, "b")).toBe(true);
    expect(clearance.holds(text, 1_000_000, "b")).toBe(false);
  });
});

describe("a binding", () => {
  const rule = { ipv4: 24, ipv6: 64, userAgent: true };

  it.each([
    ["192.0.2.1", "192.0.2.200", true],
    ["192.0.2.1", "192.0.3.1", false],
    ["::ffff:192.0.2.1", "192.0.2.9", true],
    ["2001:db8::1", "2001:db8::ffff:1", true],
    ["2001:db8::1", "2001:db8:0:1::1", false],
    ["192.0.2.0", "c000:200::", false],
  ])("of %s and %s is the same: %s", (one, other, same) => {
    expect(bindingOf(rule, one, "ua", "s") === bindingOf(rule, other, "ua", "s")).toBe(same);
  });

  it("tells its parts apart", () => {
    expect(bindingOf(rule, "192.0.2.1", "a", "s")).not.toBe(bindingOf(rule, "192.0.2.1", "b", "s"));
    expect(bindingOf(rule, "192.0.2.1", "a", "s")).not.toBe(bindingOf(rule, "192.0.2.1", "a", "t"));
  });
});

describe("the table of spent tickets", () => {
  it("takes each once, and forgets what has expired", () => {
    const table = new SpentTicketTable(100);
    expect(table.spend("a", 1000, 0)).toBe(true);
    expect(table.spend("a", 1000, 0)).toBe(false);
    expect(table.spend("b", 1000, 1000)).toBe(false);
    expect(table.spend("c", 3000, 2000)).toBe(true);
    expect(table.size).toBe(1);
  });

  it("never grows beyond its size and never takes one twice, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 50 }), fc.nat(3))),
        (calls) => {
          const table = new SpentTicketTable(5);
          const ends = new Map<number, number>();
          const taken = new Set<number>();
          let now = 0;
          for (const [id, life, step] of calls) {
            now += step;
            // A ticket has one end, as it is sealed.
            const end = ends.get(id) ?? now + life;
            ends.set(id, end);
            if (table.spend(String(id), end, now)) {
              expect(taken.has(id)).toBe(false);
              taken.add(id);
            }
            expect(table.size).toBeLessThanOrEqual(5);
          }
        },
      ),
    );
  });
});
