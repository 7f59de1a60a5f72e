import { createServer } from "node:http";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { FetchUpstream } from "@gatewright/sdk";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { describe, expect, it } from "vitest";

import { listenForTest } from "../../helpers/listen-for-test.ts";
import { DeadlineWheel } from "../../../runtime/clock.ts";
import { sourceFromBytes } from "../../../runtime/http/readable-source.ts";
import { declaredCodingHolds } from "../../../runtime/primitives/content-coding/sniff.ts";
import {
  createFetchUpstream,
  type FetchUpstreamOptions,
} from "../../../runtime/upstream/fetch-upstream.ts";
import { FedSource, send, type RecordingReceiver } from "../../helpers/recording-receiver.ts";

function upstreamOf(
  app: FetchUpstream | FetchUpstream["fetch"],
  options: Partial<FetchUpstreamOptions> = {},
) {
  return createFetchUpstream({
    name: "demo",
    app: typeof app === "function" ? { fetch: app } : app,
    wheel: new DeadlineWheel(),
    waitUntil: () => {},
    declaredCodingHolds,
    ...options,
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the request an app gets", () => {
  it("is a real Request with the target URI, every field and a signal", async () => {
    let request: Request | undefined;
    const upstream = upstreamOf((given) => {
      request = given;
      return new Response(null, { status: 204 });
    });
    await send(upstream, {
      scheme: "https",
      method: "PURGE",
      path: "/a%2Fb?q=\xe9",
      fields: ["X-A", "1", "Cookie", "a=1", "x-a", "2", "X-B", "\xe9"],
    }).done();
    expect(request).toBeInstanceOf(Request);
    expect([request?.method, request?.url]).toEqual(["PURGE", "https://a.test/a%2Fb?q=%E9"]);
    expect([...(request?.headers ?? [])]).toEqual([
      ...[
        ["cookie", "a=1"],
        ["host", "a.test"],
        ["x-a", "1, 2"],
        ["x-b", "\xe9"],
      ],
    ]);
    expect(request?.signal.aborted).toBe(false);
  });

  it("has its content, in memory or streamed, with its length if that is known", async () => {
    const upstream = upstreamOf(async (request) => {
      const text = await request.text();
      return new Response(`${request.headers.get("content-length")} ${text}`);
    });
    const bytes = sourceFromBytes(Buffer.from("in memory"));
    expect((await send(upstream, { method: "POST", content: bytes }).done()).text).toBe(
      "9 in memory",
    );
    const content = new FedSource();
    const receiver = send(upstream, { method: "POST", content });
    await content.opened;
    content.write("piece ");
    await content.wanted();
    content.write("by piece");
    content.end();
    expect((await receiver.done()).text).toBe("null piece by piece");
  });

  it("reads streamed content only as fast as the app does", async () => {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const upstream = upstreamOf(async (request) => {
      reader = request.body?.getReader();
      await reader?.read();
      return new Response("done");
    });
    const content = new FedSource();
    const receiver = send(upstream, { method: "POST", content });
    await content.opened;
    content.write("one");
    content.write("two");
    expect(content.paused).toBe(true);
    await receiver.done();
    expect(content.cancelled).toBe(true);
  });

  it("fails an app's read if the client goes away", async () => {
    const upstream = upstreamOf(async (request) => new Response(await request.text()));
    const content = new FedSource();
    const receiver = send(upstream, { method: "POST", content });
    await content.opened;
    content.fail(new Error("client gone"));
    const { error } = await receiver.done();
    expect(error?.code).toBe("PROXY_UPSTREAM_HANDLER");
  });

  it("has no content for GET, as the Fetch standard wants it", async () => {
    const upstream = upstreamOf(
      (request) => new Response(request.body === null ? "null" : "a body"),
    );
    const content = new FedSource();
    expect((await send(upstream, { content }).done()).text).toBe("null");
    expect(content.cancelled).toBe(true);
  });
});

describe("an app", () => {
  it("is called as a method, with an env of its own and an execution context", async () => {
    const waited: Promise<unknown>[] = [];
    const app = {
      greeting: "hello",
      fetch(_request: Request, env: Record<string, number>, ctx: ExecutionContextLike): Response {
        env["calls"] = (env["calls"] ?? 0) + 1;
        const { waitUntil } = ctx;
        waitUntil(Promise.resolve("later"));
        ctx.passThroughOnException();
        return new Response(`${this.greeting} ${env["calls"]}`);
      },
    };
    const upstream = upstreamOf(app, { waitUntil: (promise) => waited.push(promise) });
    expect((await send(upstream).done()).text).toBe("hello 1");
    expect((await send(upstream).done()).text).toBe("hello 2");
    expect(await Promise.all(waited)).toEqual(["later", "later"]);
  });

  it("may be a Hono app, unchanged", async () => {
    const app = new Hono();
    app.get("/users/:id", (c) => c.json({ id: c.req.param("id"), host: c.req.header("host") }));
    app.post("/echo", async (c) => c.text(await c.req.text()));
    app.get("/fail", () => {
      throw new Error("secret");
    });
    app.onError((_error, c) => c.text("failed", 500));
    const upstream = upstreamOf(app);
    expect((await send(upstream, { path: "/users/7" }).done()).text).toBe(
      '{"id":"7","host":"a.test"}',
    );
    const content = sourceFromBytes(Buffer.from("hi"));
    expect((await send(upstream, { method: "POST", path: "/echo", content }).done()).text).toBe(
      "hi",
    );
    expect((await send(upstream, { path: "/fail" }).done()).status).toBe(500);
    expect((await send(upstream, { path: "/none" }).done()).status).toBe(404);
    const head = await send(upstream, { method: "HEAD", path: "/users/7" }).done();
    expect([head.status, head.bytes]).toEqual([200, 0]);
  });

  it("may send events: each leaves when it is written, the head before the first", async () => {
    let next: () => void = () => {};
    const app = new Hono();
    app.get("/", (c) =>
      streamSSE(c, async (stream) => {
        for (let i = 0; i < 3; i++) {
          await new Promise<void>((resolve) => (next = resolve));
          await stream.writeSSE({ data: String(i) });
        }
      }),
    );
    const receiver = send(upstreamOf(app));
    await receiver.when(() => receiver.status !== undefined);
    expect([receiver.bytes, receiver.field("content-type")]).toEqual([0, "text/event-stream"]);
    for (let i = 0; i < 3; i++) {
      // The app asks for the next event after its write has been taken.
      await turn();
      next();
      await receiver.when(() => receiver.text.endsWith(`data: ${i}\n\n`));
    }
    expect((await receiver.done()).complete).toBe(true);
  });

  const failures: [string, FetchUpstream["fetch"], RegExp][] = [
    ["throws", () => raise(new Error("boom")), /demo: fetch failed: boom/],
    ["rejects", () => Promise.reject(new Error("boom")), /demo: fetch failed: boom/],
    ["rejects with no Error", () => Promise.reject("text"), /demo: fetch failed: text/],
    ["returns nothing", () => undefined as never, /returned undefined instead of a Response/],
    ["returns a text", () => "hello" as never, /returned string instead of a Response/],
    ["returns Response.error()", () => Response.error(), /status 0 cannot be sent/],
    ["returns a used body", () => used(), /body was read already/],
    ["fails in its body at once", () => new Response(failing()), /boom/],
  ];
  for (const [what, fetch, message] of failures) {
    it(`that ${what} is a 502 with the cause kept for the log`, async () => {
      const upstream = upstreamOf(fetch);
      const { error, status } = await send(upstream).done();
      expect([status, error?.code, error?.status]).toEqual([
        ...[undefined, "PROXY_UPSTREAM_HANDLER", 502],
      ]);
      expect(error?.message).toMatch(message);
      expect(error?.publicDetail).toBe("The upstream failed.");
      expect(upstream.stats().active).toBe(0);
    });
  }

  it("that fails within its body ends the response in an error", async () => {
    const upstream = upstreamOf(() => {
      let pulls = 0;
      const body = new ReadableStream({
        async pull(controller) {
          await turn();
          await turn();
          if (pulls++ === 0) controller.enqueue(Buffer.from("half"));
          else throw new Error("boom");
        },
      });
      return new Response(body);
    });
    const done = await send(upstream).done();
    expect([done.text, done.trailers, done.error?.code]).toEqual([
      ...["half", undefined, "PROXY_UPSTREAM_HANDLER"],
    ]);
  });

  it("that takes too long is a 504; its signal fires and its late Response is dropped", async () => {
    let now = 0;
    const wheel = new DeadlineWheel({ now: () => now, monotonic: () => now }, false);
    let signal: AbortSignal | undefined;
    let cancelled = false;
    const { promise, resolve } = Promise.withResolvers<Response>();
    const upstream = upstreamOf((request) => ((signal = request.signal), promise), { wheel });
    const receiver = send(upstream, { responseHeadTimeoutMs: 1000 });
    now = 1100;
    wheel.turn();
    const { error } = await receiver.done();
    expect(error?.code).toBe("PROXY_UPSTREAM_HEAD_TIMEOUT");
    expect(signal?.aborted).toBe(true);
    resolve(new Response(new ReadableStream({ cancel: () => void (cancelled = true) })));
    await turn();
    expect(cancelled).toBe(true);
    expect(wheel.size).toBe(0);
  });

  it("hears of a client that goes away: signal fired, body cancelled, nothing delivered", async () => {
    let signal: AbortSignal | undefined;
    let cancelled = false;
    const upstream = upstreamOf((request) => {
      signal = request.signal;
      return new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(Buffer.from("x")),
          cancel: () => void (cancelled = true),
        }),
      );
    });
    const receiver: RecordingReceiver = send(
      upstream,
      {},
      { onData: () => receiver.call?.abort() },
    );
    await receiver.when(() => receiver.bytes > 0);
    await turn();
    expect([signal?.aborted, cancelled, receiver.lastCalls, receiver.bytes]).toEqual([
      ...[true, true, 0, 1],
    ]);
    expect(upstream.stats().active).toBe(0);
    const unanswered = send(
      upstreamOf((request) => ((signal = request.signal), new Promise(() => {}))),
    );
    unanswered.call?.abort();
    expect((signal as AbortSignal | undefined)?.aborted).toBe(true);
  });
});

