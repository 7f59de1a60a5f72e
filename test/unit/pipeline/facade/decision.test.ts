import { describe, expect, it } from "vitest";

import { toDecision, type DecisionKind } from "../../../../runtime/pipeline/facade/decision.ts";

const REQUEST: DecisionKind[] = ["forward", "respond", "challenge", "block", "drop"];
const RESPONSE: DecisionKind[] = ["respond", "block", "drop"];

describe("toDecision", () => {
  it("takes nothing as nothing", () => {
    expect(toDecision(undefined, REQUEST, "app")).toBeUndefined();
    expect(toDecision(null, REQUEST, "app")).toBeUndefined();
  });

  it.each([
    { kind: "forward", upstream: "a" },
    { kind: "respond", status: 200 },
    { kind: "respond", status: 599, body: "x", headers: {} },
    { kind: "block", reason: "r" },
    { kind: "block", reason: "r", status: 451 },
    { kind: "challenge" },
    { kind: "drop" },
  ])("takes %j as it is", (decision) => {
    expect(toDecision(decision, REQUEST, "app")).toBe(decision);
  });

  it("takes a Response, of any make", () => {
    const own = new Response("x");
    expect(toDecision(own, REQUEST, "app")).toBe(own);
    const foreign = {
      status: 200,
      headers: new Map([["a", "1"]]),
      body: null,
      arrayBuffer: () => Promise.resolve(new ArrayBuffer(0)),
    };
    expect(toDecision(foreign, RESPONSE, "app")).toBe(foreign);
  });

  it.each([
    [false, "false"],
    [true, "true"],
    [0, "0"],
    ["forward", 'the string "forward"'],
    [{}, "an object"],
    [[], "an object (Array)"],
    [() => {}, "a function"],
    [Symbol("x"), "a symbol"],
    [new Request("http://a.test"), "an object (Request)"],
    [{ kind: "explode" }, 'a decision of kind "explode"'],
    [Object.create(null), "an object (no class)"],
  ])("refuses %j, naming the hook, what came and what may", (value, words) => {
    expect(() => toDecision(value, RESPONSE, "plugin-x")).toThrow(
      expect.objectContaining({ code: "PROXY_HOOK_DECISION", status: 500 }),
    );
    expect(() => toDecision(value, RESPONSE, "plugin-x")).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`plugin-x returned ${words}`) }),
    );
    expect(() => toDecision(value, RESPONSE, "plugin-x")).toThrow(/ctx\.respond/);
  });

  it("refuses kinds that this phase does not allow", () => {
    expect(() => toDecision({ kind: "forward", upstream: "a" }, RESPONSE, "app")).toThrow(
      /"forward"/,
    );
    expect(() => toDecision(new Response(""), [], "app")).toThrow(/may return nothing$/);
  });

  it.each([
    [{ kind: "forward" }, "without an upstream"],
    [{ kind: "respond" }, "status"],
    [{ kind: "respond", status: 199 }, "199"],
    [{ kind: "respond", status: "200" }, "200"],
    [{ kind: "block" }, "without a reason"],
    [{ kind: "block", reason: "x", status: 200 }, "400 to 599"],
  ])("refuses %j", (value, words) => {
    expect(() => toDecision(value, REQUEST, "app")).toThrow(words);
  });
});
