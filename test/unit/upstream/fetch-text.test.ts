import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

import { describe, expect, it, onTestFinished } from "vitest";

import { fetchText } from "../../../runtime/upstream/fetch-text.ts";

async function served(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const limits = { timeoutMs: 60_000, maxBytes: 1000, signal: new AbortController().signal };

describe("a text from a URL", () => {
  it("comes whole, with its validators", async () => {
    const url = await served((_request, response) => {
      response.writeHead(200, { etag: '"1"', "last-modified": "yesterday" });
      response.write("one\n");
      response.end("two\n");
    });
    const { text, ...facts } = await fetchText(url, {}, limits);
    expect(Buffer.concat(text).toString()).toBe("one\ntwo\n");
    expect(facts).toEqual({ status: 200, etag: '"1"', lastModified: "yesterday" });
  });

  it("is refused where it is larger than allowed, whether it says so or grows", async () => {
    const plain = await served((_request, response) => response.end("x".repeat(1001)));
    await expect(fetchText(plain, {}, limits)).rejects.toThrow("larger than 1000 bytes");
    const coded = await served((_request, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync("x".repeat(1_000_000)));
    });
    await expect(fetchText(coded, {}, limits)).rejects.toThrow("larger than 1000 bytes");
    const endless = await served((_request, response) => {
      const more = (): void => {
        if (response.write("x".repeat(100))) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    });
    await expect(fetchText(endless, {}, limits)).rejects.toThrow("larger than 1000 bytes");
  });

  it("is given up where it takes too long, before its head or after it, and when it is no longer wanted", async () => {
    const silent = await served(() => {});
    const quick = { ...limits, timeoutMs: 30 };
    await expect(fetchText(silent, {}, quick)).rejects.toThrow("timeout");
    const half = await served((_request, response) => void response.write("x"));
    await expect(fetchText(half, {}, quick)).rejects.toThrow("timeout");
    const ended = new AbortController();
    const waiting = fetchText(silent, {}, { ...limits, signal: ended.signal });
    ended.abort(new Error("closed"));
    await expect(waiting).rejects.toThrow("closed");
  });
});
