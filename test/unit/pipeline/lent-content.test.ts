import { describe, expect, it } from "vitest";

import type { ContentSink, ContentSource } from "../../../runtime/http/content.ts";
import { LentContent } from "../../../runtime/pipeline/lent-content.ts";

const SINK: ContentSink = { onData() {}, onEnd() {}, onError() {} };

function recorded(): { calls: string[]; source: ContentSource } {
  const calls: string[] = [];
  const source: ContentSource = {
    length: 5,
    bytes: undefined,
    open: () => void calls.push("open"),
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    cancel: () => void calls.push("cancel"),
  };
  return { calls, source };
}

describe("lent content", () => {
  it("passes everything on once it is opened, and cannot be taken back then", () => {
    const { calls, source } = recorded();
    const lent = new LentContent(source);
    expect(lent.length).toBe(5);
    lent.open(SINK);
    lent.pause();
    lent.resume();
    lent.cancel();
    expect(calls).toEqual(["open", "pause", "resume", "cancel"]);
    expect(lent.takeBack()).toBe(false);
  });

  it("leaves the source alone where it is cancelled unopened, and can be taken back", () => {
    const { calls, source } = recorded();
    const lent = new LentContent(source);
    lent.pause();
    lent.resume();
    lent.cancel();
    expect(lent.takeBack()).toBe(true);
    expect(calls).toEqual([]);
  });

  it("cannot be opened any more once it is taken back", () => {
    const { calls, source } = recorded();
    const lent = new LentContent(source);
    expect(lent.takeBack()).toBe(true);
    lent.open(SINK);
    lent.cancel();
    expect(calls).toEqual([]);
  });
});
