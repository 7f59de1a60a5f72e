import { createTestProxy } from "gatewright/testing";
import { describe, expect, it } from "vitest";

import htmlRewrite, { type RewriteRule } from "./index.ts";

async function rewrite(
  html: string | Uint8Array<ArrayBuffer> | ReadableStream,
  rules: readonly RewriteRule[],
  type = "text/html",
): Promise<Response> {
  const proxy = await createTestProxy(
    {
      upstreams: { app: { targets: ["http://10.0.0.1"] } },
      plugins: [htmlRewrite({ rules })],
    },
    {
      upstreams: {
        app: () => new Response(html, { headers: { "content-type": type, etag: '"v1"' } }),
      },
    },
  );
  const response = await proxy.fetch("/");
  const copy = new Response(await response.bytes(), response);
  await proxy.close();
  return copy;
}

const text = async (...args: Parameters<typeof rewrite>): Promise<string> =>
  (await rewrite(...args)).text();

describe("a rule", () => {
  it("sets, changes and removes attributes", async () => {
    const rules: RewriteRule[] = [
      {
        element: "a",
        where: ({ href }) => href?.startsWith("http:") === true,
        set: {
          href: (value) => value?.replace("http:", "https:") ?? null,
          rel: "noopener",
          onclick: null,
        },
      },
    ];
    expect(
      await text('<p><a href="http://a.test" onclick="x()">A</a> <a href="/b">B</a>', rules),
    ).toBe('<p><a href="https://a.test" rel="noopener">A</a> <a href="/b">B</a>');
  });

  it("puts HTML before, after and inside, at the ends of nested elements too", async () => {
    const rules: RewriteRule[] = [
      { element: "div", before: "[", prepend: "(", append: ")", after: "]" },
      { element: "br", after: "!" },
    ];
    expect(await text("<div>a<div>b<br></div></div>c", rules)).toBe(
      "[<div>(a[<div>(b<br>!)</div>])</div>]c",
    );
  });

  it("removes elements with all that is in them", async () => {
    const rules: RewriteRule[] = [
      { element: "script", remove: true },
      { element: "nav", remove: true, after: "<hr>" },
    ];
    const html = "<body><script>if (1 < 2) x()</script><nav><ul><li>a<nav>b</nav></ul></nav>text";
    expect(await text(html, rules)).toBe("<body><hr>text");
  });

  it("escapes attribute values", async () => {
    const rules: RewriteRule[] = [{ element: "img", set: { alt: '"><script>' } }];
    expect(await text("<img>", rules)).toBe('<img alt="&quot;><script>">');
  });
});

describe("everything else", () => {
  it("stays as it is, to the byte", async () => {
    const html = `<!DOCTYPE html>\n<!-- <a> --><P CLASS=x>&amp;&copy;\t<input disabled></p><pre>\n a</pre>`;
    expect(await text(html, [{ element: "a", remove: true }])).toBe(html);
  });

  it("that is no HTML is not touched", async () => {
    const response = await rewrite("<a>", [{ element: "a", remove: true }], "text/plain");
    expect(await response.text()).toBe("<a>");
    expect(response.headers.get("etag")).toBe('"v1"');
  });
});

it("decodes what is not UTF-8 and says what it has become", async () => {
  const latin1 = Uint8Array.from(Buffer.from("<p>caf\u00E9</p>", "latin1"));
  const response = await rewrite(
    latin1,
    [{ element: "p", append: "!" }],
    "text/html; charset=latin1",
  );
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await response.text()).toBe("<p>café!</p>");
});

it("edits tags and characters that chunks cut in two", async () => {
  const bytes = new TextEncoder().encode('<p title="é">é</p>'.repeat(20));
  const stream = ReadableStream.from(
    (function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    })(),
  );
  expect(await text(stream, [{ element: "p", set: { title: "x" } }])).toBe(
    '<p title="x">é</p>'.repeat(20),
  );
});

it("lets go of a document as it comes", async () => {
  let ask: (() => void) | undefined;
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("<p>first</p>"));
      ask = () => {
        controller.enqueue(new TextEncoder().encode("<p>last</p>"));
        controller.close();
      };
    },
  });
  await using proxy = await createTestProxy(
    {
      upstreams: { app: { targets: ["http://10.0.0.1"] } },
      plugins: [htmlRewrite({ rules: [{ element: "p", append: "." }] })],
      compression: false,
    },
    {
      upstreams: {
        app: () => new Response(stream, { headers: { "content-type": "text/html" } }),
      },
    },
  );
  const response = await proxy.fetch("/");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = await reader.read();
  // The rest has not been sent yet.
  expect(new TextDecoder().decode(first.value)).toBe("<p>first.</p>");
  ask?.();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    rest += new TextDecoder().decode(part.value);
  }
  expect(rest).toBe("<p>last.</p>");
});

it("refuses a selector in place of a name", () => {
  expect(() => htmlRewrite({ rules: [{ element: "a.b" }] })).toThrow("no element");
});
