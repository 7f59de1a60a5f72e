import type { BodyInput } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

const post = (content: string, ...lines: string[]): string =>
  `${["POST /x HTTP/1.1", "Host: a.test", `Content-Length: ${Buffer.byteLength(content, "latin1")}`, ...lines].join("\r\n")}\r\n\r\n${content}`;

const chunked = (content: string): string =>
  `POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`;

describe("request content in hooks", () => {
  it.each([
    ["with a length", post],
    ["in chunks", chunked],
  ])("%s, is read by several hooks and still forwarded", async (_name, make) => {
    const seen: unknown[] = [];
    const { ask, upstream } = await throughProxy({
      config: {
        plugins: [
          {
            name: "reads",
            api: 1,
            async onRequest(request) {
              seen.push(await request.json(), request.hasContent);
              const bytes = await request.bytes();
              // A hook's own copy.
              bytes.fill(0);
            },
          },
        ],
        async onRequest(request) {
          seen.push(await request.text(), await request.toWeb().text());
        },
      },
    });
    const content = '{"a":1}';
    await ask(make(content));
    expect(seen).toEqual([{ a: 1 }, true, content, content]);
    const request = await upstream.request(1);
    expect(request.content.toString()).toBe(content);
    expect(upstream.violations).toEqual([]);
  });

  it("is forwarded whole where it is larger than a packet", async () => {
    const content = "0123456789".repeat(60_000);
    const { ask, upstream } = await throughProxy({
      config: {
        async onRequest(request) {
          expect(await request.text()).toBe(content);
        },
      },
    });
    expect((await ask(post(content))).status).toBe(200);
    expect((await upstream.request(1)).content.toString()).toBe(content);
  });

  it.each([
    ["with a length", post],
    ["in chunks", chunked],
  ])(
    "%s, above the memory that a hook may use is 413, and never reaches the upstream",
    async (_name, make) => {
      const { ask, upstream, proxy } = await throughProxy({
        config: {
          requestContent: { memory: 1000 },
          async onRequest(request) {
            await request.text();
          },
        },
      });
      expect((await ask(make("x".repeat(1000)))).status).toBe(200);
      const response = await ask(make("x".repeat(1001)));
      expect(response.status).toBe(413);
      expect(upstream.requests).toHaveLength(1);
      expect((await proxy.accessed(({ status }) => status === 413)).error).toBe(
        "PROXY_CONTENT_TOO_LARGE",
      );
    },
  );

  it("above it streams past hooks that do not read", async () => {
    const { ask, upstream } = await throughProxy({
      config: { requestContent: { memory: 10 }, onRequest() {} },
    });
    expect((await ask(post("x".repeat(5000)))).status).toBe(200);
    expect((await upstream.request(1)).content.length).toBe(5000);
  });

  it("that is refused by a hook that caught the refusal is still not forwarded in part", async () => {
    const { ask, upstream } = await throughProxy({
      config: {
        requestContent: { memory: 10 },
        async onRequest(request) {
          await request.text().catch(() => {});
        },
      },
    });
    expect((await ask(post("x".repeat(5000)))).status).toBe(413);
    expect(upstream.requests).toHaveLength(0);
  });

  it("is parsed as a form", async () => {
    const seen: unknown[] = [];
    const { ask } = await throughProxy({
      config: {
        async onRequest(request) {
          seen.push(...(await request.formData()).entries());
        },
      },
    });
    await ask(post("a=1&b=%C3%A4", "Content-Type: application/x-www-form-urlencoded"));
    expect(seen).toEqual([
      ["a", "1"],
      ["b", "ä"],
    ]);
  });

  it("that is no JSON fails the hook, which may catch it", async () => {
    const { ask } = await throughProxy({
      config: {
        async onRequest(request, ctx) {
          try {
            await request.json();
          } catch (error) {
            return ctx.respond(422, (error as Error).name);
          }
        },
      },
    });
    const response = await ask(post("{"));
    expect([response.status, response.content.toString()]).toEqual([422, "SyntaxError"]);
  });
});

describe("request.setBody", () => {
  it.each<[name: string, make: () => BodyInput, text: string, framing: string]>([
    ["text", () => "neu ä", "neu ä", "length"],
    ["bytes", () => new TextEncoder().encode("bytes"), "bytes", "length"],
    ["a stream", () => new Response("stream").body, "stream", "chunked"],
    ["null", () => null, "", "none"],
    ["empty text", () => "", "", "none"],
  ])("with %s gets the right length or chunks", async (_name, make, text, framing) => {
    const { ask, upstream } = await throughProxy({
      config: {
        async onRequest(request) {
          await request.text();
          request.setBody(make());
        },
      },
    });
    await ask(post("the old content, longer than the new one"));
    await ask(post(""));
    for (const number of [1, 2]) {
      const request = await upstream.request(number);
      expect(request.content.toString()).toBe(text);
      expect(request.field("Transfer-Encoding")).toBe(
        framing === "chunked" ? "chunked" : undefined,
      );
      if (framing === "length")
        expect(request.field("Content-Length")).toBe(String(Buffer.byteLength(text)));
    }
    expect(upstream.violations).toEqual([]);
  });

  it("drops the digests and the coding of the old content, and later hooks read the new one", async () => {
    const seen: string[] = [];
    const { ask, upstream } = await throughProxy({
      config: {
        plugins: [{ name: "sets", api: 1, onRequest: (request) => request.setBody("new") }],
        async onRequest(request) {
          seen.push(await request.text(), request.headers.get("content-length") ?? "");
        },
      },
    });
    await ask(post("old", "Content-Encoding: gzip", "Content-MD5: abc", "X-A: 1"));
    const { field } = await upstream.request(1);
    expect(seen).toEqual(["new", "3"]);
    expect([field("content-encoding"), field("content-md5"), field("x-a")]).toEqual([
      undefined,
      undefined,
      "1",
    ]);
  });
});
