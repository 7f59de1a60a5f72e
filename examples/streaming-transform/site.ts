/** Stands for a site: pages in chunks that cut words in two, plain, compressed and without end. */
import { gzipSync } from "node:zlib";

const PAGE = [
  "<p>See <a href='http://ol",
  "d.example/a'>this</a>",
  " and http://old.",
  "example/b.</p>",
];

export function site(request: Request): Response {
  switch (new URL(request.url).pathname) {
    case "/plain":
      return html(ReadableStream.from(PAGE.map((text) => bytes(text))), { etag: '"v1"' });
    case "/gzip": {
      const zipped = gzipSync(PAGE.join(""));
      return html(zipped, { "content-encoding": "gzip", "content-length": String(zipped.length) });
    }
    case "/endless":
      return html(ReadableStream.from(ticks()), {});
    case "/data.json":
      return Response.json({ url: "http://old.example/" });
    default:
      return new Response("No such page.\n", { status: 404 });
  }
}

function html(
  body: ReadableStream | Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Response {
  return new Response(body, {
    headers: { "content-type": "text/html; charset=utf-8", ...headers },
  });
}

async function* ticks(): AsyncGenerator<Uint8Array> {
  for (let i = 1; ; i++) {
    yield bytes(`<p>${i}: http://old.example/</p>\n`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