describe("the response of an app", () => {
  it("keeps every Set-Cookie line, and has the length that its bytes have", async () => {
    const headers = new Headers({ "Content-Length": "1", "X-A": "1" });
    for (const name of ["a", "b", "c"]) headers.append("Set-Cookie", `${name}=1`);
    const done = await send(upstreamOf(() => new Response("héllo", { headers }))).done();
    expect(done.fields.filter((_, i) => done.fields[i - 1] === "set-cookie")).toEqual([
      ...["a=1", "b=1", "c=1"],
    ]);
    expect([done.field("content-length"), done.bytes]).toEqual(["6", 6]);
  });

  it("loses a Content-Length that its stream need not keep", async () => {
    const slow = new ReadableStream({
      async pull(controller) {
        await turn();
        await turn();
        controller.enqueue(Buffer.from("longer than said"));
        controller.close();
      },
    });
    const headers = { "Content-Length": "3" };
    const done = await send(upstreamOf(() => new Response(slow, { headers }))).done();
    expect([done.field("content-length"), done.text]).toEqual([undefined, "longer than said"]);
  });

  it("keeps Content-Length for HEAD, and cancels a body that comes with it", async () => {
    let cancelled = false;
    const upstream = upstreamOf(
      () =>
        new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), {
          headers: { "Content-Length": "1234" },
        }),
    );
    const done = await send(upstream, { method: "HEAD" }).done();
    expect([done.field("content-length"), done.bytes, cancelled]).toEqual(["1234", 0, true]);
  });

  it("is read no faster than its receiver takes it", async () => {
    let pulls = 0;
    const upstream = upstreamOf(
      () =>
        new Response(
          new ReadableStream(
            {
              async pull(controller) {
                await turn();
                pulls += 1;
                if (pulls === 50) controller.close();
                else controller.enqueue(Buffer.alloc(1000));
              },
            },
            { highWaterMark: 0 },
          ),
        ),
    );
    const receiver: RecordingReceiver = send(
      upstream,
      {},
      { onData: () => receiver.call?.pause() },
    );
    await receiver.when(() => receiver.bytes > 0);
    for (let i = 0; i < 20; i++) await turn();
    expect(pulls).toBeLessThan(6);
    receiver.on = {};
    receiver.call?.resume();
    expect((await receiver.done()).bytes).toBe(49_000);
  });
});

