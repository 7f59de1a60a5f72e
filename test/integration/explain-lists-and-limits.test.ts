import type { GatewrightConfig } from "@gatewright/sdk";
import { expect, it } from "vitest";

import { createStackMapper } from "../../runtime/config/stack-mapper.ts";
import { createProvision } from "../../runtime/generation/provision.ts";
import type { ExplainStep } from "../../runtime/pipeline/explain.ts";
import type { Pipeline } from "../../runtime/pipeline/pipeline.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

/** A proxy that serves, and the explanations of its own pipeline. */
async function explained(config: GatewrightConfig<string>) {
  const stackMapper = createStackMapper();
  const provision = createProvision({
    accessLog: undefined,
    describeError: (error) => stackMapper.errorFields(error),
  });
  let pipeline: Pipeline | undefined;
  const through = await throughProxy({
    config,
    proxy: {
      single: {
        stackMapper,
        async provision(options) {
          const provisioned = await provision(options);
          ({ pipeline } = provisioned);
          return provisioned;
        },
      },
    },
  });
  const steps = async (clientAddress = "127.0.0.1", path = "/"): Promise<ExplainStep[]> => {
    const url = `http://a.test${path}`;
    const answer = await (pipeline as Pipeline).explain({
      method: "GET",
      url,
      fields: [],
      clientAddress,
    });
    return [...answer.steps];
  };
  return { ...through, steps };
}

const find = (steps: readonly ExplainStep[], phase: string): ExplainStep | undefined =>
  steps.find((step) => step.phase === phase);

it("an explanation says what each limit has left, and takes nothing from it", async () => {
  const { get, steps } = await explained({
    rateLimits: {
      ip: { limit: 2, window: "1h" },
      soft: { limit: 9, window: "1h", mode: "flag" },
      busy: { concurrent: 4 },
    },
    onRequest(_request, ctx) {
      ctx.limit("ip");
      ctx.limit("busy");
    },
  });
  await get("/");
  for (let times = 0; times < 5; times++) {
    expect(find(await steps(), "limits")).toMatchObject({
      text: "counted by ip, soft, busy",
      // One by the request, one by its hook.
      details: [
        "ip: 0 of 2 left, then 429",
        "soft: 8 of 9 left, then flagged",
        "busy: 0 of 4 under way, then 429",
      ],
    });
  }
  expect(find(await steps("203.0.113.1"), "limits")?.details[0]).toBe("ip: 2 of 2 left, then 429");
});

it("an explanation of a request that a limit refuses says so and ends there", async () => {
  const { get, steps } = await explained({ rateLimits: { ip: { limit: 1, window: "1h" } } });
  expect((await steps()).at(-1)?.outcome).not.toBe("failed");
  await get("/");
  const refused = await steps();
  expect(refused.map(({ text }) => text)).toContain(
    "PROXY_RATE_LIMITED: the rate limit ip is used up",
  );
  expect(find(refused, "forward")).toBeUndefined();
});

it("an explanation waits for no delay", async () => {
  const { get, steps } = await explained({
    rateLimits: { slow: { limit: 1, window: "1h", action: "delay", maxDelay: "2h" } },
  });
  await get("/");
  expect(find(await steps(), "limits")?.details).toEqual(["slow: 0 of 1 left, then delayed"]);
});

it("an explanation names the lists that have the client, and what follows", async () => {
  const { steps } = await explained({
    challenge: {},
    allowlists: { office: { ranges: ["203.0.113.7"] } },
    blocklists: {
      bad: { ranges: ["203.0.113.0/24"] },
      odd: { ranges: ["198.51.100.0/24"], mode: "challenge", points: 4 },
      gone: { ranges: ["192.0.2.1"], mode: "drop" },
    },
  });
  const bad = await steps("203.0.113.1");
  expect(find(bad, "lists")).toMatchObject({
    text: "client 203.0.113.1 is on 1 of 3 blocklists",
    details: ["blocklist bad: block"],
  });
  expect(bad.map(({ text }) => text)).toContain(
    "PROXY_ADDRESS_BLOCKED: the client is on the list bad",
  );
  const odd = await steps("198.51.100.1");
  expect(find(odd, "lists")?.details).toEqual(["blocklist odd: challenge, 4 points"]);
  expect(find(odd, "challenge")).toMatchObject({
    outcome: "decided",
    details: ["because of the list odd"],
  });
  expect(find(await steps("203.0.113.7"), "lists")).toMatchObject({
    text: "client 203.0.113.7 is on an allowlist, no blocklist counts",
    details: ["allowlist office", "blocklist bad: block"],
  });
  expect(find(await steps("8.8.8.8"), "lists")?.text).toBe("client 8.8.8.8 is on none of 4 lists");
  const gone = await steps("192.0.2.1");
  expect(gone.at(-1)).toMatchObject({
    outcome: "failed",
    text: "dropped: the client is on the list gone",
  });
});
