import { describe, expect, it } from "vitest";

import { createDirectPorts } from "../../../runtime/process/messages.ts";

describe("createDirectPorts", () => {
  it("delivers copies, in order, never within post", async () => {
    const { supervisor, worker } = createDirectPorts();
    const got: unknown[] = [];
    worker.onMessage = (message) => got.push(message);
    const first = { type: "commit", generation: 1 } as const;
    supervisor.post(first);
    supervisor.post({ type: "commit", generation: 2 });
    expect(got).toEqual([]);
    await Promise.resolve();
    expect(got).toEqual([
      { type: "commit", generation: 1 },
      { type: "commit", generation: 2 },
    ]);
    expect(got[0]).not.toBe(first);
  });

  it("refuses a message that could not go to another thread", () => {
    const { worker } = createDirectPorts();
    const message = { type: "committed", generation: 1, urls: [() => {}] } as never;
    expect(() => worker.post(message)).toThrow(/could not be cloned/);
  });
});
