import type { Plugin } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

describe("hooks of several plugins", () => {
  it("run pre, unordered, config, post for requests, and the other way round for responses", async () => {
    const calls: string[] = [];
    const make = (name: string, order?: "pre" | "post"): Plugin => ({
      name,
      api: 1,
      ...(order === undefined ? {} : { order }),
      onRequest: () => void calls.push(`request ${name}`),
      onUpgrade: () => void calls.push(`upgrade ${name}`),
      onUpstreamResponse: () => void calls.push(`upstream ${name}`),
      onResponse: async () => void calls.push(`response ${name}`),
      onComplete: () => void calls.push(`complete ${name}`),
    });
    const { name: _name, api: _api, ...own } = make("config");
    const { get, proxy } = await throughProxy({
      config: {
        plugins: [
          make("last", "post"),
          make("a"),
          [make("b"), make("first", "pre")],
          false,
          make("second", "pre"),
          make("very last", "post"),
        ],
        ...own,
      },
    });
    await get("/");
    await proxy.accessed();
    const order = ["first", "second", "a", "b", "config", "last", "very last"];
    const back = order.toReversed();
    expect(calls).toEqual([
      ...order.map((name) => `request ${name}`),
      ...back.map((name) => `upstream ${name}`),
      ...back.map((name) => `response ${name}`),
      ...back.map((name) => `complete ${name}`),
    ]);
  });

  it("share ctx.state, and keep `this`", async () => {
    class Counter implements Plugin {
      readonly name = "counter";
      readonly api = 1;
      count = 0;
      onRequest(_request: unknown, ctx: { state: Record<string, unknown> }): void {
        this.count += 1;
        ctx.state["count"] = this.count;
      }
    }
    const { get } = await throughProxy({
      config: {
        plugins: [new Counter()],
        onRequest: (_request, ctx) => ctx.respond(200, String(ctx.state["count"])),
      },
    });
    expect((await get("/")).content.toString()).toBe("1");
    expect((await get("/")).content.toString()).toBe("2");
  });
});
