import { describe, expect, it } from "vitest";

import { detectCardNumber } from "../../../../../runtime/primitives/waf/detect/card-number.ts";

describe("detectCardNumber", () => {
  it.each(["4111111111111111", "pay 5555 5555 5555 4444 now", "3782-822463-10005"])(
    "sees a card's number in %j",
    (value) => {
      expect(detectCardNumber(value)?.sign).toBe("card-number");
    },
  );

  it.each([
    "4111111111111112",
    "1700000000000",
    "411111111111",
    "4111 1111  1111 1111",
    "order 12345678901234567890",
  ])("passes %j: a wrong check digit, length or range", (value) => {
    expect(detectCardNumber(value)).toBeUndefined();
  });
});
