import { describe, expect, it } from "vitest";

import type { CertificatePair } from "../../../../runtime/primitives/tls/certificate-pair.ts";
import {
  ServerNameLoader,
  type ServerNameHook,
  type ServerNameLimits,
} from "../../../../runtime/primitives/tls/server-name-loader.ts";
import { certificateFor, type TestCertificate } from "../../../helpers/certificates.ts";
import { collectLog } from "../../../helpers/log-lines.ts";

function start(limits: Partial<ServerNameLimits> = {}) {
  let monotonic = 0;
  const { log, errors } = collectLog();
  const loader = new ServerNameLoader({
    log,
    describeError: (error) => ({ error: (error as Error).message }),
    clock: { now: () => Date.now(), monotonic: () => monotonic },
    limits,
  });
  const calls: string[] = [];
  const use = (hook: ServerNameHook): void =>
    loader.setHook((name) => {
      calls.push(name);
      return hook(name);
    });
  return { loader, calls, use, errors, pass: (ms: number) => (monotonic += ms) };
}

function loaded({ cert, key }: TestCertificate) {
  return {
    cert: { kind: "text", text: cert },
    key: { kind: "text", text: key },
    passphrase: undefined,
  } as const;
}

describe("ServerNameLoader", () => {
  it("asks once for all who wait, then answers at once for an hour", async () => {
    const one = await certificateFor(["a.test"]);
    const { loader, calls, use, pass } = start();
    use(async () => loaded(one));
    const found = await Promise.all([loader.find("a.test"), loader.find("a.test")]);
    expect(found[0]).toBe(found[1]);
    expect(calls).toEqual(["a.test"]);
    expect(loader.find("a.test")).toBe(found[0]);
    pass(3_600_000);
    // Still answered at once, and asked again behind it.
    expect(loader.find("a.test")).toBe(found[0]);
    expect(calls).toHaveLength(2);
  });

  it("remembers a refusal for a minute, or until a reload", async () => {
    const { loader, calls, use, pass } = start();
    use(async () => undefined);
    expect(await loader.find("a.test")).toBeUndefined();
    pass(59_999);
    expect(loader.find("a.test")).toBeUndefined();
    expect(calls).toHaveLength(1);
    pass(1);
    await loader.find("a.test");
    expect(calls).toHaveLength(2);
    const one = await certificateFor(["a.test"]);
    use(async () => loaded(one));
    expect(await loader.find("a.test")).toMatchObject({ names: ["a.test"] });
  });

  it.each<[string, ServerNameHook]>([
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
    ["rejects", () => Promise.reject(new Error("down"))],
    ["never ends", () => new Promise(() => {})],
    [
      "gives no certificate",
      async () => ({
        cert: { kind: "text", text: "x" },
        key: { kind: "text", text: "y" },
        passphrase: undefined,
      }),
    ],
    [
      "names a file that is missing",
      async () => ({
        cert: { kind: "file", path: "/no/such.pem" },
        key: { kind: "file", path: "/no/such.key" },
        passphrase: undefined,
      }),
    ],
  ])("never rejects: a call that %s is no certificate, for five seconds", async (_what, hook) => {
    const { loader, calls, use, errors, pass } = start({ callMs: 20 });
    use(hook);
    expect(await loader.find("a.test")).toBeUndefined();
    expect(errors).toMatchObject([{ msg: "onServerName failed", servername: "a.test" }]);
    pass(4999);
    expect(loader.find("a.test")).toBeUndefined();
    expect(calls).toHaveLength(1);
    pass(1);
    await loader.find("a.test");
    expect(calls).toHaveLength(2);
  });

  it("keeps the certificate it has when asking again fails", async () => {
    const one = await certificateFor(["a.test"]);
    const { loader, use, pass } = start();
    use(async () => loaded(one));
    const found = await loader.find("a.test");
    use(() => Promise.reject(new Error("down")));
    pass(3_600_000);
    expect(loader.find("a.test")).toBe(found);
    await new Promise((resolve) => setImmediate(resolve));
    expect(loader.find("a.test")).toBe(found);
  });

  it("bounds calls and memory; made-up names push out nothing that is in use", async () => {
    const one = await certificateFor(["a.test"]);
    const { loader, calls, use } = start({ calls: 3, names: 10 });
    use(async (name) => (name === "a.test" ? loaded(one) : undefined));
    const found = (await loader.find("a.test")) as CertificatePair;
    for (let i = 0; i < 50; i++) await loader.find(`made-up-${i}.test`);
    expect(loader.find("a.test")).toBe(found);
    use(() => new Promise(() => {}));
    const before = calls.length;
    const asked = Array.from({ length: 10 }, (_, at) => loader.find(`slow-${at}.test`));
    expect(calls.length - before).toBe(3);
    expect(asked.filter((one) => one === undefined)).toHaveLength(7);
  });

  it("tells what it remembers: certificates, calls under way, refusals, and what failed with why", async () => {
    const one = await certificateFor(["a.test"]);
    const { loader, use } = start();
    use(async (name) => {
      if (name === "a.test") return loaded(one);
      if (name === "down.test") throw new Error("the store is down");
      if (name === "slow.test") return new Promise(() => {});
      return undefined;
    });
    for (const name of ["a.test", "down.test", "unknown.test"]) await loader.find(name);
    void loader.find("slow.test");
    const told = loader.lookedUp();
    expect(told).toMatchObject({
      from: "onServerName",
      names: 3,
      pairs: [{ names: ["a.test"] }],
      waiting: 1,
      refused: 1,
      failed: 1,
      failures: [{ name: "down.test", reason: "the store is down" }],
    });
    const wait = (told.failures[0]?.triedAgainAt ?? 0) - Date.now();
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(5000);
  });
});
