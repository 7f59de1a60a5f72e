import { createTestProxy } from "gatewright/testing";
import { expect, it } from "vitest";

import clientTags from "./index.ts";

const plugin = clientTags({
  tags: [
    { tag: "at", list: "austria" },
    { tag: "crawler", list: "crawlers", agent: ["examplebot"] },
    { tag: "script", agent: ["curl/", "python-requests"], points: 2 },
  ],
});

async function tagsOf(address: string, agent: string): Promise<string | null> {
  await using proxy = await createTestProxy({
    plugins: [plugin],
    allowlists: { crawlers: { ranges: ["198.51.100.0/24"] } },
    blocklists: { austria: { ranges: ["192.0.2.0/24"], mode: "score", points: 0 } },
    upstreams: {
      app: {
        fetch: ({ headers }) => {
          const tags = headers.get("x-client-tags");
          return new Response(null, tags === null ? {} : { headers: { "x-seen": tags } });
        },
      },
    },
  });
  const response = await proxy.fetch("/", {
    client: { address },
    headers: { "user-agent": agent, "x-client-tags": "forged" },
  });
  expect(response.status).toBe(200);
  return response.headers.get("x-seen");
}

it.each([
  ["192.0.2.1", "Mozilla/5.0", "at"],
  ["192.0.2.1", "curl/8.9", "at, script"],
  ["198.51.100.9", "Mozilla/5.0 (compatible; ExampleBot/2.1)", "crawler"],
  // Claims to be one, and comes from elsewhere.
  ["203.0.113.5", "Mozilla/5.0 (compatible; ExampleBot/2.1)", null],
  ["203.0.113.5", "Mozilla/5.0", null],
])("tags %s with %s as %s", async (address, agent, tags) => {
  expect(await tagsOf(address, agent)).toBe(tags);
});

it("adds its points to the score", async () => {
  await using proxy = await createTestProxy({
    plugins: [clientTags({ tags: [{ tag: "script", agent: ["curl/"], points: 2 }] })],
    upstreams: { app: { fetch: () => new Response("ok") } },
    onRequest: (_request, ctx) => ctx.respond(200, String(ctx.score.total)),
  });
  const response = await proxy.fetch("/", { headers: { "user-agent": "curl/8" } });
  expect(await response.text()).toBe("2");
});

it("refuses a tag that a field cannot carry, and one without a rule", () => {
  expect(() => clientTags({ tags: [{ tag: "a, b", agent: ["x"] }] })).toThrow("no token");
  expect(() => clientTags({ tags: [{ tag: "a" }] })).toThrow("needs a list");
});
