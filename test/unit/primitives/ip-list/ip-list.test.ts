import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished, vi } from "vitest";

import { systemClock } from "../../../../runtime/clock.ts";
import type { Log } from "../../../../runtime/log.ts";
import { toListText } from "../../../../runtime/primitives/ip-list/list-text.ts";
import {
  IpList,
  type FetchText,
  type IpListTerms,
} from "../../../../runtime/primitives/ip-list/ip-list.ts";
import { busiestTurnMs } from "../../../helpers/busiest-turn.ts";
import { scaled } from "../../../helpers/scale.ts";

const silent = { debug: () => {}, warn: () => {} } as unknown as Log;

const nobody: FetchText = async () => {
  throw new Error("connection refused");
};

async function listOf(
  dataDir: string,
  fetchText: FetchText,
  terms: Partial<IpListTerms> = {},
): Promise<IpList> {
  const list = new IpList({
    terms: {
      name: "web",
      ranges: [],
      source: { kind: "url", url: "https://lists.example/web.netset" },
      column: undefined,
      intervalMs: 60_000,
      timeoutMs: 1000,
      maxBytes: 64 * 1024 ** 2,
      maxShrink: 0.5,
      ...terms,
    },
    dataDir,
    log: silent,
    clock: systemClock,
    fetchText,
    watchFile: undefined,
  });
  onTestFinished(() => list.close());
  await list.start();
  return list;
}

describe("a list from a URL", () => {
  it("starts with its last good one where the source is down, and asks with its validators", async () => {
    const dataDir = await temporary();
    const first = await listOf(dataDir, async () => ({
      status: 200,
      etag: '"7"',
      lastModified: undefined,
      text: toListText("203.0.113.0/24\n"),
    }));
    expect(first.hasAddress("203.0.113.9")).toBe(true);
    first.close();
    const asked: object[] = [];
    const second = await listOf(dataDir, async (_url, fields) => {
      asked.push(fields);
      throw new Error("connection refused");
    });
    await second.refresh();
    expect(second.hasAddress("203.0.113.9")).toBe(true);
    expect(asked[0]).toMatchObject({ "if-none-match": '"7"' });
  });

  it("is asked with If-Modified-Since where it has no ETag, and stays as it is after a 304 (RFC 9110 §13.1.3)", async () => {
    const dataDir = await temporary();
    const since = "Tue, 24 Nov 2026 10:00:00 GMT";
    const asked: object[] = [];
    const list = await listOf(dataDir, async (_url, fields) => {
      asked.push(fields);
      const isFirst = asked.length === 1;
      return {
        status: isFirst ? 200 : 304,
        etag: undefined,
        lastModified: since,
        text: isFirst ? toListText("203.0.113.1\n") : [],
      };
    });
    await list.refresh();
    const ours = { "user-agent": "gatewright/1" };
    expect(asked).toEqual([ours, { ...ours, "if-modified-since": since }]);
    expect(list.hasAddress("203.0.113.1")).toBe(true);
  });

  it.each([
    ["an error", { status: 503, text: "203.0.113.9\n" }],
    ["a page", { status: 200, text: "<html>\n<p>503</p>\n203.0.113.9\n" }],
    ["an empty list", { status: 200, text: "" }],
    ["a third of it", { status: 200, text: "203.0.113.9\n" }],
  ])("stays as it is where its server answers with %s, on disk too", async (_name, answer) => {
    const dataDir = await temporary();
    let text = "203.0.113.1\n203.0.113.2\n203.0.113.3\n";
    let status = 200;
    const list = await listOf(dataDir, async () => ({
      status,
      etag: undefined,
      lastModified: undefined,
      text: toListText(text),
    }));
    ({ status, text } = answer);
    await list.refresh();
    list.close();
    const second = await listOf(dataDir, nobody);
    for (const one of [list, second]) {
      expect(one.hasAddress("203.0.113.1")).toBe(true);
      expect(one.hasAddress("203.0.113.9")).toBe(false);
    }
  });

  it("starts empty where there is none yet", async () => {
    const dataDir = await temporary();
    const list = await listOf(dataDir, nobody);
    expect(list.size).toBe(0);
  });
});

describe("a list from a file", () => {
  async function fromFile(text: string) {
    const path = join(await temporary(), "list.txt");
    await writeFile(path, text);
    const list = await listOf(await temporary(), nobody, { source: { kind: "file", path } });
    return { path, list };
  }

  it("waits for a second look where the file is suddenly empty", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { path, list } = await fromFile("203.0.113.1\n");
    const look = async (text: string): Promise<void> => {
      await writeFile(path, "");
      const looked = list.refresh();
      while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(list.hasAddress("203.0.113.1")).toBe(true);
      await writeFile(path, text);
      vi.runAllTimers();
      await looked;
    };
    await look("203.0.113.1\n203.0.113.2\n");
    expect(list.hasAddress("203.0.113.2")).toBe(true);
    await look("");
    expect(list.hasAddress("203.0.113.1")).toBe(false);
  });

  it("stays as it is where the file is gone, and says so", async () => {
    const { path, list } = await fromFile("203.0.113.1\n");
    await rm(path);
    await list.refresh();
    expect(list.hasAddress("203.0.113.1")).toBe(true);
    expect(list.status().problem).toContain("ENOENT");
    await writeFile(path, "203.0.113.2\n");
    await list.refresh();
    expect(list.status()).toMatchObject({ ranges: 1, source: "file" });
    expect(list.status().problem).toBeUndefined();
  });
});

