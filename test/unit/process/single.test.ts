import { createServer } from "node:net";
import { once } from "node:events";

import { describe, expect, it, onTestFinished, vi } from "vitest";

import type { Exchange } from "../../../runtime/downstream/exchange.ts";
import { StartError, type Watch } from "../../../runtime/process/supervisor.ts";
import { answer, fakeProvision, FAKE_LIMITS } from "../../helpers/fake-generation.ts";
import { fakeSource, startFake, type FakeRun } from "../../helpers/fake-source.ts";
import { connectRaw, fieldOf } from "../../helpers/raw-client.ts";

const ISSUE = { path: "routes[0]", message: "It is <wrong>.", frame: "> 1 | <script>" };
const OTHER_ISSUE = { path: "", message: "It is wrong in another way." };

async function start(options: Parameters<typeof startFake>[0] = {}): Promise<FakeRun> {
  const run = await startFake(options);
  onTestFinished(() => run.running.close());
  return run;
}

async function get(url: string | undefined, ...lines: string[]) {
  const client = await connectRaw(Number(new URL(url ?? "").port));
  const fields = lines.map((line) => `${line}\r\n`).join("");
  await client.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
  const response = await client.finalResponse();
  client.destroy();
  return { status: response.status, text: response.content.toString(), response };
}

