import { readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

const state = join(import.meta.dirname, ".gatewright");
let proxy: StartedProxy;
let http: string;
let https: string;

beforeAll(async () => {
  proxy = await startCommand(["start"], {
    dir: import.meta.dirname,
    env: { HTTP_PORT: "0", HTTPS_PORT: "0" },
  });
  const urlOf = async (start: string): Promise<string> => {
    const line = await proxy.command.line((one) => String(one["url"]).startsWith(start));
    return String(line["url"]);
  };
  http = await urlOf("http:");
  https = await urlOf("https:");
});

afterAll(async () => {
  await proxy?.stop();
  await rm(state, { recursive: true, force: true });
});

it("serves two hosts by https, with certificates that the authority vouches for", async () => {
  expect(await get("shop.localhost")).toBe("shop\n");
  expect(await get("blog.localhost")).toBe("blog\n");
});

it("redirects from http to the port of https", async () => {
  const response = await fetch(`${http}/cart`, { redirect: "manual" });
  expect(response.status).toBe(308);
  const { port } = new URL(https);
  expect(response.headers.get("location")).toBe(`https://127.0.0.1:${port}/cart`);
});

async function get(servername: string): Promise<string> {
  const ca = await readFile(join(state, "tls/dev-authority.crt"), "utf8");
  const { port } = new URL(https);
  return new Promise((resolve, reject) => {
    request(
      { host: "127.0.0.1", port, servername, ca, headers: { host: servername } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve(text));
      },
    )
      .on("error", reject)
      .end();
  });
}
