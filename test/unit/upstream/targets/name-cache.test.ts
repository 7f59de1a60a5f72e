import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";

import { NameCache } from "../../../../runtime/upstream/targets/name-cache.ts";

function setUp() {
  let now = 0;
  const asked: string[] = [];
  const told: string[] = [];
  let answer: LookupAddress[] | Error = [{ address: "192.0.2.1", family: 4 }];
  let held: (() => void)[] | undefined;
  const names = new NameCache({
    clock: { now: () => now, monotonic: () => now },
    lookup: (name, _options, callback) => {
      asked.push(name);
      const found = answer;
      const reply = () => {
        if (found instanceof Error) callback(found, []);
        else callback(null, found);
      };
      if (held === undefined) queueMicrotask(reply);
      else held.push(reply);
    },
    onFailure: (name) => told.push(`failure ${name}`),
    onRecovery: (name) => told.push(`recovery ${name}`),
  });
  names.onMoved((name) => told.push(`moved ${name}`));
  return {
    names,
    asked,
    told,
    pass: (ms: number) => (now += ms),
    answers: (next: LookupAddress[] | Error) => (answer = next),
    hold: () => (held = []),
    release: () => {
      for (const reply of held ?? []) reply();
      held = undefined;
    },
    get: (name = "api.test") =>
      new Promise<string>((resolve) => {
        names.resolve(name, (error, found) =>
          resolve(error === null ? found.map(({ address }) => address).join() : error.message),
        );
      }),
  };
}

describe("names of targets", () => {
  it("are looked up once for all who ask at the same time, and kept for the interval", async () => {
    const { asked, get, pass } = setUp();
    expect(await Promise.all([get(), get(), get()])).toEqual(Array(3).fill("192.0.2.1"));
    pass(29_999);
    await get();
    expect(asked).toEqual(["api.test"]);
  });

  it("are looked up in the background after one interval, and waited for after two", async () => {
    const { asked, get, pass, answers } = setUp();
    await get();
    answers([{ address: "192.0.2.2", family: 4 }]);
    pass(30_001);
    expect(await get()).toBe("192.0.2.1");
    expect(asked.length).toBe(2);
    expect(await get()).toBe("192.0.2.2");
    answers([{ address: "192.0.2.3", family: 4 }]);
    pass(60_001);
    expect(await get()).toBe("192.0.2.3");
  });

  it("are looked up anew when a connection failed, unless they just were", async () => {
    const { names, asked, get, pass, answers } = setUp();
    await get();
    expect(names.failed("api.test")).toBe(false);
    answers([{ address: "192.0.2.2", family: 4 }]);
    pass(1000);
    expect(names.failed("api.test")).toBe(true);
    expect(await get()).toBe("192.0.2.2");
    expect(asked.length).toBe(2);
  });

  it("keep their last good addresses while they cannot be looked up, which is told once", async () => {
    const { get, pass, answers, told } = setUp();
    await get();
    answers(new Error("SERVFAIL"));
    pass(60_001);
    expect(await get()).toBe("192.0.2.1");
    pass(60_001);
    expect(await get()).toBe("192.0.2.1");
    expect(told).toEqual(["failure api.test"]);
    answers([{ address: "192.0.2.1", family: 4 }]);
    expect(await get()).toBe("192.0.2.1");
    expect(told).toEqual(["failure api.test", "recovery api.test"]);
  });

  it("do not keep them for more than an hour: they may be somebody else's by then", async () => {
    const { get, pass, answers } = setUp();
    await get();
    answers(new Error("SERVFAIL"));
    pass(3_600_001);
    expect(await get()).toBe("SERVFAIL");
  });

  it("say when none of the addresses from before is left", async () => {
    const { get, pass, answers, told } = setUp();
    const both = ["192.0.2.1", "192.0.2.2"].map((address) => ({ address, family: 4 }));
    answers(both);
    await get();
    answers(both.slice(1));
    pass(60_001);
    await get();
    expect(told).toEqual([]);
    answers([{ address: "192.0.2.9", family: 4 }]);
    pass(60_001);
    await get();
    expect(told).toEqual(["moved api.test"]);
  });

  it("fail for all who wait when there is no answer at first", async () => {
    const { get, answers, hold, release } = setUp();
    answers(new Error("ENOTFOUND"));
    hold();
    const waiting = [get(), get()];
    release();
    expect(await Promise.all(waiting)).toEqual(["ENOTFOUND", "ENOTFOUND"]);
  });

  it("give net.connect the family that it asks for", async () => {
    const { names, answers } = setUp();
    answers([
      { address: "2001:db8::1", family: 6 },
      { address: "192.0.2.1", family: 4 },
    ]);
    const look = (options: object) =>
      new Promise((resolve) =>
        names.lookup("api.test", options, (error, ...found) => resolve(error ?? found)),
      );
    expect(await look({ all: true })).toEqual([
      [
        { address: "2001:db8::1", family: 6 },
        { address: "192.0.2.1", family: 4 },
      ],
    ]);
    expect(await look({ family: 4 })).toEqual(["192.0.2.1", 4]);
    expect(await look({})).toEqual(["2001:db8::1", 6]);
  });
});
