import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { runCommand } from "../../runtime/cli.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const lists: GatewrightConfig<string> = {
  admin: { port: 0 },
  trustedProxies: ["127.0.0.0/8"],
  allowlists: { office: { ranges: ["198.51.100.0/24"] } },
  blocklists: {
    bad: { ranges: ["203.0.113.0/24"] },
    odd: { ranges: [], mode: "score" },
  },
};

async function administered(config = lists) {
  const through = await throughProxy({ config });
  const { proxy, get } = through;
  const from = async (address: string): Promise<number> =>
    (await get("/", `X-Forwarded-For: ${address}`)).status;
  const ask = async (method: string, path: string, content?: unknown) => {
    const response = await fetch(`${proxy.adminUrl}${path}`, {
      method,
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      allow: response.headers.get("allow"),
      content: JSON.parse(text === "" ? "null" : text) as Record<string, unknown>,
    };
  };
  const command = async (...args: string[]) => {
    const printed = { out: "", err: "" };
    const code = await runCommand(["list", ...args, "--admin", proxy.adminUrl ?? ""], {
      out: (line) => void (printed.out += `${line}\n`),
      err: (line) => void (printed.err += `${line}\n`),
      outColor: false,
      errColor: false,
    });
    return { code, ...printed };
  };
  return { ...through, from, ask, command };
}

describe("lists by the admin port", () => {
  it("gain and lose addresses and ranges at once, for a time or until the proxy ends", async () => {
    const { ask, from, proxy } = await administered();
    expect(await from("192.0.2.7")).toBe(200);
    const added = await ask("POST", "/api/lists/bad", { range: "192.0.2.0/28", for: "1h" });
    expect(added).toMatchObject({ status: 200, content: { name: "bad", added: 1, ranges: 1 } });
    expect(await from("192.0.2.7")).toBe(403);
    const removed = await ask("DELETE", "/api/lists/bad?range=203.0.113.9&range=192.0.2.7");
    expect(removed).toMatchObject({ status: 200, content: { removed: 2 } });
    expect([await from("203.0.113.9"), await from("192.0.2.7")]).toEqual([200, 200]);
    expect([await from("203.0.113.8"), await from("192.0.2.8")]).toEqual([403, 403]);
    expect(proxy.log.lines.filter(({ msg }) => msg === "added to")).toMatchObject([
      { list: "bad", ranges: ["192.0.2.0/28"] },
    ]);
  });

  it("lose again what was added when its time is over", async () => {
    const { ask, from } = await administered();
    await ask("POST", "/api/lists/bad", { range: "192.0.2.7", for: "300ms" });
    const until = Date.now() + 300;
    while ((await from("192.0.2.7")) === 403) await new Promise((done) => setTimeout(done, 20));
    expect(Date.now()).toBeGreaterThan(until - 100);
    const { content } = await ask("GET", "/api/lists/bad");
    expect(content).toMatchObject({ added: 0, addedRanges: [] });
  });

  it("are shown with what was changed, and say whether they have an address", async () => {
    const { ask } = await administered();
    await ask("POST", "/api/lists/odd", { range: ["2001:DB8:0:0::1", "192.0.2.1"], for: "1h" });
    const all = await ask("GET", "/api/lists");
    expect(all.content["lists"]).toMatchObject([
      { name: "office", kind: "allow", ranges: 1, source: "inline" },
      { name: "bad", kind: "block", mode: "block", ranges: 1 },
      { name: "odd", kind: "block", mode: "score", ranges: 0, added: 2 },
    ]);
    const { content } = await ask("GET", "/api/lists/odd?address=2001:db8::1");
    expect(content).toMatchObject({
      has: true,
      addedRanges: [{ range: "2001:db8::1" }, { range: "192.0.2.1" }],
    });
    const [{ until }] = content["addedRanges"] as [{ until: string }];
    expect(Math.abs(Date.parse(until) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    expect((await ask("GET", "/api/lists/odd?address=192.0.2.2")).content["has"]).toBe(false);
  });

  it("keep what was changed over a reload that leaves them alone", async () => {
    const { ask, from, proxy, upstream } = await administered();
    await ask("POST", "/api/lists/bad", { range: "192.0.2.7" });
    const upstreams = { api: { targets: [upstream.url] } };
    await proxy.update({ ...lists, upstreams, trace: true });
    expect(await from("192.0.2.7")).toBe(403);
  });

  it("refuse what is no change, and change nothing then", async () => {
    const { ask, from } = await administered();
    const wrong = await ask("POST", "/api/lists/bad", { range: ["192.0.2.7", "192.0.2.0/40"] });
    expect(wrong).toMatchObject({ status: 400 });
    expect(wrong.content["detail"]).toContain('"192.0.2.0/40" is no address');
    expect(await from("192.0.2.7")).toBe(200);
    expect((await ask("POST", "/api/lists/bad")).status).toBe(400);
    expect((await ask("DELETE", "/api/lists/bad?rnage=192.0.2.7")).status).toBe(400);
    expect((await ask("POST", "/api/lists/none", { range: "192.0.2.7" })).content["detail"]).toBe(
      "There is no such list; there are: office, bad, odd.",
    );
    expect(await ask("PUT", "/api/lists/bad")).toMatchObject({
      status: 405,
      allow: "GET, HEAD, POST, DELETE",
    });
    expect(await ask("POST", "/api/lists", {})).toMatchObject({ status: 405, allow: "GET, HEAD" });
    expect((await ask("GET", "/api/lists/%ff")).status).toBe(404);
  });

  it("are none where the config has none", async () => {
    const { ask } = await administered({ admin: { port: 0 } });
    expect((await ask("GET", "/api/lists")).content).toEqual({ lists: [] });
    expect((await ask("GET", "/api/lists/bad")).content["detail"]).toBe(
      "The live config has no lists.",
    );
  });
});

describe("gatewright list", () => {
  it("shows lists, changes one and asks it", async () => {
    const { command, from } = await administered();
    expect((await command()).out).toContain("bad: blocks (block), 1 range (inline), 0 added");
    expect(await command("bad", "--add", "192.0.2.7", "--add", "192.0.2.8")).toMatchObject({
      code: 0,
    });
    expect(await from("192.0.2.8")).toBe(403);
    expect((await command("bad")).out).toContain("+ 192.0.2.8\n");
    expect(await command("bad", "--has", "192.0.2.7")).toMatchObject({
      code: 0,
      out: "192.0.2.7 is on bad\n",
    });
    expect((await command("bad", "--remove", "203.0.113.5", "--for", "1h")).code).toBe(0);
    expect((await command("bad", "--has", "203.0.113.5")).code).toBe(1);
    expect(await from("203.0.113.5")).toBe(200);
  });

  it("says what is wrong with what it was told", async () => {
    const { command } = await administered();
    for (const wrong of [
      ["--add", "192.0.2.7"],
      ["bad", "--add", "192.0.2.7", "--has", "192.0.2.7"],
      ["bad", "--for", "1h"],
      ["bad", "--add", "nonsense"],
      ["none"],
    ]) {
      const { code, err } = await command(...wrong);
      expect([wrong, code]).toEqual([wrong, 2]);
      expect(err).not.toBe("");
    }
  });
});
