import { createTestProxy, type TestProxy } from "gatewright/testing";
import { beforeAll, describe, expect, it } from "vitest";

import basicAuth, { hashPassword, type BasicAuthOptions } from "./index.ts";

let users: Record<string, string>;

beforeAll(async () => {
  users = { ada: await hashPassword("l0velace"), Zoë: await hashPassword("pass:wörd") };
});

function start(options: Partial<BasicAuthOptions> = {}): Promise<TestProxy> {
  return createTestProxy({
    plugins: [basicAuth({ users, ...options })],
    upstreams: {
      app: {
        fetch: ({ headers }) =>
          new Response(`${headers.get("x-user")} ${headers.get("authorization")}`),
      },
    },
  });
}

function basic(name: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
}

describe("a request", () => {
  it.each([
    ["ada", "l0velace", "ada"],
    ["Zoë", "pass:wörd", "Zo%C3%AB"],
  ])(
    "of %s with the password goes on, with the name and without the password",
    async (name, password, told) => {
      await using proxy = await start();
      const response = await proxy.fetch("/", { headers: basic(name, password) });
      expect(await response.text()).toBe(`${told} null`);
    },
  );

  it.each<[string, Record<string, string>]>([
    ["nothing", {}],
    ["a wrong password", basic("ada", "lovelace")],
    ["an unknown name", basic("eve", "l0velace")],
    ["a name from the prototype", basic("constructor", "x")],
    ["another scheme", { authorization: "Bearer abc" }],
    ["no colon", { authorization: `Basic ${btoa("ada")}` }],
    ["no base64", { authorization: "Basic ***" }],
  ])("with %s is asked for both (RFC 7617 §2)", async (_what, headers) => {
    await using proxy = await start({ realm: "shop" });
    const response = await proxy.fetch("/", { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Basic realm="shop", charset="UTF-8"');
    expect(proxy.upstreamCalls).toEqual([]);
  });

  it("elsewhere needs none, and still cannot say who it is", async () => {
    await using proxy = await start({ paths: ["/admin"] });
    const response = await proxy.fetch("/", { headers: { "x-user": "ada" } });
    expect(await response.text()).toBe("null null");
  });
});

it("answers 503 rather than hash without end when passwords are guessed all at once", async () => {
  await using proxy = await start();
  const guesses = Array.from({ length: 40 }, (_, i) =>
    proxy.fetch("/", { headers: basic("ada", `guess-${i}`) }),
  );
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(8);
  expect(statuses.filter((status) => status === 503)).toHaveLength(32);
});

it("makes another hash of the same password each time", async () => {
  expect(await hashPassword("a")).not.toBe(await hashPassword("a"));
});

it("refuses a password in place of a hash", () => {
  expect(() => basicAuth({ users: { ada: "l0velace" } })).toThrow('users["ada"]');
});
