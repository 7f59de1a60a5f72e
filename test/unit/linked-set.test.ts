import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Linked, LinkedSet } from "../../runtime/linked-set.ts";

class Member implements Linked {
  previousLinked: this | null = null;
  nextLinked: this | null = null;
}

describe("LinkedSet", () => {
  it("keeps who is in it, in order of arrival, whatever comes and goes", () => {
    const operation = fc.tuple(fc.constantFrom("add", "addFirst", "delete"), fc.nat(9));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const members = Array.from({ length: 10 }, () => new Member());
        const set = new LinkedSet<Member>();
        let expected: Member[] = [];
        for (const [kind, at] of operations) {
          const member = members[at] as Member;
          const isIn = expected.includes(member);
          if (kind === "delete") {
            expect(set.delete(member)).toBe(isIn);
            expected = expected.filter((one) => one !== member);
          } else if (!isIn) {
            if (kind === "add") set.add(member);
            else set.addFirst(member);
            expected = kind === "add" ? [...expected, member] : [member, ...expected];
          }
        }
        const found = set.toArray();
        expect(found.length).toBe(expected.length);
        expect(found.every((member, at) => member === expected[at])).toBe(true);
        expect([set.size, set.first ?? undefined]).toEqual([expected.length, expected[0]]);
      }),
    );
  });

  it("leaves no link in who has left", () => {
    const [one, two, three] = [new Member(), new Member(), new Member()];
    const set = new LinkedSet<Member>();
    for (const member of [one, two, three]) set.add(member);
    set.delete(two);
    expect([two.previousLinked, two.nextLinked]).toEqual([null, null]);
    expect(set.toArray()).toEqual([one, three]);
  });
});
