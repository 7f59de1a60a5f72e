import { request as httpRequest } from "node:http";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runCommand, startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

describe("routes", () => {
  it.each([
    ["GET", "/v1/users/7", {}, "user", "api", "/users/7"],
    ["GET", "/v1/reports?year=2025", {}, "#5 /v1/*", "api", "/internal/reports?year=2025"],
    ["GET", "/v1", {}, "#5 /v1/*", "api", "/internal/"],
    ["POST", "/orders", {}, "new order", "api", "/orders"],
    ["GET", "/orders", {}, "everything else", "site", "/orders"],
    ["GET", "/", { host: "blue.shop.example" }, "tenant", "tenants", "/"],
    ["GET", "/", { host: "a.blue.shop.example" }, "everything else", "site", "/"],
    ["GET", "/", { "x-preview": "anything" }, "preview by field", "next", "/"],
    ["GET", "/?preview=1", {}, "preview by query", "next", "/?preview=1"],
    ["GET", "/?preview=2", {}, "everything else", "site", "/?preview=2"],
    ["GET", "/odd/3", {}, "odd users", "next", "/odd/3"],
    ["GET", "/odd/4", {}, "everything else", "site", "/odd/4"],
  ] as const)("%s %s %j takes %s", async (method, path, headers, route, service, forwarded) => {
    const answer = await send(method, path, headers);
    expect(answer.status).toBe(200);
    expect(answer.headers["x-route"]).toBe(route);
    expect(JSON.parse(answer.text)).toEqual({ service, method, path: forwarded });
  });

  it("puts what the pattern caught into ctx.route.params", async () => {
    const answer = await send("GET", "/v1/users/7");
    expect(answer.headers["x-user-id"]).toBe("7");
  });

  it("answers a fixed response", async () => {
    const answer = await send("GET", "/ping");
    expect([answer.status, answer.text, answer.headers["content-type"]]).toEqual([
      200,
      "pong\n",
      "text/plain",
    ]);
  });

  it("redirects with what the pattern caught and the query", async () => {
    const answer = await send("GET", "/old/intro?page=2");
    expect(answer.status).toBe(308);
    expect(answer.headers["location"]).toBe("/docs/intro?page=2");
  });

  it("refuses a path that can be read in two ways before any route", async () => {
    const answer = await send("GET", "/v1/..%2fsecret");
    expect(answer.status).toBe(400);
  });
});

describe("explain", () => {
  it("names the route and the upstream", async () => {
    const { code, stdout } = await runCommand(["explain", "GET", "http://127.0.0.1/v1/users/7"], {
      dir: import.meta.dirname,
    });
    expect(code).toBe(0);
    expect(stdout).toContain("user");
    expect(stdout).toContain("/users/7");
    expect(stdout).toContain("api");
  });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** node:http, because `fetch` sets Host by itself and tidies paths. */
function send(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest({ port: proxy.port, host: "127.0.0.1", method, path, headers });
  request.on("error", reject);
  request.on("response", (response) => {
    response.setEncoding("utf8");
    let text = "";
    response.on("data", (chunk: string) => (text += chunk));
    response.on("end", () =>
      resolve({ status: response.statusCode, headers: response.headers, text }),
    );
    response.on("error", reject);
  });
  request.end();
  return promise;
}
