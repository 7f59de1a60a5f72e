/** The sticky cookie, through the whole proxy. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { GatewrightConfig, StickyBalance } from "@gatewright/sdk";
import WebSocket, { WebSocketServer } from "ws";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, toyResponse, type ToyUpstream } from "../helpers/toy-upstream.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

let origins: ToyUpstream[];

beforeEach(async () => {
  origins = await Promise.all(
    [0, 1, 2].map((number) =>
      startToyUpstream({
        onRequest: () => toyResponse(200, String(number), "Set-Cookie: own=1"),
      }),
    ),
  );
});

afterEach(() => Promise.all(origins.map((origin) => origin.close())));

function config(
  balance: Partial<StickyBalance> = {},
  targets = origins.map(({ url }) => url),
): GatewrightConfig<string> {
  return {
    upstreams: { app: { targets, balance: { type: "sticky", secret: SECRET, ...balance } } },
  };
}

interface Answer {
  readonly from: string;
  /** The cookie of ours that was set, `name=value`. */
  readonly cookie: string | undefined;
  readonly line: string | undefined;
  readonly own: boolean;
}

async function ask(proxy: TestProxy, cookie?: string): Promise<Answer> {
  const response = await fetch(proxy.url, cookie === undefined ? {} : { headers: { cookie } });
  const lines = response.headers.getSetCookie();
  const line = lines.find((one) => one.startsWith("gatewright-target="));
  return {
    from: await response.text(),
    cookie: line?.split(";")[0],
    line,
    own: lines.includes("own=1"),
  };
}

describe("sticky cookie", () => {
  it("brings each client back to its target and is set once, beside the service's own", async () => {
    const proxy = await startProxy({ config: config() });
    for (let client = 0; client < 4; client++) {
      const first = await ask(proxy);
      expect(first.line).toMatch(/^gatewright-target=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
      expect(first.own).toBe(true);
      for (let turn = 0; turn < 3; turn++) {
        const next = await ask(proxy, `a=b; ${first.cookie}`);
        expect(next).toMatchObject({ from: first.from, cookie: undefined, own: true });
      }
    }
  });

  it("that was tampered with leads to a new choice and a new cookie", async () => {
    const proxy = await startProxy({ config: config() });
    const { cookie = "" } = await ask(proxy);
    const last = cookie.at(-1) === "A" ? "Q" : "A";
    const answer = await ask(proxy, `${cookie.slice(0, -1)}${last}`);
    expect(answer.cookie).toMatch(/^gatewright-target=[\w-]{22}$/);
  });

  it("leads elsewhere when its target is down, and there is a new one", async () => {
    const proxy = await startProxy({ config: config() });
    const { cookie, from } = await ask(proxy);
    await origins[Number(from)]?.close();
    const other = await ask(proxy, cookie);
    expect(other.from).not.toBe(from);
    expect(other.cookie).not.toBe(cookie);
    expect(await ask(proxy, other.cookie)).toMatchObject({ from: other.from, cookie: undefined });
  });

  it("survives a reload, a restart and another machine with the same secret", async () => {
    const proxy = await startProxy({ config: config() });
    const { cookie, from } = await ask(proxy);
    await proxy.update({ ...config(), log: { access: false } });
    expect((await ask(proxy, cookie)).from).toBe(from);
    const other = await startProxy({ config: config() });
    expect(await ask(other, cookie)).toMatchObject({ from, cookie: undefined });
  });

  it("is signed by a secret of the data folder that only we may read", async () => {
    const { secret: _, ...balance } = { type: "sticky", secret: SECRET } as const;
    const upstreams = { app: { targets: origins.map(({ url }) => url), balance } };
    const proxy = await startProxy({ config: { upstreams } });
    const { cookie, from } = await ask(proxy);
    const file = join(proxy.dir, ".gatewright/secrets/sticky-cookie");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
    await proxy.update({ upstreams, log: { access: false } });
    expect(await ask(proxy, cookie)).toMatchObject({ from, cookie: undefined });
  });

  it("needs no data folder where the config has the secret", async () => {
    const proxy = await startProxy({ config: config() });
    await ask(proxy);
    await expect(stat(join(proxy.dir, ".gatewright/secrets"))).rejects.toThrow(/ENOENT/);
  });

  it("comes with a 101 too", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    try {
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as { port: number };
      const proxy = await startProxy({ config: config({}, [`http://127.0.0.1:${port}`]) });
      const socket = new WebSocket(proxy.url.replace("http", "ws"));
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.once("open", () => socket.close());
      const head = await new Promise<{ headers: Record<string, unknown> }>((resolve, reject) => {
        socket.once("upgrade", resolve);
        socket.once("error", reject);
      });
      expect(head.headers["set-cookie"]).toEqual([
        expect.stringMatching(/^gatewright-target=[\w-]{22}; /),
      ]);
      await closed;
    } finally {
      server.close();
    }
  });
});
