import dns, { type LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { afterAll, describe, expect, it } from "vitest";

import { sourceFromBytes } from "../../runtime/http/readable-source.ts";
import { send } from "../helpers/recording-receiver.ts";
import { startToyUpstream } from "../helpers/toy-upstream.ts";
import { targetFor, toy, upstreamOver } from "../helpers/upstream-fixture.ts";

const lookups = new Map<string, LookupAddress[]>();
const systemLookup = dns.lookup;
dns.lookup = ((name: string, options: object, callback: (...result: unknown[]) => void) => {
  const found = lookups.get(name);
  if (found === undefined) systemLookup(name, options, callback);
  else callback(null, found);
}) as typeof dns.lookup;
afterAll(() => {
  dns.lookup = systemLookup;
});

const hasIpv6 = await startToyUpstream({ host: "::1" }).then(
  async (probe) => {
    await probe.close();
    return true;
  },
  () => false,
);
// Machines differ in what their hosts file says.
const localhost = (await lookup("localhost", { all: true })).map((entry) => entry.address);

describe("PUB-13: a target reachable on one address family only", () => {
  for (const host of localhost) {
    it(`localhost is reached on ${host}`, async () => {
      const origin = await toy({ host });
      const upstream = upstreamOver([{ host: "localhost", port: origin.port }]);
      const content = sourceFromBytes(Buffer.from("once"));
      const done = await send(upstream, { method: "POST", content }).done();
      expect(done.status).toBe(200);
      expect(origin.requests.map((request) => String(request.content))).toEqual(["once"]);
    });
  }

  it.runIf(hasIpv6)("an IPv6 literal is reached, and keeps its brackets in Host", async () => {
    const origin = await toy({ host: "::1" });
    const upstream = upstreamOver([], { targets: [targetFor({ host: "::1", port: origin.port })] });
    const done = await send(upstream, { authority: undefined }).done();
    expect(done.status).toBe(200);
    expect(origin.requests[0]?.field("host")).toBe(`[::1]:${origin.port}`);
    expect(done.targets).toEqual([`[::1]:${origin.port}`]);
  });

  it.runIf(hasIpv6)(
    "a name with a dead IPv6 and a good IPv4 address is reached within a second",
    async () => {
      const origin = await toy();
      // As `localhost` on a machine whose service listens on IPv4 only: [::1] refuses at once, RFC 3849's never answers.
      for (const dead of ["::1", "2001:db8::1"]) {
        lookups.set("both.test", [
          { address: dead, family: 6 },
          { address: "127.0.0.1", family: 4 },
        ]);
        const started = performance.now();
        const upstream = upstreamOver([{ host: "both.test", port: origin.port }]);
        const content = sourceFromBytes(Buffer.from("once"));
        const done = await send(upstream, { method: "POST", content }).done();
        expect([done.status, done.error]).toEqual([200, undefined]);
        expect(performance.now() - started).toBeLessThan(1000);
      }
      expect(origin.requests.length).toBe(2);
    },
  );

  it("a name that does not resolve is a connect error", async () => {
    const upstream = upstreamOver([{ host: "nowhere.invalid", port: 80 }]);
    const done = await send(upstream).done();
    expect(done.error?.code).toMatch(/^PROXY_UPSTREAM_CONNECT/);
    expect(upstream.stats().open).toBe(0);
  });
});
