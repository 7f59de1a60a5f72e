import { expect, it } from "vitest";

import { createTicketKeys } from "../../../../runtime/primitives/tls/ticket-keys.ts";

it("keeps a key of 48 random bytes for twelve hours", () => {
  let now = 0;
  const keys = createTicketKeys({ now: () => now, monotonic: () => now });
  const first = keys.current();
  expect(first).toHaveLength(48);
  now = 12 * 3_600_000 - 1;
  expect(keys.current()).toBe(first);
  now += 1;
  const second = keys.current();
  expect(second).not.toEqual(first);
  expect(keys.current()).toBe(second);
});
