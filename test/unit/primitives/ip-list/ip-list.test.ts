import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { systemClock } from "../../../../runtime/clock.ts";
import type { Log } from "../../../../runtime/log.ts";
import { IpList, type FetchText } from "../../../../runtime/primitives/ip-list/ip-list.ts";

const silent = { debug: () => {}, warn: () => {} } as unknown as Log;

async function listOf(dataDir: string, fetchText: FetchText): Promise<IpList> {
  const list = new IpList({
    terms: {
      name: "web",
      ranges: [],
      source: { kind: "url", url: "https://lists.example/web.netset" },
      column: undefined,
      intervalMs: 60_000,
      timeoutMs: 1000,
      maxBytes: 1000,
      maxShrink: 0.5,
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
    const dataDir = await mkdtemp(join(tmpdir(), "gatewright-lists-"));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    const first = await listOf(dataDir, async () => ({
      status: 200,
      etag: '"7"',
      lastModified: undefined,
      text: "203.0.113.0/24\n",
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
    expect(asked[0]).toEqual({ "if-none-match": '"7"' });
  });

  it("starts empty where there is none yet", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "gatewright-lists-"));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    const list = await listOf(dataDir, async () => {
      throw new Error("connection refused");
    });
    expect(list.size).toBe(0);
  });
});