describe("decisions of CrowdSec", () => {
  const ban = (value: string): object => ({ value, type: "ban", scope: "Ip" });

  it("are asked for as a whole after an answer that was lost, and replace what was there", async () => {
    const asked: string[] = [];
    const answers = [
      { new: [ban("203.0.113.1"), ban("203.0.113.2")], deleted: null },
      undefined,
      { new: [ban("203.0.113.2"), ban("203.0.113.3")], deleted: [ban("203.0.113.9")] },
      { new: null, deleted: [ban("203.0.113.2")] },
    ];
    const list = await listOf(
      await temporary(),
      async (url) => {
        const answer = answers[asked.length];
        asked.push(new URL(url).searchParams.get("startup") as string);
        if (answer === undefined) throw new Error("reset");
        const text = toListText(JSON.stringify(answer));
        return { status: 200, etag: undefined, lastModified: undefined, text };
      },
      { source: { kind: "crowdsec", url: "http://127.0.0.1:1/", key: "k", types: ["ban"] } },
    );
    const listed = (): boolean[] => [1, 2, 3].map((last) => list.hasAddress(`203.0.113.${last}`));
    expect(listed()).toEqual([true, true, false]);
    await list.refresh();
    expect(listed()).toEqual([true, true, false]);
    await list.refresh();
    expect(listed()).toEqual([false, true, true]);
    await list.refresh();
    expect(listed()).toEqual([false, false, true]);
    expect(asked).toEqual(["true", "false", "true", "false"]);
  });
});

describe("a list of many ranges", () => {
  const count = scaled(100_000, 1_000_000);
  const address = (at: number): string => {
    const value = Math.imul(at, 0x9e_37_79_b1) >>> 0;
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  };

  it("is loaded while others have their turn at least every 20 ms of work, and takes its 8 bytes a range", async () => {
    const dataDir = await temporary();
    const path = join(dataDir, "many.txt");
    await writeFile(path, manyLines(count, address));
    globalThis.gc?.();
    const empty = process.memoryUsage().arrayBuffers;
    const list = await listOf(dataDir, nobody, { source: { kind: "file", path } });
    // The second time: compiled code is what a list that is loaded every quarter of an hour meets.
    expect(await busiestTurnMs(() => list.refresh())).toBeLessThan(20);
    await list.refresh();
    expect(list.size).toBeGreaterThan(count * 0.99);
    // Nothing is left to the collector: neither the tables before nor what sorting took.
    expect(process.memoryUsage().arrayBuffers - empty).toBeLessThan(count * 8 + 2 * 2 ** 20);
    for (let at = 0; at < count; at += 97) {
      if (!list.hasAddress(address(at))) expect.fail(`${address(at)} is not found`);
    }
  });

  it("comes from CrowdSec in turns as short", async () => {
    const text = [Buffer.from('{"deleted":null,"new":[')];
    for (let at = 0; at < scaled(20_000, 100_000); at++) {
      text.push(
        Buffer.from(
          `${at === 0 ? "" : ","}{"duration":"4h","id":${at},"origin":"CAPI","scenario":"http:scan","scope":"Ip","type":"ban","value":"${address(at)}"}`,
        ),
      );
    }
    text.push(Buffer.from("]}"));
    const answer = {
      status: 200,
      etag: undefined,
      lastModified: undefined,
      text: [Buffer.concat(text)],
    };
    const list = await listOf(await temporary(), async () => answer, {
      source: { kind: "crowdsec", url: "http://127.0.0.1:1", key: "k", types: ["ban"] },
    });
    expect(list.hasAddress(address(7))).toBe(true);
    expect(await busiestTurnMs(() => list.refresh())).toBeLessThan(20);
  });
});

function manyLines(count: number, address: (at: number) => string): Buffer {
  const lines = Buffer.alloc(count * 16);
  let end = 0;
  for (let at = 0; at < count; at++) end += lines.write(`${address(at)}\n`, end, "latin1");
  return lines.subarray(0, end);
}

async function temporary(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "gatewright-lists-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  return dataDir;
}

describe("what is added and taken out at run time", () => {
  const inline = { ranges: ["203.0.113.0/24"], source: { kind: "inline" } } as const;

  it("goes by the narrower range", async () => {
    const list = await listOf(await temporary(), nobody, inline);
    list.remove("203.0.113.0/24", undefined);
    list.add("203.0.113.8/29", undefined);
    list.remove("203.0.113.9", undefined);
    const listed = ["203.0.113.1", "203.0.113.8", "203.0.113.9", "203.0.113.10"];
    expect(listed.map((one) => list.hasAddress(one))).toEqual([false, true, false, true]);
    list.add("203.0.113.0/24", undefined);
    expect(list.hasAddress("203.0.113.1")).toBe(true);
  });

  it("leaves nothing behind where the source has nothing of it", async () => {
    const list = await listOf(await temporary(), nobody, inline);
    for (let at = 0; at < 1000; at++) {
      const address = `198.51.${at % 100}.${at % 7}`;
      list.add(address, 60_000);
      expect(list.remove(address, undefined)).toBe(true);
    }
    expect(list.status()).toMatchObject({ added: 0, removed: 0 });
    list.add("203.0.113.1", 60_000);
    list.remove("203.0.113.1", undefined);
    expect(list.hasAddress("203.0.113.1")).toBe(false);
    expect(list.removed(9)).toEqual([{ range: "203.0.113.1" }]);
  });

  it("refuses more than there is room for, and has room again when some have ended", async () => {
    const list = await listOf(await temporary(), nobody, inline);
    const range = (at: number): string => `10.${(at >>> 16) & 255}.${(at >>> 8) & 255}.${at & 255}`;
    for (let at = 0; at < 100_000; at++) list.add(range(at), at < 10 ? 1e-6 : undefined);
    expect(list.status().added).toBe(99_990);
    for (let at = 0; at < 10; at++) expect(list.add(`11.0.0.${at}`, undefined)).toBe(true);
    expect(list.add("11.0.0.99", undefined)).toBe(false);
  });
});
