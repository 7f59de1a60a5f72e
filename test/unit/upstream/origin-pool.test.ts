import { describe, expect, it, onTestFinished } from "vitest";

import { DeadlineWheel } from "../../../runtime/clock.ts";
import { createOriginPool } from "../../../runtime/upstream/origin-pool.ts";
import { send } from "../../helpers/recording-receiver.ts";
import { toy } from "../../helpers/upstream-fixture.ts";

function pool(maxOrigins: number) {
  const origins = createOriginPool({ wheel: new DeadlineWheel(), maxOrigins });
  onTestFinished(() => void origins.close());
  return origins;
}

describe("createOriginPool", () => {
  it("has one upstream for each origin, whatever the path", async () => {
    const origin = await toy();
    const origins = pool(4);
    const first = origins.upstreamFor(new URL(`${origin.url}/a?b`));
    expect(origins.upstreamFor(new URL(`${origin.url}/c#d`))).toBe(first);
    const done = await send(first, { authority: undefined, path: "/a?b" }).done();
    expect(done.text).toBe("ok");
    expect(origin.requests[0]?.field("host")).toBe(`127.0.0.1:${origin.port}`);
    expect(origins.stats()).toMatchObject({ origins: 1, open: 1, idle: 1 });
  });

  it("fills in the scheme's port and takes the brackets off an IPv6 address", () => {
    const origins = pool(4);
    expect(origins.upstreamFor(new URL("https://a.test/")).name).toBe("https://a.test");
    expect(origins.upstreamFor(new URL("http://[::1]:8080/")).name).toBe("http://[::1]:8080");
  });

  it("closes the idle origin that was used longest ago beyond the bound, before any busy one", async () => {
    const held = await toy({ onRequest: () => {} });
    const quiet = await toy();
    const origins = pool(2);
    const busy = origins.upstreamFor(new URL(held.url));
    const running = send(busy);
    await held.request(1);
    await send(origins.upstreamFor(new URL(quiet.url))).done();
    origins.upstreamFor(new URL("http://third.test"));
    await quiet.openAtMost(0);
    expect(origins.stats().origins).toBe(2);
    expect(origins.upstreamFor(new URL(held.url))).toBe(busy);
    running.call?.abort();
  });

  it("lets a busy origin that has to go finish", async () => {
    const held = await toy({ onRequest: () => {} });
    const origins = pool(1);
    const running = send(origins.upstreamFor(new URL(held.url)));
    await held.request(1);
    origins.upstreamFor(new URL("http://other.test"));
    held.connections[0]?.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect((await running.done()).text).toBe("ok");
    await held.openAtMost(0);
    await origins.close();
  });

  it("refuses other schemes", () => {
    expect(() => pool(1).upstreamFor(new URL("file:///etc/passwd"))).toThrow(
      /only http: and https:/,
    );
  });
});
