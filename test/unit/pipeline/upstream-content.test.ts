import { describe, expect, it } from "vitest";

import { UpstreamContent } from "../../../runtime/pipeline/upstream-content.ts";
import type { UpstreamCall } from "../../../runtime/upstream/upstream.ts";

function peeked(bytes: number) {
  const said: string[] = [];
  const content = new UpstreamContent(undefined);
  const call: UpstreamCall = {
    pause: () => said.push("pause"),
    resume: () => said.push("resume"),
    abort: () => said.push("abort"),
  };
  content.attach(call);
  content.peek(bytes, () => said.push(`ready ${Buffer.concat(content.waiting).toString()}`));
  return { content, said };
}

const turn = (): Promise<void> => Promise.resolve();

describe("a look at the beginning of an upstream's content", () => {
  it("lets as much wait as it wants to see, and takes nothing", async () => {
    const { content, said } = peeked(4);
    await turn();
    content.push(Buffer.from("ab"));
    expect(said).toEqual(["resume"]);
    content.push(Buffer.from("cde"));
    expect(said).toEqual(["resume", "pause", "ready abcde"]);
    const got: string[] = [];
    content.open({
      onData: (chunk) => got.push(Buffer.from(chunk).toString()),
      onEnd: () => got.push("end"),
      onError: () => got.push("error"),
    });
    await turn();
    content.push(Buffer.from("f"));
    content.finish([]);
    expect(got).toEqual(["ab", "cde", "f", "end"]);
    expect(said.filter((one) => one.startsWith("ready"))).toHaveLength(1);
  });

  it("sees what there is of a short one", async () => {
    const { content, said } = peeked(100);
    content.push(Buffer.from("ab"));
    content.finish([]);
    expect(said).toEqual(["ready ab"]);
    await turn();
    expect(said).toEqual(["ready ab"]);
  });

  it("sees nothing of one that fails or is not wanted any more", async () => {
    for (const end of ["fail", "cancel"] as const) {
      const { content, said } = peeked(100);
      await turn();
      content.push(Buffer.from("ab"));
      if (end === "fail") content.fail(new Error("broken"));
      else content.cancel();
      expect(said.filter((one) => one.startsWith("ready"))).toEqual([]);
    }
  });
});
