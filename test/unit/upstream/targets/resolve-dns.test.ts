import { describe, expect, it } from "vitest";

import { targetKey, type Target } from "../../../../runtime/upstream/target.ts";
import { createDnsResolve } from "../../../../runtime/upstream/targets/resolve-dns.ts";
import { startDnsResponder, type DnsRecord } from "../../../helpers/dns-responder.ts";

function named(hostname: string, options: Partial<Target> = {}): Target {
  return {
    scheme: "http",
    hostname,
    port: 9000,
    authority: `${hostname}:9000`,
    weight: 1,
    ...options,
  };
}

async function resolving(
  records: Record<string, DnsRecord[]>,
  targets: readonly Target[],
  kind: "address" | "srv" = "address",
) {
  const responder = await startDnsResponder(records);
  const resolve = createDnsResolve({
    targets,
    records: kind,
    servers: [responder.server],
    intervalMs: 30_000,
  });
  return { responder, resolve };
}

describe("addresses by DNS", () => {
  it("are one target each, and hold as long as the shortest TTL", async () => {
    const { resolve } = await resolving(
      {
        "api.test": [
          { type: "A", address: "192.0.2.1", ttl: 20 },
          { type: "A", address: "192.0.2.2", ttl: 7 },
        ],
      },
      [named("api.test", { weight: 3 })],
    );
    const { targets, ttlMs, failure } = await resolve();
    expect(targets.map(targetKey).toSorted()).toEqual([
      "http://192.0.2.1:9000",
      "http://192.0.2.2:9000",
    ]);
    expect(
      targets.every(({ weight, authority }) => weight === 3 && authority === "api.test:9000"),
    ).toBe(true);
    expect([ttlMs, failure]).toEqual([7000, undefined]);
  });

  it("of IPv6 are used only when those of IPv4 are not", async () => {
    const { resolve } = await resolving(
      {
        "api.test": [
          { type: "AAAA", address: "2001:db8::1" },
          { type: "A", address: "192.0.2.1" },
        ],
      },
      [named("api.test")],
    );
    const { targets } = await resolve();
    expect(targets.map((target) => [targetKey(target), target.priority])).toEqual([
      ["http://192.0.2.1:9000", 0],
      ["http://[2001:db8::1]:9000", 0.5],
    ]);
  });

  it("of IPv6 alone are the targets", async () => {
    const { resolve } = await resolving(
      { "api.test": [{ type: "AAAA", address: "2001:db8::1" }] },
      [named("api.test")],
    );
    const { targets } = await resolve();
    expect(targets.map((target) => [targetKey(target), target.priority])).toEqual([
      ["http://[2001:db8::1]:9000", 0],
    ]);
  });

  it("leave addresses and sockets that are written down alone, and ask nobody for them", async () => {
    const literal = named("192.0.2.9");
    const socket = named("localhost", { socketPath: "/run/app.sock" });
    const { responder, resolve } = await resolving({}, [literal, socket]);
    expect((await resolve()).targets).toEqual([literal, socket]);
    expect(responder.queries).toEqual([]);
  });

  it.each(["fail", "nxdomain"] as const)(
    "keep the last good answer of a name when there is none (%s), and say why",
    async (kind) => {
      const { responder, resolve } = await resolving(
        {
          "a.test": [{ type: "A", address: "192.0.2.1" }],
          "b.test": [{ type: "A", address: "192.0.2.2" }],
        },
        [named("a.test"), named("b.test")],
      );
      await resolve();
      if (kind === "fail") responder.mode = "fail";
      else responder.records.delete("a.test");
      const { targets, failure } = await resolve();
      expect(targets.map(targetKey)).toEqual(["http://192.0.2.1:9000", "http://192.0.2.2:9000"]);
      expect(failure).toContain("a.test");
    },
  );

  it("follow the records: nothing is kept beyond the answer", async () => {
    const { responder, resolve } = await resolving(
      { "api.test": [{ type: "A", address: "192.0.2.1" }] },
      [named("api.test")],
    );
    await resolve();
    responder.records.set("api.test", [{ type: "A", address: "192.0.2.7" }]);
    expect((await resolve()).targets.map(targetKey)).toEqual(["http://192.0.2.7:9000"]);
  });
});

describe("services by DNS (RFC 2782)", () => {
  it("have the port, the weight and the order of their records, and the address of their name", async () => {
    const { resolve } = await resolving(
      {
        "_http._tcp.api.test": [
          { type: "SRV", target: "one.test", port: 8001, priority: 10, weight: 3 },
          { type: "SRV", target: "two.test", port: 8002, priority: 10, weight: 0 },
          { type: "SRV", target: "spare.test", port: 8003, priority: 20, weight: 5 },
        ],
        "one.test": [{ type: "A", address: "192.0.2.1", ttl: 9 }],
        "two.test": [{ type: "A", address: "192.0.2.2" }],
        "spare.test": [{ type: "A", address: "192.0.2.3" }],
      },
      [named("_http._tcp.api.test")],
      "srv",
    );
    const { targets, ttlMs } = await resolve();
    const rows = targets
      .map((target) => [targetKey(target), target.authority, target.priority, target.weight])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b)));
    expect(rows).toEqual([
      ["http://192.0.2.1:8001", "one.test:8001", 0, 3],
      ["http://192.0.2.2:8002", "two.test:8002", 0, 0.01],
      ["http://192.0.2.3:8003", "spare.test:8003", 1, 5],
    ]);
    expect(ttlMs).toBe(9000);
  });

  it("without an address are left out while others have one", async () => {
    const { resolve } = await resolving(
      {
        "_http._tcp.api.test": [
          { type: "SRV", target: "one.test", port: 8001 },
          { type: "SRV", target: "gone.test", port: 8002 },
        ],
        "one.test": [{ type: "A", address: "192.0.2.1" }],
      },
      [named("_http._tcp.api.test")],
      "srv",
    );
    const { targets, failure } = await resolve();
    expect(targets.map(targetKey)).toEqual(["http://192.0.2.1:8001"]);
    expect(failure).toBeUndefined();
  });
});
