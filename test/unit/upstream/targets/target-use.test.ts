import { describe, expect, it } from "vitest";

import { ProxyError } from "../../../../runtime/errors.ts";
import type { Target } from "../../../../runtime/upstream/target.ts";
import type { TargetMember } from "../../../../runtime/upstream/targets/target-member.ts";
import { TargetSet } from "../../../../runtime/upstream/targets/target-set.ts";
import { TargetUse } from "../../../../runtime/upstream/targets/target-use.ts";
import type { UpstreamReceiver, UpstreamRequest } from "../../../../runtime/upstream/upstream.ts";

function target(name: string): Target {
  return { scheme: "http", hostname: name, port: 80, authority: name, weight: 1 };
}

function setUp(): { set: TargetSet; a: TargetMember; b: TargetMember; use: TargetUse } {
  const set = new TargetSet({ name: "api", targets: [target("a"), target("b")] });
  const a = set.member("http://a:80") as TargetMember;
  const b = set.member("http://b:80") as TargetMember;
  return { set, a, b, use: new TargetUse(set) };
}

describe("a request's use of targets", () => {
  it("counts at one target at a time, and nowhere when it is over", () => {
    const { a, b, use } = setUp();
    use.enter(a);
    expect([a.active, b.active]).toEqual([1, 0]);
    use.enter(b);
    expect([a.active, b.active]).toEqual([0, 1]);
    use.leave();
    use.leave();
    expect([a.active, b.active]).toEqual([0, 0]);
  });

  it("blames the target for its own failures alone", () => {
    const { a, use } = setUp();
    use.enter(a);
    use.blame(new ProxyError("PROXY_REQUEST_CONTENT_INCOMPLETE"));
    use.blame(new ProxyError("PROXY_UPSTREAM_STALE", { message: "old" }));
    expect(a.lastError).toBeUndefined();
    use.blame(new ProxyError("PROXY_UPSTREAM_RESET", { message: "gone" }));
    expect(a.lastError?.message).toBe("gone");
  });

  it("blames nobody once it has left", () => {
    const { a, use } = setUp();
    use.enter(a);
    use.leave();
    use.blame(new ProxyError("PROXY_UPSTREAM_RESET", { message: "gone" }));
    expect(a.lastError).toBeUndefined();
  });

  it("announces each attempt once, by the target that its connection was opened to", () => {
    const { a, b, use } = setUp();
    const told: (string | undefined)[] = [];
    const receiver = { onTarget: (name: string) => told.push(name) } as unknown as UpstreamReceiver;
    const request = { method: "GET", path: "/", fields: [] } as unknown as UpstreamRequest;
    use.enter(a);
    const place = { member: a, target: target("a") };
    use.announce(place, request, receiver);
    use.announce(place, request, receiver);
    use.enter(b);
    // The set has moved the target since.
    use.announce({ member: b, target: target("b-before") }, request, receiver);
    expect(told).toEqual(["a:80", "b-before:80"]);
  });
});
