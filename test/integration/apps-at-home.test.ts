/**
 * Apps that know nothing of a proxy, mounted as they are: what a client gets over a socket is what the app itself answers
 * when it is called.
 */
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";

import type { FetchUpstream } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { listenForTest } from "../helpers/listen-for-test.ts";
import hono, { finished as finishedByHono } from "../fixtures/apps/hono.ts";
import * as workers from "../fixtures/apps/workers.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  /** `name: value`, sorted: the order of different names means nothing (RFC 9110 §5.3). */
  readonly fields: readonly string[];
  readonly bytes: Buffer;
}

/** Of the connection, and the time: an app sets none of them. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

function mount(app: FetchUpstream): Promise<TestProxy> {
  return startProxy({ config: { upstreams: { app } } });
}

/** As the platform calls it, with nothing in between. */
async function atHome(app: FetchUpstream, url: string, ask: Ask): Promise<Answer> {
  const { method = "GET", headers = {}, body } = ask;
  const init = { method, headers, ...(body === undefined ? {} : { body }) };
  const ctx = { waitUntil: () => {}, passThroughOnException: () => {} };
  const response = await app.fetch(new Request(url + ask.path, init), {}, ctx);
  return {
    status: response.status,
    fields: toFields([...response.headers].flat()),
    bytes: method === "HEAD" ? Buffer.alloc(0) : Buffer.from(await response.arrayBuffer()),
  };
}

async function overSocket(url: string, ask: Ask): Promise<Answer> {
  const response = await open(url, ask);
  return {
    status: response.statusCode ?? 0,
    fields: toFields(response.rawHeaders),
    bytes: await buffer(response),
  };
}

async function open(url: string, { path, method = "GET", headers = {}, body }: Ask) {
  const call = httpRequest(url, { path, method, headers, agent: false });
  call.end(body);
  const [response] = (await once(call, "response")) as [IncomingMessage];
  return response;
}

function toFields(raw: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const line = `${name}: ${raw[at + 1] as string}`;
    // The proxy says it where it would compress; an app that does so itself says the same.
    if (line.toLowerCase() === "vary: accept-encoding") continue;
    if (!OF_THE_CONNECTION.has(name)) lines.push(line);
  }
  return lines.toSorted();
}

const JSON_TYPE = { "content-type": "application/json" };
const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });

