import type { GatewrightConfig, WafConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { normalize } from "../../../runtime/config/normalize.ts";
import type { ResolvedConfig } from "../../../runtime/config/resolved-config.ts";
import { acquireWaf } from "../../../runtime/generation/provision-waf.ts";
import { createResourceRegistry } from "../../../runtime/generation/resources.ts";
import { collectLog } from "../../helpers/log-lines.ts";

function config(waf: WafConfig | undefined, ...routes: (WafConfig | false | undefined)[]) {
  const written: GatewrightConfig<string> = {
    upstreams: { api: { targets: ["http://127.0.0.1:9000"] } },
    routes: routes.map((own) => ({ upstream: "api", ...(own === undefined ? {} : { waf: own }) })),
    ...(waf === undefined ? {} : { waf }),
  };
  return normalize(written, "/x/proxy.config.ts", "start");
}

function acquire(resolved: ResolvedConfig, resources = createResourceRegistry(collectLog().log)) {
  const provisioned = acquireWaf(resolved, resources);
  return { ...provisioned, ofRoutes: resolved.routes.map(({ waf }) => provisioned.ofRoute(waf)) };
}

describe("the WAF of a generation", () => {
  it("is not there where nobody wants it", () => {
    for (const off of [config(undefined, undefined), config({ mode: "off" }, false)]) {
      expect(acquire(off)).toMatchObject({ parts: undefined, keys: [], status: undefined });
      expect(acquire(off).ofRoutes).toEqual([{}]);
    }
  });

  it("compiles rules once for routes that say nothing, and says what each of the others has", () => {
    const { parts, ofRoutes } = acquire(config({}, undefined, { mode: "flag" }, false));
    expect(parts?.global?.mode).toBe("block");
    expect(ofRoutes[0]).toEqual({});
    expect(ofRoutes[1]?.waf?.mode).toBe("flag");
    expect(ofRoutes[2]).toEqual({ waf: null });
    const alone = acquire(config(undefined, undefined, {}));
    expect(alone.parts).toEqual({ global: undefined });
    expect(alone.ofRoutes[1]?.waf?.mode).toBe("block");
  });

  it("takes its own rules from one place for all generations and routes, and gives them back", async () => {
    const resources = createResourceRegistry(collectLog().log);
    const first = acquire(config({}, { mode: "flag" }, { paranoia: 2 }), resources);
    const second = acquire(config({ threshold: 9 }), resources);
    // Counters, rules of both levels.
    expect(resources.size).toBe(3);
    for (const key of first.keys) await resources.release(key);
    expect(resources.size).toBe(2);
    const own = { id: "own-x", message: "Own", variables: ["ARGS"], operator: { contains: "x" } };
    const third = acquire(config({ rules: [own as never] }), resources);
    expect(resources.size).toBe(2);
    for (const key of [...second.keys, ...third.keys]) await resources.release(key);
    expect(resources.size).toBe(0);
  });

  it("counts over generations, by rule, within bounds", () => {
    const resources = createResourceRegistry(collectLog().log);
    const first = acquire(config({}), resources);
    const counters = first.parts?.global?.counters;
    for (let at = 0; at < 2000; at++) counters?.countRule(`own-${at}`);
    counters?.countRule("own-7");
    const second = acquire(config({ mode: "flag" }), resources);
    expect(second.parts?.global?.counters).toBe(counters);
    expect(second.status?.().rules).toHaveLength(100);
    expect(second.status?.().rules[0]).toEqual({ rule: "own-7", matches: 2 });
    expect(counters?.byRule.size).toBe(1000);
  });
});
