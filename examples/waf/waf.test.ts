import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

const ask = async (path: string, init?: RequestInit): Promise<string> => {
  const response = await fetch(proxy.url + path, init);
  return `${response.status} ${(await response.text()).trim()}`;
};

const form = (text: string): RequestInit => ({
  method: "POST",
  body: text,
  headers: { "content-type": "application/x-www-form-urlencoded" },
});

it("refuses an attack in the query and in the content, and lets honest requests through", async () => {
  expect(await ask("/?q=%27+OR+1%3D1--")).toMatch(/^403 .*PROXY_WAF_BLOCKED/s);
  expect(await ask("/", form("q=%27+OR+1%3D1--"))).toMatch(/^403/);
  expect(await ask("/?q=O%27Neil")).toBe("200 /");
});

it("leaves out what is excluded, and runs a rule of its own", async () => {
  const script = "body=%3Cscript%3Ealert(1)%3C%2Fscript%3E";
  expect(await ask("/cms/page", form(script))).toBe("200 /cms/page");
  expect(await ask("/", form(script))).toMatch(/^403/);
  expect(await ask("/?coupon=XXX1")).toMatch(/^403/);
});

it("flags where a route says so, and sends who tries commands to the decoy", async () => {
  expect(await ask("/search?q=%27+OR+1%3D1--")).toMatch(/^200 .*sqli-structure/);
  expect(await ask("/?host=;cat+/etc/passwd")).toBe("200 uid=0(root)");
});
