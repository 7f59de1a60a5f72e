import { makeContext, makeRequest, makeResponse, runHook } from "@gatewright/sdk/testing";
import { createTestProxy } from "gatewright/testing";
import { describe, expect, it } from "vitest";

import requestId from "./index.ts";

it("tells upstream and client one id, and forgets the one that a client made up", async () => {
  await using proxy = await createTestProxy(
    { upstreams: { api: { targets: ["http://10.0.0.1"] } }, plugins: [requestId()] },
    { upstreams: { api: (request) => new Response(request.headers.get("x-request-id")) } },
  );
  const response = await proxy.fetch("/", { headers: { "x-request-id": "forged" } });
  const id = response.headers.get("x-request-id");
  expect(await response.text()).toBe(id);
  expect(id).not.toBe("forged");
  expect(proxy.requests[0]?.id).toBe(id);
});

it("uses other fields, or none", async () => {
  const plugin = requestId({ request: "x-trace", response: false });
  const ctx = makeContext({ id: "abc" });
  const request = makeRequest("/");
  const response = makeResponse("x");
  await runHook(plugin, "onRequest", request, ctx);
  await runHook(plugin, "onResponse", response, ctx);
  expect(request.headers.get("x-trace")).toBe("abc");
  expect(response.headers.has("x-request-id")).toBe(false);
});

describe("traceparent", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const run = async (field?: string): Promise<string> => {
    const headers = field === undefined ? {} : { traceparent: field };
    const request = makeRequest("/", { headers });
    await runHook(requestId({ traceparent: true }), "onRequest", request, makeContext());
    return request.headers.get("traceparent") ?? "";
  };

  it("goes on with the trace and its flags, under a new parent", async () => {
    const given = `00-${trace}-00f067aa0ba902b7-01`;
    const next = await run(given);
    expect(next).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(next).not.toBe(given);
  });

  it.each([
    undefined,
    "nonsense",
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `ff-${trace}-00f067aa0ba902b7-01`,
  ])("begins a trace where there is none: %s", async (field) => {
    const next = await run(field);
    expect(next).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(next).not.toContain(trace);
  });
});