describe("a Hono app, mounted as it is, answers as at home:", () => {
  it.each<Ask>([
    { path: "/" },
    { path: "/", method: "HEAD" },
    { path: "/plain" },
    { path: "/api/hello" },
    { path: "/posts/7?page=2" },
    { path: "/posts/caf%C3%A9%20au%20lait?page=%F0%9F%99%82" },
    { path: "/posts", method: "POST", body: "a=1" },
    { path: "/posts/7", method: "DELETE" },
    { path: "/posts/7", method: "PUT", body: "new" },
    { path: "/page" },
    { path: "/moved" },
    { path: "/moved-for-good" },
    { path: "/wild/anything/card", method: "PATCH", body: "x" },
    { path: "/json", method: "POST", headers: JSON_TYPE, body: '{"name":"ada","n":[1,2]}' },
    { path: "/json", method: "POST", headers: JSON_TYPE, body: "{broken" },
    {
      path: "/form",
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=xx" },
      body: [
        '--xx\r\ncontent-disposition: form-data; name="name"\r\n\r\nada',
        '--xx\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\nhello',
        "--xx--\r\n",
      ].join("\r\n"),
    },
    { path: "/bytes", method: "POST", body: "some bytes" },
    { path: "/cookies", headers: { cookie: "visits=41; theme=light" } },
    { path: "/admin/panel" },
    { path: "/admin/panel", headers: basic("admin:secret") },
    { path: "/admin/panel", headers: basic("admin:guess") },
    { path: "/powered/page" },
    { path: "/cors/page", headers: { origin: "https://app.test" } },
    {
      path: "/cors/page",
      method: "OPTIONS",
      headers: { origin: "https://app.test", "access-control-request-method": "PUT" },
    },
    { path: "/tagged/page" },
    { path: "/compressed/page", headers: { "accept-encoding": "gzip" } },
    { path: "/compressed/page" },
    { path: "/stream" },
    { path: "/lines" },
    { path: "/events" },
    { path: "/teapot" },
    { path: "/broken" },
    { path: "/nowhere" },
    { path: "/books" },
    { path: "/books/9" },
    { path: "/bindings" },
  ])("$method $path $headers", async (ask) => {
    const proxy = await mount(hono);
    const got = await overSocket(proxy.url, ask);
    expect(got).toEqual(await atHome(hono, proxy.url, ask));
  });

  it("whatever the first page of its documentation says is what a browser gets", async () => {
    const proxy = await mount(hono);
    const response = await fetch(proxy.url);
    expect([response.status, await response.text()]).toEqual([200, "Hello Hono!"]);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; ?charset=UTF-8$/i);
  });

  it("a validator that it gave is good for a 304 (RFC 9110 §13.1.2)", async () => {
    const proxy = await mount(hono);
    const first = await fetch(`${proxy.url}/tagged/page`);
    const ask = {
      path: "/tagged/page",
      headers: { "if-none-match": first.headers.get("etag") ?? "" },
    };
    const got = await overSocket(proxy.url, ask);
    expect(got.status).toBe(304);
    expect(got).toEqual(await atHome(hono, proxy.url, ask));
  });

  it("what it compressed reads as what it wrote", async () => {
    const proxy = await mount(hono);
    const ask = { path: "/compressed/page", headers: { "accept-encoding": "gzip" } };
    const { fields, bytes } = await overSocket(proxy.url, ask);
    expect(fields).toContain("content-encoding: gzip");
    expect(gunzipSync(bytes).toString()).toBe("small when it is sent ".repeat(200));
  });

  it("work that it gave to `executionCtx.waitUntil` comes to its end", async () => {
    const proxy = await mount(hono);
    expect(await (await fetch(`${proxy.url}/later?name=one`)).text()).toBe("in a moment");
    await expect.poll(() => finishedByHono, { timeout: 12_000 }).toContain("one");
  });
});

describe("a Workers module, mounted as it is, answers as at home:", () => {
  const cases: readonly (readonly [string, FetchUpstream, Ask])[] = [
    ["a greeting", workers.hello, { path: "/" }],
    ["a greeting for HEAD", workers.hello, { path: "/", method: "HEAD" }],
    ["with other handlers beside `fetch`", workers.scheduledToo, { path: "/a/b?c=d" }],
    ["without bindings", workers.bindings, { path: "/" }],
    [
      "JSON",
      workers.json,
      { path: "/", method: "POST", headers: JSON_TYPE, body: '{"name":"ada"}' },
    ],
    ["another type", workers.json, { path: "/", method: "POST", body: "ada" }],
    ["another method", workers.json, { path: "/" }],
    ["a redirect", workers.redirect, { path: "/old?x=1" }],
    ["work that goes on", workers.waiting, { path: "/home" }],
  ];
  it.each(cases)("%s", async (_what, app, ask) => {
    const proxy = await mount(app);
    const got = await overSocket(proxy.url, ask);
    expect(got).toEqual(await atHome(app, proxy.url, ask));
  });

  it("its `waitUntil` is waited for, and `passThroughOnException` is there", async () => {
    const proxy = await mount(workers.waiting);
    expect(await (await fetch(`${proxy.url}/through`)).text()).toBe("done soon");
    await proxy.close();
    expect(workers.finished).toContain("/through");
  });

  it("the first half of a body is there while the second one is not written yet", async () => {
    const proxy = await mount(workers.streaming);
    const response = await open(proxy.url, { path: "/" });
    const chunks: string[] = [];
    for await (const chunk of response) {
      chunks.push(String(chunk));
      if (chunks.length === 1) workers.streaming.next.resolve();
    }
    expect(chunks).toEqual(["first half, ", "second half"]);
  });

  it("it may fetch from elsewhere and change what it got", async () => {
    workers.altering.origin = await startOrigin();
    const proxy = await mount(workers.altering);
    const ask = { path: "/page" };
    const got = await overSocket(proxy.url, ask);
    expect(got.fields).toEqual([
      "content-type: text/plain",
      "x-header-to-change: NewValue",
      "x-workers-hello: Hello from a Worker",
    ]);
    expect(got).toEqual(await atHome(workers.altering, proxy.url, ask));
    expect(got.bytes.toString()).toBe("GET /page of the origin: ");
  });

  it("it may give the request on as it is, content included", async () => {
    workers.passing.origin = await startOrigin();
    const proxy = await mount(workers.passing);
    const got = await overSocket(proxy.url, { path: "/", method: "POST", body: "content" });
    expect(got.bytes.toString()).toBe("POST /passed of the origin: content");
  });

  it("what it throws is a 502 without a word of it, and an error in the log", async () => {
    const proxy = await mount(workers.throwing);
    const got = await overSocket(proxy.url, { path: "/" });
    expect(got.status).toBe(502);
    expect(got.bytes.toString()).not.toContain("nobody shall see this");
    expect(JSON.stringify(proxy.takeErrors())).toContain("nobody shall see this");
  });
});