describe("PUB-20: a response that fetch has decoded", () => {
  const text = "decoded text ".repeat(50);

  async function origin() {
    const server = createServer((request, response) => {
      const coding = request.url?.slice(1) ?? "";
      const bytes =
        { gzip: gzipSync(text), br: brotliCompressSync(text) }[coding] ?? Buffer.from(text);
      const fields: string[] = ["content-length", String(bytes.length), "x-a", "1"];
      if (coding !== "plain") fields.push("content-encoding", coding);
      response.writeHead(200, fields);
      response.end(bytes);
    });
    return listenForTest(server);
  }

  const ways: [string, (response: Response) => Response | Promise<Response>][] = [
    ["returned as it is", (response) => response],
    ["copied with its fields", (response) => new Response(response.body, response)],
    ["read and rewritten", async (response) => new Response(await response.text(), response)],
  ];
  for (const [way, transform] of ways) {
    it(`${way}: says what its bytes are`, async () => {
      const url = await origin();
      for (const coding of ["gzip", "br", "plain"]) {
        const upstream = upstreamOf(async () => transform(await fetch(`${url}/${coding}`)));
        const done = await send(upstream).done();
        expect([done.text, done.field("content-encoding")]).toEqual([text, undefined]);
        expect([undefined, String(text.length)]).toContain(done.field("content-length"));
        expect(done.field("x-a")).toBe("1");
      }
    });
  }

  it("is told from content that an app compressed itself", async () => {
    for (const [coding, bytes] of [
      ["gzip", gzipSync(text)],
      ["br", brotliCompressSync(text)],
    ] as const) {
      const headers = { "Content-Encoding": coding };
      const done = await send(upstreamOf(() => new Response(bytes, { headers }))).done();
      expect([done.field("content-encoding"), done.field("content-length")]).toEqual([
        ...[coding, String(bytes.length)],
      ]);
      expect(Buffer.concat(done.chunks)).toEqual(bytes);
    }
  });
});

describe("close", () => {
  it("waits for what runs and refuses what comes", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const upstream = upstreamOf(() => promise);
    const running = send(upstream);
    let closed = false;
    const closing = upstream.close().then(() => (closed = true));
    expect((await send(upstream).done()).error?.code).toBe("PROXY_UPSTREAM_CLOSED");
    expect(closed).toBe(false);
    resolve(new Response("ok"));
    expect((await running.done()).text).toBe("ok");
    await closing;
  });
});

interface ExecutionContextLike {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

function raise(error: Error): never {
  throw error;
}

async function used(): Promise<Response> {
  const response = new Response("x");
  await response.text();
  return response;
}

function failing(): ReadableStream {
  return new ReadableStream({ pull: (controller) => controller.error(new Error("boom")) });
}
