import { once } from "node:events";
import type { LookupAddress } from "node:dns";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";

import { NameCache } from "../../runtime/upstream/targets/name-cache.ts";
import { http2UpstreamOver, http2Origin } from "../helpers/http2-origin.ts";
import { send } from "../helpers/recording-receiver.ts";
import { openCount, upstreamOver } from "../helpers/upstream-fixture.ts";

async function origin(address: string, port = 0) {
  const server = createServer((_request, response) => response.end(address));
  server.listen(port, address);
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  return { port: (server.address() as AddressInfo).port, close };
}

/** A name whose addresses the test sets, with a clock that it moves. */
function namedPlace() {
  const place = { now: 0, addresses: ["127.0.0.1"], looks: 0 };
  const clock = { now: () => place.now, monotonic: () => place.now };
  const names = new NameCache({
    clock,
    lookup: (_name, _options, callback) => {
      place.looks += 1;
      const found: LookupAddress[] = place.addresses.map((address) => ({ address, family: 4 }));
      queueMicrotask(() => callback(null, found));
    },
  });
  return { place, names };
}

function named(port: number) {
  const authority = `api.test:${port}`;
  return { scheme: "http" as const, hostname: "api.test", port, authority, weight: 1 };
}

describe("a target whose name comes to stand for another address", () => {
  it("is looked up once for many connections", async () => {
    const { place, names } = namedPlace();
    const { port } = await origin("127.0.0.1");
    const upstream = upstreamOver([], { targets: [named(port)], names });
    const done = await Promise.all(Array.from({ length: 10 }, () => send(upstream).done()));
    expect(done.every(({ status }) => status === 200)).toBe(true);
    expect([upstream.stats().open > 1, place.looks]).toEqual([true, 1]);
  });

  it.each(["GET", "POST"])(
    "is looked up again when a connection cannot be made, and %s goes there unharmed",
    async (method) => {
      const { place, names } = namedPlace();
      const first = await origin("127.0.0.1");
      const upstream = upstreamOver([], { targets: [named(first.port)], names });
      expect((await send(upstream).done()).text).toBe("127.0.0.1");
      await origin("127.0.0.2", first.port);
      first.close();
      await openCount(upstream, 0);
      place.now = 2000;
      place.addresses = ["127.0.0.2"];
      const done = await send(upstream, { method }).done();
      expect([done.error, done.text]).toEqual([undefined, "127.0.0.2"]);
    },
  );

  it("gets no more requests on connections to the old one, once that is known", async () => {
    const { place, names } = namedPlace();
    const first = await origin("127.0.0.1");
    await origin("127.0.0.2", first.port);
    const upstream = upstreamOver([], { targets: [named(first.port)], names });
    expect((await send(upstream).done()).text).toBe("127.0.0.1");
    place.addresses = ["127.0.0.2"];
    place.now = 60_001;
    await Promise.all([send(upstream).done(), send(upstream).done()]);
    expect((await send(upstream).done()).text).toBe("127.0.0.2");
  });

  it("fails once, not for ever, when nothing answers there either", async () => {
    const { place, names } = namedPlace();
    const first = await origin("127.0.0.1");
    const upstream = upstreamOver([], { targets: [named(first.port)], names });
    await send(upstream).done();
    first.close();
    await openCount(upstream, 0);
    place.now = 2000;
    const done = await send(upstream).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_CONNECT");
    expect(place.looks).toBe(2);
  });

  it("is looked up again over HTTP/2 too", async () => {
    const { place, names } = namedPlace();
    place.addresses = ["127.0.0.9"];
    const { port } = await http2Origin();
    const upstream = http2UpstreamOver([], { targets: [named(port)], names });
    expect((await send(upstream).done()).error?.code).toBe("PROXY_UPSTREAM_CONNECT");
    place.now = 2000;
    place.addresses = ["127.0.0.1"];
    expect((await send(upstream).done()).status).toBe(200);
  });
});
