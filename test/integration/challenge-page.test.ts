import { gunzipSync } from "node:zlib";

import type { ChallengeConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

const BROWSER = ["Accept: text/html", "Accept-Encoding: gzip", "User-Agent: Mozilla/5.0 (test)"];

function challenged(challenge: ChallengeConfig = {}): Promise<ThroughProxy> {
  return throughProxy({ config: { challenge: { when: () => true, ...challenge } } });
}

async function pageOf({ get }: ThroughProxy, ...lines: string[]): Promise<RawResponse> {
  const redirect = await get("/there?q=1", ...BROWSER, ...lines);
  expect(redirect.status).toBe(302);
  return get(fieldOf(redirect, "location") ?? "", ...BROWSER, ...lines);
}

function textOf(response: RawResponse): string {
  const isCoded = fieldOf(response, "content-encoding") === "gzip";
  return (isCoded ? gunzipSync(response.content) : response.content).toString();
}

function sizeOf({ fields, content }: RawResponse): number {
  return fields.reduce((sum, text) => sum + text.length + 2, content.length + 20);
}

/** Scripts and styles of the page, as they are transferred. */
async function assetsOf({ get }: ThroughProxy, html: string): Promise<RawResponse[]> {
  const names = [...html.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css))"/g)];
  return Promise.all(names.map(([, name = ""]) => get(name, ...BROWSER)));
}

describe("the challenge's page", () => {
  it.each([
    ["en", "One moment"],
    ["de-AT", "Einen Moment"],
    ["fr-CA", "instant"],
    ["es", "momento"],
    ["zh-CN", "请稍候"],
    ["ja", "少々お待ちください"],
    ["ar", "لحظة"],
  ])("speaks %s, in less than 100 KB with all that it loads", async (language, words) => {
    const through = await challenged();
    const page = await pageOf(through, `Accept-Language: ${language}`);
    const html = textOf(page);
    expect(html).toContain(words);
    expect(html).toContain(`<html lang="${language.slice(0, 2)}"`);
    const assets = await assetsOf(through, html);
    expect(assets.map(({ status }) => status)).toEqual(assets.map(() => 200));
    expect(assets.length).toBeGreaterThanOrEqual(3);
    const bytes = [page, ...assets].reduce((sum, one) => sum + sizeOf(one), 0);
    expect(bytes).toBeLessThan(100_000);
  });

  it("allows nothing but its own scripts and styles, none of them inline", async () => {
    const through = await challenged();
    const page = await pageOf(through);
    const policy = fieldOf(page, "content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy.replace("img-src 'self' data:", "")).not.toMatch(/unsafe|blob:|data:|\*|https?:/);
    const html = textOf(page);
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/i);
  });

  it("is found below a path of one's own, which leads back to the target", async () => {
    const through = await challenged({ path: "/shop/check/", noScript: 1 });
    const redirect = await through.get("/shop/cart?x=1", ...BROWSER);
    const location = fieldOf(redirect, "location") ?? "";
    expect(location).toMatch(/^\/shop\/check\/challenge\?/);
    const page = await through.get(location, ...BROWSER);
    const html = textOf(page);
    for (const { status } of await assetsOf(through, html)) expect(status).toBe(200);
    expect(html).toContain('action="/shop/check/verify"');
    const cookie = (fieldOf(page, "set-cookie") ?? "").split(";", 1)[0];
    const verify = location.replace("challenge?", "verify?");
    const done = await through.get(verify, ...BROWSER, `Cookie: ${cookie}`);
    expect([done.status, fieldOf(done, "location")]).toEqual([303, "/shop/cart?x=1"]);
    expect(fieldOf(done, "set-cookie")).toContain("; Path=/;");
  });
});
