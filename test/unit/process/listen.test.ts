import { createServer, type Server } from "node:net";
import { once } from "node:events";

import { describe, expect, it, onTestFinished } from "vitest";

import type { ResolvedListen } from "../../../runtime/config/resolved-config.ts";
import { createListener, type Listener } from "../../../runtime/downstream/listener.ts";
import type { PrepareError } from "../../../runtime/generation/prepare-error.ts";
import { ListenerSet } from "../../../runtime/process/listen.ts";
import { answer, FAKE_LIMITS } from "../../helpers/fake-generation.ts";
import { collectLog } from "../../helpers/log-lines.ts";
import { connectRaw } from "../../helpers/raw-client.ts";

const at = (port: number, limits: Partial<ResolvedListen["limits"]> = {}): ResolvedListen => ({
  host: "127.0.0.1",
  h2c: false,
  port,
  limits: { ...FAKE_LIMITS, ...limits },
});

function start() {
  const { log, errors } = collectLog();
  const opened: ResolvedListen[] = [];
  const adjusted: ResolvedListen["limits"][] = [];
  const set = new ListenerSet((listen): Listener => {
    opened.push(listen);
    const { host, port, limits } = listen;
    const listener = createListener({
      host,
      port,
      limits,
      serve: (exchange) => answer(exchange, "ok"),
      onError: (error) => log.error({ error }),
    });
    const { adjust } = listener;
    listener.adjust = (limits) => {
      adjusted.push(limits);
      adjust.call(listener, limits);
    };
    return listener;
  }, log);
  onTestFinished(async () => {
    const closed = set.close();
    set.cutAll();
    await closed;
  });
  const to = async (...listen: ResolvedListen[]): Promise<void> =>
    (await set.change(listen)).commit();
  return { set, to, opened, adjusted, errors };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function occupy(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as { port: number }).port };
}

const portOf = (url: string | undefined): number => Number(new URL(url ?? "").port);

async function speaks(port: number): Promise<boolean> {
  try {
    const client = await connectRaw(port);
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const { status } = await client.finalResponse();
    client.destroy();
    return status === 200;
  } catch {
    return false;
  }
}

describe("ListenerSet", () => {
  it("keeps a listener whose address stays, also one on any port", async () => {
    const { set, to, opened } = start();
    await to(at(0), at(0));
    const urls = [...set.urls];
    await to(at(0), at(0));
    expect(set.urls).toEqual(urls);
    expect(opened).toHaveLength(2);
    await to(at(0));
    expect(set.urls).toEqual(urls.slice(0, 1));
  });

  it("opens new listeners at change and closes old ones at commit", async () => {
    const { set, to } = start();
    const [one, two] = [await freePort(), await freePort()];
    await to(at(one));
    const change = await set.change([at(two)]);
    expect(await speaks(one)).toBe(true);
    expect(await speaks(two)).toBe(true);
    change.commit();
    expect(await speaks(one)).toBe(false);
    expect(await speaks(two)).toBe(true);
  });

  it("closes the new ones and leaves the old ones when the change is given up", async () => {
    const { set, to } = start();
    const [one, two] = [await freePort(), await freePort()];
    await to(at(one));
    await (await set.change([at(two)])).abort();
    expect(await speaks(one)).toBe(true);
    expect(await speaks(two)).toBe(false);
    expect(set.urls).toEqual([`http://127.0.0.1:${one}`]);
  });

  it("says which listener cannot be opened, why and what to do, and closes those opened before it", async () => {
    const { set, to } = start();
    const [one, two] = [await freePort(), await freePort()];
    const { port: taken } = await occupy();
    await to(at(one));
    const error = await set
      .change([at(one), at(two), at(taken)])
      .catch((reason: unknown) => reason);
    expect((error as PrepareError).issues).toEqual([
      {
        path: "listen[2]",
        message: `Cannot listen on 127.0.0.1:${taken}: it is in use by another process.`,
        fix: "Stop that process or choose another port.",
      },
    ]);
    expect(await speaks(one)).toBe(true);
    expect(await speaks(two)).toBe(false);
  });

  it.each([
    // RFC 5737 §3: nobody has it. And a name with an empty label, which no resolver is asked for.
    ["192.0.2.1", "this machine does not have that address", /address of this machine/],
    ["nowhere..invalid", "there is no address for that name", /127\.0\.0\.1/],
  ])("says why it cannot listen on %s", async (host, reason, fix) => {
    const { set } = start();
    const error = await set.change([{ ...at(0), host }]).catch((thrown: unknown) => thrown);
    const [issue] = (error as PrepareError).issues;
    expect(issue?.message).toBe(`Cannot listen on ${host}:0: ${reason}.`);
    expect(issue?.fix).toMatch(fix);
  });

  it("adjusts changed limits in place at commit, and only those", async () => {
    const { to, adjusted, set, opened } = start();
    await to(at(0), at(0));
    await to(at(0), at(0));
    expect(adjusted).toEqual([]);
    const change = await set.change([at(0), at(0, { keepAliveMs: 5 })]);
    expect(adjusted).toEqual([]);
    change.commit();
    expect(adjusted).toEqual([{ ...FAKE_LIMITS, keepAliveMs: 5 }]);
    expect(opened).toHaveLength(2);
  });

  it("moves from one address to all addresses on the same port", async () => {
    const { set, to, errors } = start();
    const port = await freePort();
    await to(at(port));
    await to({ ...at(port), host: "0.0.0.0" });
    expect(set.urls).toEqual([`http://0.0.0.0:${port}`]);
    expect(await speaks(port)).toBe(true);
    await to(at(port));
    expect(set.urls).toEqual([`http://127.0.0.1:${port}`]);
    expect(await speaks(port)).toBe(true);
    expect(errors).toEqual([]);
  });

  it("opens an address again that it closed for a change that then fails", async () => {
    const { set, to, errors } = start();
    const port = await freePort();
    const { port: taken } = await occupy();
    await to(at(port));
    await expect(set.change([{ ...at(port), host: "0.0.0.0" }, at(taken)])).rejects.toThrow(
      /in use/,
    );
    expect(await speaks(port)).toBe(true);
    expect(set.urls).toEqual([`http://127.0.0.1:${port}`]);
    expect(errors).toEqual([]);
  });

  it("lets the connections of a removed listener finish their request", async () => {
    const { set, to } = start();
    await to(at(0));
    const client = await connectRaw(portOf(set.urls[0]));
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    const other = await freePort();
    await to(at(other));
    await client.send("b");
    expect((await client.finalResponse()).status).toBe(200);
    expect(await client.closes()).toBe(true);
  });
});
