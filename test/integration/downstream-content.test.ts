import { describe, expect, it } from "vitest";

import type { ProxyError } from "../../runtime/errors.ts";
import type { ContentSource } from "../../runtime/http/content.ts";
import { connectRaw, fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { answer, echo, listen, ManualTime, outcomeOf, readContent } from "../helpers/listening.ts";
import { scaled } from "../helpers/scale.ts";

const post = (fields: string, content = "") =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n${content}`;

/** What an error of a content looks like. */
function failureOf(content: ContentSource | undefined): Promise<string> {
  if (content === undefined) throw new Error("no content");
  return readContent(content).then(
    () => "whole",
    (error: ProxyError) => error.code,
  );
}

describe("a request's content", () => {
  it("is there with any method that announces it, and only then (RFC 9112 §6)", async () => {
    const { port, exchanges } = await listen(echo);
    const client = await connectRaw(port);
    for (const method of ["GET", "DELETE", "OPTIONS", "PUT"]) {
      client.send(
        `${method} / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\n\r\n23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n`,
      );
      expect((await client.response()).content.toString()).toBe(
        "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
      );
    }
    client.send(
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\nDELETE / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    );
    expect((await client.response()).content).toHaveLength(0);
    expect((await client.response()).content).toHaveLength(0);
    expect(exchanges.map((exchange) => exchange.content === undefined)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
    client.destroy();
  });

  it("has its length if declared, and its trailers raw (RFC 9112 §7.1.2)", async () => {
    const trailers: (readonly string[])[] = [];
    const { port, exchanges } = await listen((exchange) => {
      void readContent(exchange.content as ContentSource).then((read) => {
        trailers.push(read.trailers);
        answer(exchange);
      });
    });
    const client = await connectRaw(port);
    client.send(post("Content-Length: 3\r\n", "abc"));
    await client.response();
    client.send(
      post(
        "Transfer-Encoding: chunked\r\n",
        "3;ext=1\r\nabc\r\n0\r\nX-Sum: 1\r\nx-sum: \xe4\r\n\r\n",
      ),
    );
    await client.response();
    expect(exchanges.map((exchange) => exchange.content?.length)).toEqual([3, undefined]);
    expect(exchanges[1]?.bytesReceived).toBe(3);
    expect(trailers).toEqual([[], ["X-Sum", "1", "x-sum", "\xe4"]]);
    client.destroy();
  });

  it.each(["onData", "onEnd", "onError"] as const)(
    "whose reader throws in %s fails its own request only",
    async (callback) => {
      const { port, errors, exchanges } = await listen((exchange) => {
        if (exchange.content === undefined) {
          answer(exchange);
          return;
        }
        const sink = { onData() {}, onEnd() {}, onError() {} };
        exchange.content.open({
          ...sink,
          [callback]: () => {
            throw new Error(callback);
          },
        });
      });
      const bystander = await connectRaw(port);
      const client = await connectRaw(port);
      await client.send(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"));
      await expect.poll(() => exchanges.length).toBe(1);
      await client.send(callback === "onError" ? "zz" : "0\r\n\r\n");
      expect(await client.closes()).toBe(true);
      expect(await outcomeOf(exchanges[0]).closed).toBe(false);
      await bystander.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
      expect((await bystander.response()).status).toBe(200);
      expect(errors).toHaveLength(1);
      errors.length = 0;
      bystander.destroy();
    },
  );

  it("does not arrive while it is paused", async () => {
    let received = 0;
    const total = 4 * 1024 * 1024;
    const { port, exchanges } = await listen((exchange) => {
      exchange.content?.open({
        onData(chunk) {
          received += chunk.length;
          exchange.content?.pause();
        },
        onEnd: () => answer(exchange, `${received}`),
        onError: () => exchange.abort(),
      });
    });
    const client = await connectRaw(port);
    client.send(post(`Content-Length: ${total}\r\n`));
    client.send(Buffer.alloc(total));
    await expect.poll(() => received).toBeGreaterThan(0);
    const before = received;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received).toBe(before);
    const content = exchanges[0]?.content;
    const timer = setInterval(() => content?.resume(), 0);
    expect((await client.response()).content.toString()).toBe(`${total}`);
    clearInterval(timer);
    client.destroy();
  });

  it("ends with an error when the client goes away", async () => {
    for (const leave of ["end", "reset"] as const) {
      const failures: Promise<string>[] = [];
      const { port, exchanges } = await listen((exchange) => {
        failures.push(failureOf(exchange.content));
      });
      const client = await connectRaw(port);
      await client.send(post("Content-Length: 10\r\n", "abc"));
      await expect.poll(() => exchanges[0]?.bytesReceived).toBe(3);
      client[leave]();
      expect(await failures[0]).toBe("PROXY_CLIENT_ABORTED");
      expect(await outcomeOf(exchanges[0]).closed).toBe(false);
    }
  });

  it("tells a reader that opens it too late that the client is gone", async () => {
    const { port, exchanges } = await listen(() => undefined);
    const client = await connectRaw(port);
    await client.send(post("Content-Length: 10\r\n", "abc"));
    await expect.poll(() => exchanges.length).toBe(1);
    client.reset();
    await outcomeOf(exchanges[0]).closed;
    expect(await failureOf(exchanges[0]?.content)).toBe("PROXY_CLIENT_ABORTED");
  });

  it("that stops to be HTTP fails, is answered and closes the connection (RFC 9112 §7.1)", async () => {
    const { port, exchanges } = await listen(echo);
    const client = await connectRaw(port);
    client.send(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"));
    await expect.poll(() => exchanges[0]?.bytesReceived).toBe(3);
    client.send("zz\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    const response = await client.response();
    expect(response.status).toBe(400);
    expect(fieldOf(response, "connection")).toBe("close");
    expect((await client.readUntilClose()).bytes).toHaveLength(0);
    expect(exchanges).toHaveLength(1);
  });

  it("that stops arriving is answered with 408 (RFC 9110 §15.5.9)", async () => {
    const { port, exchanges } = await listen(echo, { limits: { contentIdleMs: 200 } });
    const client = await connectRaw(port);
    await client.send(post("Content-Length: 10\r\n", "abc"));
    const started = performance.now();
    const response = await client.response();
    expect(performance.now() - started).toBeGreaterThan(180);
    expect(response.status).toBe(408);
    expect(fieldOf(response, "connection")).toBe("close");
    expect(exchanges).toHaveLength(1);
    client.destroy();
  });

  it("may take as long as it likes if it keeps arriving (PUB-48)", async () => {
    const { port } = await listen(echo, { limits: { contentIdleMs: 200, headTimeMs: 300 } });
    const client = await connectRaw(port);
    const count = scaled(12, 60);
    await client.send(post(`Content-Length: ${count}\r\n`));
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.send("x");
    }
    expect((await client.response()).content.toString()).toBe("x".repeat(count));
    client.destroy();
  });

  it("is not timed while its reader holds it back", async () => {
    const { port, exchanges } = await listen(
      (exchange) => {
        exchange.content?.open({
          onData: () => exchange.content?.pause(),
          onEnd: () => answer(exchange),
          onError: () => exchange.abort(),
        });
      },
      { limits: { contentIdleMs: 100 } },
    );
    const client = await connectRaw(port);
    await client.send(post("Content-Length: 2\r\n", "a"));
    await expect.poll(() => exchanges[0]?.bytesReceived).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    exchanges[0]?.content?.resume();
    await client.send("b");
    await expect.poll(() => exchanges[0]?.bytesReceived).toBe(2);
    exchanges[0]?.content?.resume();
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it("need not be read: a short one is dropped and the connection goes on", async () => {
    const { port, exchanges } = await listen((exchange) => answer(exchange));
    const client = await connectRaw(port);
    await client.send(
      post("Content-Length: 3\r\n", "abc") + post("Content-Length: 30000\r\n", "abc"),
    );
    await client.response();
    expect(fieldOf(await client.response(), "connection")).toBeUndefined();
    await client.send("GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n".padEnd(29_997));
    await client.send("GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await client.response();
    expect(exchanges.map((exchange) => exchange.target)).toEqual(["/", "/", "/next"]);
    client.destroy();
  });
});

describe("an answer that comes before the content (PUB-47)", () => {
  const refuse = (exchange: Parameters<typeof answer>[0]) => answer(exchange, "too large", 413);

  it.each([
    ["declared", (size: number) => [post(`Content-Length: ${size}\r\n`), Buffer.alloc(size)]],
    [
      "chunked",
      (size: number) => [
        post("Transfer-Encoding: chunked\r\n", `${size.toString(16)}\r\n`),
        Buffer.alloc(size),
        "\r\n0\r\n\r\n",
      ],
    ],
  ] as const)("reaches a client that writes all of its %s content first", async (_how, parts) => {
    const { port } = await listen(refuse);
    for (let round = 0; round < scaled(3, 10); round++) {
      const client = await connectRaw(port);
      client.socket.pause();
      for (const part of parts(scaled(5, 50) * 1024 * 1024)) await client.send(part);
      client.socket.resume();
      const response = await client.response();
      expect(response.status).toBe(413);
      expect(fieldOf(response, "connection")).toBe("close");
      expect((await client.readUntilClose()).reset).toBe(false);
    }
  });

  it("reaches a client whose content was read in part", async () => {
    const { port } = await listen((exchange) => {
      exchange.content?.open({
        onData() {
          exchange.content?.cancel();
          refuse(exchange);
        },
        onEnd: () => undefined,
        onError: () => undefined,
      });
    });
    const client = await connectRaw(port);
    const size = 5 * 1024 * 1024;
    client.socket.pause();
    await client.send(post(`Content-Length: ${size}\r\n`));
    await client.send(Buffer.alloc(size));
    client.socket.resume();
    expect((await client.response()).status).toBe(413);
    expect((await client.readUntilClose()).reset).toBe(false);
  });

  it("closes the connection within a bounded time if the content never ends", async () => {
    const time = new ManualTime();
    const { port, listener } = await listen(refuse, { wheel: time.wheel });
    const client = await connectRaw(port);
    await client.send(post("Content-Length: 100000\r\n", "abc"));
    expect((await client.response()).status).toBe(413);
    await time.pass(4000);
    expect(listener.stats().connections).toBe(1);
    await time.pass(2000);
    await expect.poll(() => listener.stats().connections).toBe(0);
    client.destroy();
  });

  it("closes the connection after 30 s of a content that trickles on", async () => {
    const time = new ManualTime();
    const { port, listener } = await listen(refuse, { wheel: time.wheel });
    const client = await connectRaw(port);
    await client.send(post("Content-Length: 100000\r\n", "abc"));
    expect((await client.response()).status).toBe(413);
    for (let second = 0; second < 29; second++) {
      await client.send("x");
      await time.pass(1000);
    }
    expect(listener.stats().connections).toBe(1);
    await client.send("x");
    await time.pass(5000);
    await expect.poll(() => listener.stats().connections).toBe(0);
    client.destroy();
  });

  it("does not let the rest of the content be read as a request", async () => {
    const { port, exchanges } = await listen(refuse);
    const client = await connectRaw(port);
    await client.send(post("Content-Length: 100000\r\n", "abc"));
    await client.response();
    await client.send("GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(10));
    expect((await client.readUntilClose()).bytes).toHaveLength(0);
    expect(exchanges).toHaveLength(1);
  });
});

describe("Expect: 100-continue (RFC 9110 §10.1.1)", () => {
  const expecting = post("Expect: 100-Continue\r\nContent-Length: 3\r\n");

  it("gets 100 when the content is opened", async () => {
    const { port, exchanges } = await listen(echo);
    const client = await connectRaw(port);
    client.send(expecting);
    const first = await client.response();
    expect(first.status).toBe(100);
    expect(first.fields).toEqual([]);
    client.send("abc");
    const response = await client.response();
    expect(response.content.toString()).toBe("abc");
    expect(fieldOf(response, "connection")).toBeUndefined();
    expect(exchanges[0]?.expectsContinue).toBe(true);
    client.destroy();
  });

  it("gets no 100 if it is refused, and the connection closes", async () => {
    const { port } = await listen((exchange) => answer(exchange, "no", 403));
    const client = await connectRaw(port);
    client.send(expecting);
    const response = await client.response();
    expect(response.status).toBe(403);
    expect(fieldOf(response, "connection")).toBe("close");
    client.destroy();
  });

  it("gets no 100 if the content is opened after the head", async () => {
    const { port } = await listen((exchange) => {
      exchange.writeHead(200, ["Content-Length", "0"]);
      exchange.content?.open({ onData() {}, onEnd() {}, onError() {} });
      exchange.end();
    });
    const client = await connectRaw(port);
    client.send(expecting);
    expect((await client.response()).status).toBe(200);
    client.destroy();
  });

  it("means nothing without content and in HTTP/1.0", async () => {
    const { port, exchanges } = await listen(echo);
    const client = await connectRaw(port);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\n");
    expect((await client.response()).status).toBe(200);
    client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    const response = await client.response();
    expect(response.content.toString()).toBe("abc");
    expect(fieldsOf(response, "date")).toHaveLength(1);
    expect(exchanges.map((exchange) => exchange.expectsContinue)).toEqual([false, false]);
    client.destroy();
  });
});
