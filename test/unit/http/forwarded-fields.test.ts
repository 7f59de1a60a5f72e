import { describe, expect, it } from "vitest";

import {
  createForwardedWriter,
  type ForwardedFacts,
} from "../../../runtime/http/forwarded-fields.ts";

const facts: ForwardedFacts = {
  address: "203.0.113.7",
  peerAddress: "203.0.113.7",
  trusted: false,
  scheme: "http",
  authority: "a.test:8080",
  localPort: 8080,
};

const behindProxy: ForwardedFacts = {
  ...facts,
  peerAddress: "::ffff:127.0.0.2",
  trusted: true,
  scheme: "https",
  authority: "a.test",
};

const write = createForwardedWriter({ forwarded: true, xForwarded: true });

function written(fields: string[], of: ForwardedFacts, writer = write): string[] {
  writer(fields, of);
  return fields;
}

describe("towards upstreams, from a peer that nobody vouches for", () => {
  it("drops every claim and writes what we know (PUB-27)", () => {
    const fields = [
      ...["Accept", "*/*", "X-Forwarded-For", "198.51.100.1", "x-real-ip", "198.51.100.2"],
      ...["Forwarded", "for=198.51.100.3", "X-Forwarded-Prefix", "/x", "X-FORWARDED-FOR", "y"],
      ...["X-Forwarded-Host", "evil.test", "X-Forward", "kept", "From", "kept"],
    ];
    expect(written(fields, facts)).toEqual([
      ...["Accept", "*/*", "X-Forward", "kept", "From", "kept"],
      ...["Forwarded", 'for=203.0.113.7;host="a.test:8080";proto=http'],
      ...["X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "http"],
      ...["X-Forwarded-Host", "a.test:8080", "X-Forwarded-Port", "8080"],
    ]);
  });

  it("drops claims also where it writes nothing", () => {
    const writer = createForwardedWriter({ forwarded: false, xForwarded: false });
    const fields = ["Forwarded", "for=1.2.3.4", "X-Forwarded-For", "1.2.3.4", "A", "1"];
    expect(written(fields, facts, writer)).toEqual(["A", "1"]);
  });

  it("never says undefined where there is no Host (PUB-07)", () => {
    const fields = written([], { ...facts, authority: "" });
    expect(fields.join("\n")).not.toContain("undefined");
    expect(fields).not.toContain("X-Forwarded-Host");
    expect(fields).toContain("for=203.0.113.7;proto=http");
  });

  it("says of each request what is true of it, whatever came before", () => {
    const others: readonly (readonly [Partial<ForwardedFacts>, string])[] = [
      [{}, 'for=203.0.113.7;host="a.test:8080";proto=http'],
      [{ address: "203.0.113.8" }, 'for=203.0.113.8;host="a.test:8080";proto=http'],
      [{ address: "2001:db8::1" }, 'for="[2001:db8::1]";host="a.test:8080";proto=http'],
      [{ authority: "b.test" }, "for=203.0.113.7;host=b.test;proto=http"],
      [{ scheme: "https" }, 'for=203.0.113.7;host="a.test:8080";proto=https'],
    ];
    for (const [before] of others) {
      for (const [now, element] of others) {
        written([], { ...facts, ...before });
        expect(written([], { ...facts, ...now })[1]).toBe(element);
      }
    }
  });
});

describe("towards upstreams, from a trusted proxy", () => {
  it("adds the proxy to its chain and keeps what it said", () => {
    const fields = [
      ...["X-Forwarded-For", "198.51.100.9", "A", "1", "X-Forwarded-For", "203.0.113.7"],
      ...[
        "X-Forwarded-Host",
        "shop.test",
        "X-Forwarded-Port",
        "8443",
        "X-Forwarded-Proto",
        "https",
      ],
      ...["X-Forwarded-Prefix", "/x"],
    ];
    expect(written(fields, behindProxy)).toEqual([
      ...["A", "1", "X-Forwarded-Prefix", "/x"],
      ...[
        "Forwarded",
        "for=203.0.113.7;host=a.test;proto=https, for=127.0.0.2;host=a.test;proto=https",
      ],
      ...["X-Forwarded-For", "198.51.100.9, 203.0.113.7, 127.0.0.2", "X-Forwarded-Proto", "https"],
      ...["X-Forwarded-Host", "shop.test", "X-Forwarded-Port", "8443"],
    ]);
  });

  it("does not pass on a Forwarded that the address was not taken from", () => {
    const fields = ["Forwarded", "for=198.51.100.66", "X-Forwarded-For", "203.0.113.7"];
    expect(written(fields, behindProxy).join()).not.toContain("198.51.100.66");
  });

  it("continues Forwarded and begins X-Forwarded-For from it where only Forwarded was sent", () => {
    const fields = written(["Forwarded", "for=203.0.113.7;proto=https"], behindProxy);
    expect(fields.slice(0, 4)).toEqual([
      ...["Forwarded", "for=203.0.113.7;proto=https, for=127.0.0.2;host=a.test;proto=https"],
      ...["X-Forwarded-For", "203.0.113.7, 127.0.0.2"],
    ]);
  });

  it("names the proxy alone where it is the client", () => {
    const fields = written([], { ...behindProxy, address: "127.0.0.2" });
    expect(fields).toEqual([
      ...["Forwarded", "for=127.0.0.2;host=a.test;proto=https", "X-Forwarded-For", "127.0.0.2"],
      ...["X-Forwarded-Proto", "https", "X-Forwarded-Host", "a.test", "X-Forwarded-Port", "443"],
    ]);
  });

  it("overwrites X-Real-IP and refuses a host list or a port that is none", () => {
    const fields = [
      ...[
        "X-Real-IP",
        "198.51.100.66",
        "X-Forwarded-Host",
        "evil.test, b",
        "X-Forwarded-Port",
        "x",
      ],
      ...["X-Forwarded-For", "203.0.113.7"],
    ];
    const result = written(fields, { ...behindProxy, authority: "a.test:444" });
    expect(result.slice(0, 2)).toEqual(["X-Real-IP", "203.0.113.7"]);
    expect(result.slice(-4)).toEqual(["X-Forwarded-Host", "a.test:444", "X-Forwarded-Port", "444"]);
  });

  it("passes what it is told not to write", () => {
    const writer = createForwardedWriter({ forwarded: false, xForwarded: false });
    const fields = [
      "Forwarded",
      "for=1.2.3.4",
      "X-Forwarded-For",
      "1.2.3.4",
      "X-Forwarded-Proto",
      "http",
    ];
    expect(written([...fields], behindProxy, writer)).toEqual(fields);
  });

  it("cuts the zone of the proxy's address (PUB-32)", () => {
    const fields = written([], { ...behindProxy, peerAddress: "fe80::1%eth0", address: "fe80::1" });
    expect(fields[1]).toBe('for="[fe80::1]";host=a.test;proto=https');
  });
});