describe("startSingle", () => {
  it("listens, serves and tells so", async () => {
    const { running, listening } = await start();
    expect(listening).toEqual(running.urls);
    expect(await get(running.urls[0])).toMatchObject({ status: 200, text: "1" });
    expect(await running.status()).toMatchObject({
      state: "live",
      mode: "start",
      generation: { number: 1, digest: "digest 1" },
      lastReload: { outcome: "live", problem: undefined },
      listeners: [{ url: running.urls[0] }],
    });
  });

  it("swaps to the next generation and releases the one before", async () => {
    const { running, source, fake } = await start();
    expect(await running.reload()).toMatchObject({ outcome: "live" });
    expect(await get(running.urls[0])).toMatchObject({ text: "2" });
    await vi.waitUntil(() => fake.disposed.length === 1);
    expect(fake.committed).toEqual([1, 2]);
    expect(source.slots[0]).toMatchObject({ retired: 1, disposed: 1 });
    expect(source.slots[1]).toMatchObject({ retired: 0, disposed: 0 });
  });

  it("lets a request in flight finish on its generation", async () => {
    const held: { exchange: Exchange; release: () => void }[] = [];
    const fake = fakeProvision((exchange, { loaded, lease }) => {
      const { generation } = loaded.slot;
      if (generation > 1) return answer(exchange, String(generation));
      lease.acquire();
      held.push({
        exchange,
        release: () => {
          answer(exchange, String(generation));
          lease.release();
        },
      });
    });
    const { running, source } = await start({ fake });
    const slow = get(running.urls[0]);
    await vi.waitUntil(() => held.length === 1);
    await running.reload();
    expect(await get(running.urls[0])).toMatchObject({ text: "2" });
    expect(source.slots[0]).toMatchObject({ retired: 0 });
    expect(await running.status()).toMatchObject({ retiring: [{ number: 1, leases: 1 }] });
    held[0]?.release();
    expect(await slow).toMatchObject({ text: "1" });
    await vi.waitUntil(() => source.slots[0]?.disposed === 1);
    expect(await running.status()).toMatchObject({ retiring: [] });
  });

  it("asks for everything anew on an explicit reload, and does nothing where there is nothing new", async () => {
    const { running, source, fake } = await start();
    source.edit = "unchanged";
    expect(await running.reload()).toMatchObject({ outcome: "unchanged" });
    expect(source.digestsSeen).toEqual([undefined, undefined]);
    expect(fake.calls).toHaveLength(1);
  });

  it("keeps the last good generation when an edit is broken, reports it once and recovers", async () => {
    const { running, source, reports } = await start();
    source.edit = { issues: [ISSUE] };
    for (let saved = 0; saved < 3; saved++) {
      expect(await running.reload()).toMatchObject({ outcome: "failed" });
    }
    expect(reports).toHaveLength(1);
    expect(await get(running.urls[0])).toMatchObject({ status: 200, text: "1" });
    expect(await running.status()).toMatchObject({
      state: "live",
      generation: { number: 1 },
      lastReload: { outcome: "failed", problem: { stage: "validate", issues: [ISSUE] } },
    });
    source.edit = { issues: [OTHER_ISSUE] };
    await running.reload();
    expect(reports).toHaveLength(2);
    source.edit = "unchanged";
    await running.reload();
    expect((await running.status()).lastReload?.problem).toBeUndefined();
    source.edit = { issues: [OTHER_ISSUE] };
    await running.reload();
    expect(reports).toHaveLength(3);
    source.edit = {};
    expect(await running.reload()).toMatchObject({ outcome: "live" });
    expect(await get(running.urls[0])).toMatchObject({ text: "2" });
  });

  it("refuses a generation whose plugin fails in setup and leaves the old one alone", async () => {
    const { running, source, reports, fake } = await start();
    const setup = (): never => {
      throw new Error("no database");
    };
    source.edit = { plugins: [{ name: "db", api: 1, setup }] };
    expect(await running.reload()).toMatchObject({ outcome: "failed" });
    expect(reports[0]).toMatchObject({ stage: "prepare" });
    expect(reports[0]?.issues[0]?.message).toMatch(/"db" failed in setup.*no database/);
    expect(fake.disposed).toEqual([2]);
    expect(source.slots[1]).toMatchObject({ retired: 1, disposed: 1 });
    expect(await get(running.urls[0])).toMatchObject({ text: "1" });
  });

  it("refuses a generation whose port is taken and disposes of it", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as { port: number };
    const { running, source, reports } = await start();
    let disposed = 0;
    source.edit = {
      listen: [{ host: "127.0.0.1", port, h2c: false, limits: FAKE_LIMITS }],
      plugins: [{ name: "p", api: 1, setup: () => () => void (disposed += 1) }],
    };
    expect(await running.reload()).toMatchObject({ outcome: "failed" });
    expect(reports[0]).toMatchObject({ stage: "listen", issues: [{ path: "listen[0]" }] });
    expect(disposed).toBe(1);
    expect(await get(running.urls[0])).toMatchObject({ text: "1" });
  });

  it("announces a listener that a reload adds, and only that", async () => {
    const { running, source, listening } = await start();
    const one = { host: "127.0.0.1", port: 0, h2c: false, limits: FAKE_LIMITS };
    source.edit = { listen: [one, one] };
    await running.reload();
    expect(running.urls).toHaveLength(2);
    expect(listening).toEqual(running.urls);
    expect(await get(running.urls[1])).toMatchObject({ text: "2" });
  });

  it("runs one load at a time, and one more for all that changed during one", async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const source = fakeSource();
    let onChange = (): void => {};
    const watch: Watch = (events) => {
      onChange = events.onChange;
      return { update() {}, ready: Promise.resolve(), close: async () => {} };
    };
    const { running } = await start({ source, watch });
    // The look at the disk that follows once everything is watched.
    await running.reload();
    const before = source.slots.length;
    source.edit = async () => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return {};
    };
    onChange();
    await vi.waitUntil(() => gates.length === 1);
    for (let change = 0; change < 10; change++) onChange();
    const last = running.reload();
    gates[0]?.resolve();
    await vi.waitUntil(() => gates.length === 2);
    gates[1]?.resolve();
    await last;
    expect(gates).toHaveLength(2);
    expect(source.slots).toHaveLength(before + 2);
  });

  it("logs and shows packages that only a restart can pick up, each once", async () => {
    let onPackageChange = (_name: string): void => {};
    const watch: Watch = (events) => {
      onPackageChange = events.onPackageChange;
      return { update() {}, ready: Promise.resolve(), close: async () => {} };
    };
    const source = fakeSource({ packages: ["left-pad"] });
    const { running, collector } = await start({ watch, source });
    onPackageChange("left-pad");
    onPackageChange("left-pad");
    expect(await running.status()).toMatchObject({ restartToPickUp: ["left-pad"] });
    const said = collector.lines.filter((line) => line.msg === "restart to pick up left-pad");
    expect(said).toHaveLength(1);
  });

  it("survives a config source that throws", async () => {
    const { running, source, collector } = await start();
    source.edit = () => Promise.reject(new Error("disk on fire"));
    expect(await running.reload()).toMatchObject({ outcome: "failed" });
    expect(collector.errors).toHaveLength(1);
    expect(await get(running.urls[0])).toMatchObject({ text: "1" });
  });

  describe("with a config that is broken from the start", () => {
    it("rejects with the report in start, and leaves nothing open", async () => {
      const source = fakeSource({ issues: [ISSUE] });
      const reports: never[] = [];
      const error = await startFake({ source, reports }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StartError);
      expect((error as StartError).report).toMatchObject({ stage: "validate", issues: [ISSUE] });
      expect(reports).toEqual([]);
      expect(source.closed).toBe(true);
    });

    const startBroken = () =>
      start({ mode: "dev", source: fakeSource({ issues: [ISSUE] }), overrides: { port: 0 } });

    it("answers 503 with the escaped code frame in dev", async () => {
      const { running, reports } = await startBroken();
      expect(reports).toHaveLength(1);
      const { status, text, response } = await get(running.urls[0], "Accept: text/html,*/*;q=0.8");
      expect(status).toBe(503);
      expect(fieldOf(response, "content-type")).toBe("text/html; charset=utf-8");
      expect(fieldOf(response, "content-security-policy")).toContain("default-src 'none'");
      expect(text).toContain("&#62; 1 | &#60;script&#62;");
      expect(text).not.toContain("<script>");
      expect(text).toContain('http-equiv="refresh"');
      expect(await running.status()).toMatchObject({ state: "broken" });
      expect(running.adminUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    });

    it("answers problem details to a client that asks for no HTML", async () => {
      const { running } = await startBroken();
      const { status, text, response } = await get(running.urls[0], "Accept: */*");
      expect(status).toBe(503);
      expect(fieldOf(response, "content-type")).toBe("application/problem+json");
      expect(JSON.parse(text)).toMatchObject({ code: "PROXY_CONFIG_BROKEN", issues: [ISSUE] });
    });

    it("goes live when it is mended, on connections that were open too", async () => {
      const { running, source } = await startBroken();
      const client = await connectRaw(Number(new URL(running.urls[0] ?? "").port));
      const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
      await client.send(request);
      expect((await client.finalResponse()).status).toBe(503);
      source.edit = {};
      await running.reload();
      await client.send(request);
      expect((await client.finalResponse()).content.toString()).toBe("1");
      expect(await running.status()).toMatchObject({ state: "live" });
      client.destroy();
    });

    it("shows the newest problem", async () => {
      const { running, source } = await startBroken();
      source.edit = { issues: [OTHER_ISSUE] };
      await running.reload();
      expect((await get(running.urls[0])).text).toContain(OTHER_ISSUE.message);
    });
  });

  describe("drain", () => {
    it("ends at once when nothing is in flight, idle connections closed", async () => {
      const { running, source, fake } = await start();
      const client = await connectRaw(Number(new URL(running.urls[0] ?? "").port));
      await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.finalResponse();
      // As clients do: one that never closes its side would be given a moment.
      client.socket.on("end", () => client.end());
      const begin = performance.now();
      await running.drain(30_000);
      expect(performance.now() - begin).toBeLessThan(1_000);
      expect(await client.closes()).toBe(true);
      expect(fake.disposed).toEqual([1]);
      expect(source.slots[0]).toMatchObject({ retired: 1, disposed: 1 });
      expect(source.closed).toBe(true);
      expect(await running.status()).toMatchObject({ state: "stopped" });
      expect(running.adminUrl).toBeUndefined();
    });

    it("waits for requests and for work given to waitUntil, with Connection: close, then disposes", async () => {
      const held = Promise.withResolvers<() => void>();
      const work = Promise.withResolvers<void>();
      const fake = fakeProvision((exchange, { waitUntil }) => {
        waitUntil(work.promise);
        held.resolve(() => answer(exchange, "late"));
      });
      let disposed = false;
      const plugins = [{ name: "p", api: 1, setup: () => () => void (disposed = true) }] as const;
      const { running } = await start({ fake, source: fakeSource({ plugins }) });
      const slow = get(running.urls[0]);
      const finish = await held.promise;
      let done = false;
      const drained = running.drain(30_000).then(() => (done = true));
      expect(await running.status()).toMatchObject({ state: "draining" });
      await expect(connectRaw(Number(new URL(running.urls[0] ?? "").port))).rejects.toThrow();
      finish();
      const { response, text } = await slow;
      expect(text).toBe("late");
      expect(fieldOf(response, "connection")).toBe("close");
      expect(done).toBe(false);
      expect(disposed).toBe(false);
      work.resolve();
      await drained;
      expect(disposed).toBe(true);
    });

    it("cuts what is left at the limit, streams of replaced generations too", async () => {
      let exchanges = 0;
      const fake = fakeProvision((exchange) => {
        exchanges += 1;
        exchange.receiver = { onDrain() {}, onClose() {} };
        exchange.writeHead(200, []);
        exchange.write(Buffer.from("data: 1\n\n"));
      });
      fake.stats = { requests: 0, streams: 1, tunnels: 0 };
      const { running } = await start({ fake });
      const client = await connectRaw(Number(new URL(running.urls[0] ?? "").port));
      await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.readThrough("data: 1");
      await running.reload();
      await vi.waitUntil(() => fake.disposed.length === 1);
      const begin = performance.now();
      await running.drain(200);
      expect(performance.now() - begin).toBeGreaterThanOrEqual(195);
      expect(fake.cut.toSorted((one, other) => one - other)).toEqual([1, 2]);
      expect(exchanges).toBe(1);
      expect(await client.closes()).toBe(true);
    });

    it("takes down what is being prepared", async () => {
      const gate = Promise.withResolvers<void>();
      const { running, source } = await start();
      let disposed = false;
      const setup = async () => {
        await gate.promise;
        return () => void (disposed = true);
      };
      source.edit = { plugins: [{ name: "slow", api: 1, setup }] };
      const reloaded = running.reload();
      await vi.waitUntil(() => source.slots.length === 2);
      const drained = running.drain(5_000);
      gate.resolve();
      expect(await reloaded).toMatchObject({ outcome: "failed" });
      await drained;
      expect(disposed).toBe(true);
      expect(source.slots[1]).toMatchObject({ retired: 1, disposed: 1 });
    });
  });
});