describe("what an app is called with", () => {
  it("is an `env` of its own: empty, the same for every request, another one after a reload", async () => {
    const seen: Record<string, unknown>[] = [];
    const app = {
      fetch(_request: Request, env: Record<string, unknown>) {
        seen.push(env);
        env["count"] = Number(env["count"] ?? 0) + 1;
        return new Response(String(env["count"]));
      },
    };
    const config = { upstreams: { app } };
    const proxy = await startProxy({ config });
    const ask = async () => (await fetch(proxy.url)).text();
    expect([await ask(), await ask()]).toEqual(["1", "2"]);
    await proxy.update(config);
    expect(await ask()).toBe("1");
    expect(new Set(seen).size).toBe(2);
  });

  it("is what a wrapper gives it: bindings are a line in the config", async () => {
    const env = { GREETING: "Hello from the config" };
    const app: FetchUpstream = {
      fetch: (request) => workers.bindings.fetch(request, env),
    };
    const proxy = await mount(app);
    expect(await (await fetch(proxy.url)).text()).toBe("Hello from the config");
  });

  it("is a context whose `waitUntil` may be taken off it", async () => {
    let isDone = false;
    const app: FetchUpstream = {
      fetch(_request, _env, { waitUntil }: workers.ExecutionContext) {
        waitUntil(Promise.resolve().then(() => void (isDone = true)));
        return new Response("ok");
      },
    };
    const proxy = await mount(app);
    await (await fetch(proxy.url)).text();
    expect(isDone).toBe(true);
  });

  it("is a request with the URL that the client asked for, and with what the proxy knows of it", async () => {
    const app: FetchUpstream = {
      fetch: (request) =>
        Response.json({
          url: request.url,
          host: request.headers.get("host"),
          client: request.headers.get("x-forwarded-for"),
          agent: request.headers.get("user-agent"),
        }),
    };
    const proxy = await mount(app);
    const headers = { host: "shop.test", "user-agent": "test/1", "x-forwarded-for": "203.0.113.9" };
    const got = await overSocket(proxy.url, { path: "/a%20b?c=d", headers });
    expect(JSON.parse(got.bytes.toString())).toEqual({
      url: "http://shop.test/a%20b?c=d",
      host: "shop.test",
      client: "127.0.0.1",
      agent: "test/1",
    });
  });
});

/** Answers with what it was asked, and with fields that a Worker changes. */
async function startOrigin(): Promise<string> {
  const server = createServer((request, response) => {
    void buffer(request).then((content) => {
      response.writeHead(200, {
        "content-type": "text/plain",
        "x-header-to-delete": "gone",
        "x-header-to-change": "old",
      });
      response.end(`${request.method} ${request.url} of the origin: ${content.toString()}`);
    });
  });
  return listenForTest(server);
}
