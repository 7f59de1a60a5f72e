import { describe, expect, it } from "vitest";

import { appendVia, viaNames } from "../../../runtime/http/via.ts";

describe("appendVia", () => {
  it.each([
    ["HTTP/1.0", "1.0 gw"],
    ["HTTP/1.1", "1.1 gw"],
    ["HTTP/2", "2.0 gw"],
  ] as const)(
    "names the version received, %s, after the hops before us (RFC 9110 §7.6.3)",
    (protocol, value) => {
      const fields = ["Via", "1.0 fred", "A", "1"];
      appendVia(fields, protocol, "gw");
      expect(fields).toEqual(["Via", "1.0 fred", "A", "1", "Via", value]);
    },
  );
});

describe("viaNames", () => {
  it.each([
    "1.1 gw",
    "1.0 fred, 1.1 gw",
    "1.1 GW (Gatewright)",
    "HTTP/1.1 gw, 1.1 other",
    '1.0 fred (a, "b" (c)),1.1\tgw',
    "1.0 fred (a\\) ), 1.1 gw",
    " , ,1.1  gw",
  ])("finds the pseudonym in %j", (line) => {
    expect(viaNames(["A", "gw", "via", "1.0 x", "VIA", line], "gw")).toBe(true);
  });

  it.each([
    "1.1 gw2",
    "1.1 agw",
    "gw 1.1",
    "1.1 a (gw)",
    "1.1 a (x, 1.1 gw)",
    "1.1 a b gw",
    "1.1 a (never closed, 1.1 gw",
    "",
    "gw",
  ])("does not find it in %j", (line) => {
    expect(viaNames(["Via", line, "X", "1.1 gw"], "gw")).toBe(false);
  });
});
