import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import type { ContentSink, ContentSource } from "../../../runtime/http/content.ts";
import { ContentBridge, type UploadObserver } from "../../../runtime/upstream/content-bridge.ts";

/** Gives a chunk when asked, and knows which came back. */
class Lender implements ContentSource {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly returned: Uint8Array[] = [];
  sink: ContentSink | undefined;
  open(sink: ContentSink): void {
    this.sink = sink;
  }
  pause(): void {}
  resume(): void {}
  cancel(): void {}
  recycle(chunk: Uint8Array): void {
    this.returned.push(chunk);
  }
}

class Observer implements UploadObserver {
  uploadIsTaken = false;
  uploadWaitsForSource(): void {}
  uploadWaitsForUpstream(): void {}
}

describe("chunks that a source can use again", () => {
  it("go back when they have left this process, and not while the connection has them", async () => {
    const source = new Lender();
    const observer = new Observer();
    const bridge = new ContentBridge(source, observer);
    const read: Buffer[] = [];
    bridge.on("data", (chunk: Buffer) => read.push(chunk));
    await turn();
    const chunks = [1, 2, 3].map((byte) => Buffer.alloc(1000, byte));
    source.sink?.onData(chunks[0] as Buffer);
    await turn();
    source.sink?.onData(chunks[1] as Buffer);
    await turn();
    expect(read).toEqual(chunks.slice(0, 2));
    expect(source.returned).toEqual([]);
    observer.uploadIsTaken = true;
    source.sink?.onData(chunks[2] as Buffer);
    await turn();
    expect(source.returned.slice(0, 2)).toEqual(chunks.slice(0, 2));
  });

  it("do not go back while they wait to be read", async () => {
    const source = new Lender();
    const observer = new Observer();
    observer.uploadIsTaken = true;
    const bridge = new ContentBridge(source, observer);
    bridge.read();
    source.sink?.onData(Buffer.alloc(1000, 1));
    await turn();
    expect(source.returned).toEqual([]);
    expect(bridge.read()).toEqual(Buffer.alloc(1000, 1));
  });

  it("stay away when the upload is given up", async () => {
    const source = new Lender();
    const bridge = new ContentBridge(source, new Observer());
    bridge.resume();
    await turn();
    source.sink?.onData(Buffer.alloc(1000, 1));
    bridge.destroy();
    await once(bridge, "close");
    expect(source.returned).toEqual([]);
  });
});
