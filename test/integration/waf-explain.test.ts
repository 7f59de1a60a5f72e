import type { GatewrightConfig } from "@gatewright/sdk";
import { expect, it } from "vitest";

import { createStackMapper } from "../../runtime/config/stack-mapper.ts";
import { createProvision } from "../../runtime/generation/provision.ts";
import type { WafStatus } from "../../runtime/generation/waf-status.ts";
import type { Explanation } from "../../runtime/pipeline/explain.ts";
import type { Pipeline } from "../../runtime/pipeline/pipeline.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

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
  const explain = (path: string): Promise<Explanation> =>
    (pipeline as Pipeline).explain({ method: "GET", url: `http://a.test${path}`, fields: [] });
  return { ...through, explain };
}

const ATTACK = "/?password=%27+OR+hunter%3Dhunter--";

it("an explanation names rule, points, place and masked text, and how it ends", async () => {
  const { explain, upstream } = await explained({ waf: {} });
  const { steps } = await explain(ATTACK);
  const step = steps.find(({ phase }) => phase === "waf");
  expect(step?.text).toMatch(/^mode block: \d+ points of 5$/);
  expect(step?.details[0]).toMatch(/^sqli-structure \(5\) at ARGS_GET:password: /);
  expect(step?.details.join()).not.toContain("hunter");
  expect(steps.find(({ phase }) => phase === "error")?.text).toMatch(/^PROXY_WAF_BLOCKED/);
  const honest = await explain("/?q=O%27Neil");
  expect(honest.steps.find(({ phase }) => phase === "waf")?.text).toBe(
    "mode block: no rule matches the head",
  );
  expect(honest.steps.at(-1)?.phase).toBe("forward");
  expect(upstream.requests).toEqual([]);
});

it("the status counts requests and rules, not explanations", async () => {
  const { explain, get, proxy } = await explained({
    waf: {},
    routes: [
      { match: { path: "/flag" }, waf: { mode: "flag" }, upstream: "api" },
      { upstream: "api" },
    ],
    admin: { port: 0 },
  });
  await explain(ATTACK);
  for (const target of [ATTACK, ATTACK, "/flag?q=%27+OR+1%3D1--", "/"]) await get(target);
  const status = async (): Promise<WafStatus> => {
    const answer = await fetch(`${proxy.adminUrl}/api/status`);
    return ((await answer.json()) as { waf: WafStatus }).waf;
  };
  const first = await status();
  expect(first).toMatchObject({ inspected: 4, flagged: 1, refused: 2 });
  expect(first.rules).toContainEqual({ rule: "sqli-structure", matches: 3 });
  const page = await (await fetch(`${proxy.adminUrl}/`)).text();
  const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
  expect(metrics).toContain("gatewright_waf_inspected_total 4");
  expect(metrics).toContain('gatewright_waf_matched_total{outcome="refused"} 2');
  expect(metrics).toContain('gatewright_waf_rule_matches_total{rule="sqli-structure"} 3');
  expect(page).toContain("4 requests inspected, 1 flagged, 2 refused");
});

it("without the option there is no step and no figure", async () => {
  const { explain, proxy } = await explained({ admin: { port: 0 } });
  expect((await explain(ATTACK)).steps.some(({ phase }) => phase === "waf")).toBe(false);
  const answer = await fetch(`${proxy.adminUrl}/api/status`);
  expect((await answer.json()) as object).not.toHaveProperty("waf");
});
